"""`callgate policy` with a real daemon: check, test, set, what then happens to calls, replay, break-glass, remove."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Cli
from frame_client import FrameClient

GOOD = """
@id("approved")
permit(principal, action, resource);

@id("no-keys")
@reason("Keys stay on this machine.")
forbid(principal, action == Callgate::Action::"mcp:tools/call", resource)
when { context.names.contains("id_rsa") };
"""
BAD = '@id("a")\npermit(principal, action, resource)\nwhen { context.colour == "red" };\n'
DENY_ALL = '@id("no") forbid(principal, action, resource);\n'
TABLE = 'effect,rule,server,tool,arguments\nallow,,npm:x,t,\ndeny,no-keys,npm:x,t,"{""path"": ""id_rsa""}"\n'


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in {"good": GOOD, "bad": BAD, "deny": DENY_ALL}.items():
        (tmp_path / f"{name}.cedar").write_text(text)
    (tmp_path / "table.csv").write_text(TABLE)
    return tmp_path


@pytest.fixture
def enforcing(cli: Cli) -> Iterator[Cli]:
    """A daemon that blocks, and one approved server."""
    config = {"mcpServers": {"cat": {"command": "/bin/cat"}}}
    (cli.place.home / ".claude.json").write_text(json.dumps(config))
    cli.good("up", "--enforce")
    with FrameClient(cli.place.folders.gate_socket) as shim:
        shim.greet()
    identity = cli.place.rows(kind="server.launched")[0]["server"]
    cli.good("allow", identity)
    yield cli


def called(cli: Cli, path: str) -> tuple[bool, str]:
    """Whether a call with that path passes, and the rule if not."""
    with FrameClient(cli.place.folders.gate_socket) as shim:
        assert shim.greet().allowed
        answer = shim.ask("read", {"path": path})
        return answer.allowed, answer.said.get("rule", "")


def test_check_lists_policies_or_every_mistake_with_its_line(cli: Cli, files: Path) -> None:
    good = cli.good("policy", "check", str(files / "good.cedar"))
    assert "no-keys" in good.out and "Keys stay" in good.out
    bad = cli("policy", "check", str(files / "bad.cedar"))
    assert bad.code == 1 and f"{files}/bad.cedar:3" in bad.out and "colour" in bad.out
    assert cli("policy", "check", str(files / "bad.cedar"), "--json").json["mistakes"][0]["line"] == 3
    noted = cli.good("policy", "check", str(files / "deny.cedar")).out
    assert "no policy permits mcp:tools/call" in noted and "no policy permits server:launch" in noted


def test_check_says_what_file_cannot_be_read(cli: Cli, files: Path) -> None:
    (files / "latin.cedar").write_bytes(b'@id("\xe9")')
    for name, told in (("none.cedar", "does not exist"), ("latin.cedar", "UTF-8"), (".", "not a file")):
        assert told in cli("policy", "check", str(files / name)).line


def test_table_tests_need_no_daemon_and_say_which_line_fails(cli: Cli, files: Path) -> None:
    table = str(files / "table.csv")
    assert "2 passed, 0 failed" in cli.good("policy", "test", table, "--policy", str(files / "good.cedar")).out
    failed = cli("policy", "test", table, "--policy", str(files / "deny.cedar"))
    assert failed.code == 1 and f"{table}:2" in failed.out and "deny by policy:no" in failed.out
    assert "line 3" in cli("policy", "test", table, "--policy", str(files / "bad.cedar")).line
    assert "--policy" in cli("policy", "test", table).line  # none is in force


def test_a_policy_that_is_set_decides_at_once_and_survives_a_restart(enforcing: Cli, files: Path) -> None:
    assert called(enforcing, "id_rsa") == (True, "")
    assert "in force: 2 policies" in enforcing.good("policy", "set", str(files / "good.cedar")).out
    assert called(enforcing, "id_rsa") == (False, "policy:no-keys") and called(enforcing, "x")[0]
    assert enforcing.good("policy", "test", str(files / "table.csv")).code == 0  # against the one in force
    shown = enforcing.good("policy", "show", "--json").json
    assert [one["id"] for one in shown["policies"]] == ["approved", "no-keys"] and shown["suspended"] is None
    enforcing.place.signal(signal.SIGKILL)
    enforcing.good("up")
    assert called(enforcing, "id_rsa") == (False, "policy:no-keys")
    (explained,) = enforcing.good("explain", "cat", "--json").json["servers"]
    assert [(one["agent"], one["rule"]) for one in explained["policy"]] == [("claude-code", "policy:approved")]
    assert "its launch by claude-code: allow" in enforcing.good("explain", "cat").out
    assert "removed: 2 policies" in enforcing.good("policy", "remove").out
    assert called(enforcing, "id_rsa")[0] and "no policy is in force" in enforcing.good("policy", "show").out
    changes = enforcing.place.rows(kind="policy.changed")
    assert [(row["detail"]["before"], row["detail"]["policies"]) for row in changes] == [(0, 2), (2, 0)]


def test_a_bad_policy_changes_nothing(enforcing: Cli, files: Path) -> None:
    enforcing.good("policy", "set", str(files / "good.cedar"))
    assert "line 3" in enforcing("policy", "set", str(files / "bad.cedar")).line
    assert called(enforcing, "id_rsa") == (False, "policy:no-keys")
    enforcing.good("allow", "npm:other")  # and does not stand in the way of the next change
    assert called(enforcing, "x")[0]


def test_a_policy_that_denies_everything_needs_force(enforcing: Cli, files: Path) -> None:
    refused = enforcing("policy", "set", str(files / "deny.cedar")).line
    assert "permits nothing" in refused and "--force" in refused
    called(enforcing, "x")
    (files / "late.cedar").write_text(GOOD + '@id("all") forbid(principal, action, resource);')
    refused = enforcing("policy", "set", str(files / "late.cedar")).line
    assert "denies all of the last" in refused
    assert called(enforcing, "x")[0]
    enforcing.good("policy", "set", str(files / "late.cedar"), "--force")
    with FrameClient(enforcing.place.folders.gate_socket) as shim:
        assert shim.greet().said["rule"] == "policy:all"
    assert any("break-glass" in one for one in enforcing.good("status", "--json").json["problems"])


def test_replay_counts_and_lists_what_would_change_and_changes_nothing(enforcing: Cli, files: Path) -> None:
    for path in ("x", "id_rsa", "y"):
        called(enforcing, path)
    found = enforcing.good("policy", "replay", str(files / "good.cedar"), "--json").json
    assert [(one["before"], one["after"], one["rule"], one["count"]) for one in found["changed"]] == [
        ("allow", "deny", "policy:no-keys", 1)
    ]
    assert found["denied_earlier"] == 1 and found["changes"][0]["tool"] == "read"
    shown = enforcing.good("policy", "replay", str(files / "good.cedar")).out
    assert "policy:no-keys" in shown and "Keys stay" in shown
    assert called(enforcing, "id_rsa")[0]
    enforcing.good("down")
    offline = enforcing.good(
        "policy", "replay", str(files / "good.cedar"), "--last", "0", "--since", "1h", "--json"
    ).json
    assert offline["questions"] >= found["questions"]


def test_break_glass_suspends_says_so_and_ends(enforcing: Cli, files: Path) -> None:
    assert "no policy in force" in enforcing("policy", "break-glass", "--minutes", "5", "--why", "x").line
    enforcing.good("policy", "set", str(files / "good.cedar"))
    assert "reason" in enforcing("policy", "break-glass", "--minutes", "5").line
    assert "60 minutes" in enforcing("policy", "break-glass", "--minutes", "61", "--why", "x").line
    assert "suspended until" in enforcing.good("policy", "break-glass", "--minutes", "5", "--why", "release").out
    assert "suspended until" in (told := enforcing.good("status").out) and "release" in told
    assert called(enforcing, "id_rsa")[0]
    row = enforcing.place.rows(kind="call.asked")[-1]
    assert row["rule"] == "policy.suspended" and "policy:no-keys would deny" in row["reason"]
    assert "release" in enforcing.good("policy", "show").out
    enforcing.place.signal(signal.SIGKILL)
    enforcing.good("up")
    assert called(enforcing, "id_rsa")[0]  # the next daemon goes on
    assert "holds again" in enforcing.good("policy", "break-glass", "--minutes", "0").out
    assert called(enforcing, "id_rsa") == (False, "policy:no-keys")
    kinds = [row["kind"] for row in enforcing.place.rows() if row["kind"].startswith("policy.")]
    assert kinds == ["policy.changed", "policy.suspended", "policy.resumed"]


def test_commands_that_need_the_daemon_say_that_it_is_away(cli: Cli, files: Path) -> None:
    for words in (["set", str(files / "good.cedar")], ["remove"], ["show"], ["break-glass", "--minutes", "1"]):
        ran = cli("policy", *words)
        assert ran.code == 3 and "not running" in ran.line


def test_without_a_policy_the_engine_is_not_loaded(enforcing: Cli) -> None:
    maps = Path(f"/proc/{enforcing.place.pid}/maps")
    called(enforcing, "x")
    assert "cedarpy" not in maps.read_text()


def test_what_is_shown_for_programs_is_json(enforcing: Cli, files: Path) -> None:
    good, table = str(files / "good.cedar"), str(files / "table.csv")
    for words in (["check", good], ["set", good], ["test", table], ["replay", good], ["show"], ["remove"]):
        assert isinstance(json.loads(enforcing.good("policy", *words, "--json").out), dict)
