"""Which entries and addresses agents are told to start, and what is said of the others."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from callgate.agents.native.control import Native
from callgate.agents.native.table import NATIVES
from callgate.model.call import Effect
from callgate.model.identity import Identified, ServerIdentity
from callgate.model.inventory import ConfigFile, Entry, Format, Scope, Transport
from callgate.policy.allowlist import Allowlist, Approval
from callgate.policy.terms import Terms
from callgate.registry.native import Found, Rendering, fleet, machine

NOW = 1_000_000.0
LAUNCHER = "/home/ann/launchers/claude-code/x-1"


def native(agent: str = "claude-code") -> Native:
    return next(one for one in NATIVES if one.agent == agent)


def rules(**effects: Effect) -> Allowlist:
    """Approvals of npm packages by name; `url` is https://x.example/mcp."""
    return Allowlist(
        tuple(
            Approval(f"local/{name}", (ServerIdentity("url", "https://x.example/mcp") if name == "url"
                                       else ServerIdentity("npm", name),), effect)
            for name, effect in effects.items()
        )
    )  # fmt: skip


def found(
    name: str,
    package: str,
    *,
    agent: str = "claude-code",
    behind: bool = True,
    scope: Scope = Scope.USER,
    secret: bool = False,
) -> Found:
    file = ConfigFile(agent, scope, "/home/ann/.conf.json", Format.JSON, "claude")
    line = ("npx", package)
    argv = (f"/home/ann/launchers/{agent}/{name}-1", "--", *line) if behind else line
    entry = Entry(agent, name, file, ("mcpServers", name), Transport.STDIO, argv)
    why = "" if behind else "it belongs to a plugin"
    return Found(entry, Identified(ServerIdentity("npm", package), "test"), behind, why, secret)


def remote(name: str, url: str, *, secret: bool = False) -> Found:
    file = ConfigFile("claude-code", Scope.USER, "/home/ann/.conf.json", Format.JSON, "claude")
    entry = Entry("claude-code", name, file, ("mcpServers", name), Transport.HTTP, url=url)
    return Found(entry, Identified(ServerIdentity("url", url), "test"), False, "a remote server", secret)


def told(rendering: Rendering) -> dict[str, object]:
    (piece,) = rendering.pieces
    value = json.loads(piece.text)
    assert isinstance(value, dict)
    return value


def test_only_what_is_approved_and_behind_a_launcher_may_start() -> None:
    entries = [found("good", "good"), found("bare", "good", behind=False), found("new", "new")]
    made = machine(rules(good=Effect.ALLOW), entries, native(), "linux", NOW)
    assert told(made)["allowedMcpServers"] == [
        {"serverCommand": ["/home/ann/launchers/claude-code/good-1", "--", "npx", "good"]}
    ]
    assert any("'bare'" in line and "not behind the gate (it belongs to a plugin)" in line for line in made.remarks)
    assert any("'new'" in line and "not on the allowlist" in line for line in made.remarks)


def test_a_server_that_is_held_for_approval_may_start_for_its_calls_are_what_is_held() -> None:
    made = machine(rules(good=Effect.ASK), [found("good", "good")], native(), "linux", NOW)
    assert len(told(made)["allowedMcpServers"]) == 1  # type: ignore[arg-type]


def test_a_denied_server_is_denied_by_both_command_lines_and_its_name() -> None:
    made = machine(rules(bad=Effect.DENY), [found("bad", "bad")], native(), "linux", NOW)
    assert told(made)["deniedMcpServers"] == [
        {"serverCommand": ["/home/ann/launchers/claude-code/bad-1", "--", "npx", "bad"]},
        {"serverCommand": ["npx", "bad"]},
        {"serverName": "bad"},
    ]


def test_the_name_of_an_approved_server_is_not_denied_with_another_of_that_name() -> None:
    entries = [found("x", "good"), found("x", "bad", scope=Scope.PROJECT)]
    made = machine(rules(good=Effect.ALLOW, bad=Effect.DENY), entries, native(), "linux", NOW)
    assert {"serverName": "x"} not in told(made)["deniedMcpServers"]  # type: ignore[operator]
    assert {"serverCommand": ["npx", "bad"]} in told(made)["deniedMcpServers"]  # type: ignore[operator]
    assert any("not denied by name" in line for line in made.remarks)


def test_a_server_that_is_only_unknown_is_not_denied_so_that_an_approval_is_enough() -> None:
    made = machine(rules(), [found("new", "new")], native(), "linux", NOW)
    assert told(made) == {"allowManagedMcpServersOnly": True, "allowedMcpServers": [], "deniedMcpServers": []}


def test_an_approval_that_has_ended_allows_nothing() -> None:
    over = Allowlist((Approval("x", (ServerIdentity("npm", "good"),), Effect.ALLOW, terms=Terms(ends=NOW - 1)),))
    made = machine(over, [found("good", "good")], native(), "linux", NOW)
    assert told(made)["allowedMcpServers"] == []


def test_a_command_line_with_a_secret_is_on_no_list_for_everyone_can_read_it() -> None:
    entries = [found("good", "good", secret=True), found("bad", "bad", secret=True)]
    made = machine(rules(good=Effect.ALLOW, bad=Effect.DENY), entries, native(), "linux", NOW)
    assert told(made) == {
        "allowManagedMcpServersOnly": True,
        "allowedMcpServers": [],
        "deniedMcpServers": [{"serverName": "bad"}],
    }
    assert any("looks like a secret" in line for line in made.remarks)


def test_addresses_that_the_registry_allows_are_listed_with_or_without_an_entry() -> None:
    made = machine(rules(url=Effect.ALLOW), [], native(), "linux", NOW)
    assert told(made)["allowedMcpServers"] == [{"serverUrl": "https://x.example/mcp"}]
    made = machine(rules(url=Effect.ALLOW), [remote("x", "https://x.example/mcp")], native(), "linux", NOW)
    assert told(made)["allowedMcpServers"] == [{"serverUrl": "https://x.example/mcp"}]


def test_an_address_that_is_denied_is_denied_everywhere() -> None:
    made = fleet(rules(url=Effect.DENY), native(), "linux", NOW)
    assert told(made) == {"deniedMcpServers": [{"serverUrl": "https://x.example/mcp"}]}


def test_an_unapproved_address_is_on_no_list() -> None:
    made = machine(rules(), [remote("x", "https://other.example/mcp")], native(), "linux", NOW)
    assert "other.example" not in json.dumps(told(made))


def test_an_address_with_a_star_is_no_pattern_of_ours() -> None:
    wild = Allowlist((Approval("x", (ServerIdentity("url", "https://*"),), Effect.ALLOW),))
    for entries in ([], [remote("x", "https://*")]):
        made = machine(wild, entries, native(), "linux", NOW)
        assert told(made)["allowedMcpServers"] == []
    assert any("`*`" in line for line in made.remarks)


def test_entries_of_other_agents_count_only_where_they_read_the_same_file() -> None:
    entries = [found("a", "good"), found("b", "good", agent="vscode"), found("c", "good", agent="copilot-cli")]
    allowed = rules(good=Effect.ALLOW)
    assert len(told(machine(allowed, entries, native(), "linux", NOW))["allowedMcpServers"]) == 1  # type: ignore[arg-type]
    both = told(machine(allowed, entries, native("copilot-cli"), "linux", NOW))["allowedMcpServers"]
    assert len(both) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("system", ["linux", "macos", "windows"])
@pytest.mark.parametrize("one", NATIVES, ids=lambda one: one.agent)
def test_a_fleet_is_never_given_an_allow_list_of_exact_commands(one: Native, system: str) -> None:
    made = fleet(rules(good=Effect.ALLOW, url=Effect.ALLOW), one, system, NOW)
    for piece in made.pieces:
        assert b"serverCommand" not in piece.text and b"allowedMcpServers" not in piece.text
    assert made.pieces or made.remarks


def test_the_token_in_an_address_of_our_own_port_is_in_no_file() -> None:
    token = "0123456789abcdef" * 2
    behind = remote("x", f"http://127.0.0.1:4312/mcp/{token}")
    behind = replace(behind, server=Identified(ServerIdentity("url", "https://x.example/mcp"), "its route"))
    for one in NATIVES:
        entry = replace(behind, entry=replace(behind.entry, agent=one.agent))
        made = machine(rules(url=Effect.ALLOW), [entry], one, "linux", NOW)
        for piece in made.pieces:
            assert token.encode() not in piece.text
            if b"serverUrl" in piece.text or b"mcpPermissions" in piece.text:
                assert b"http://127.0.0.1:4312/mcp/*" in piece.text


def test_a_denied_server_behind_our_own_port_does_not_close_the_port_to_others() -> None:
    behind = remote("x", "http://127.0.0.1:4312/mcp/" + "0123456789abcdef" * 2)
    behind = replace(behind, server=Identified(ServerIdentity("url", "https://x.example/mcp"), "its route"))
    made = machine(rules(url=Effect.DENY), [behind], native(), "linux", NOW)
    assert told(made)["deniedMcpServers"] == [{"serverUrl": "https://x.example/mcp"}, {"serverName": "x"}]
