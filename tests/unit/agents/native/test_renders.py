"""What each agent is told, file by file, against files that were read by a person once."""

from __future__ import annotations

import json
import os
import plistlib
import tomllib
from pathlib import Path

import pytest
from callgate.agents import ALL
from callgate.agents.formats.document import parse
from callgate.agents.native.control import Can, Control, Listed, Native, Piece, Source, Wanted
from callgate.agents.native.table import NATIVES

GOLDEN = Path(__file__).parents[3] / "data" / "native"
HOME = "/home/ann/.local/share/callgate/launchers"
URL, BAD_URL = "https://mcp.example.com/mcp", "https://evil.example.com/mcp"
SYSTEMS = ("linux", "macos", "windows")
each_agent = pytest.mark.parametrize("native", NATIVES, ids=lambda native: native.agent)
each_system = pytest.mark.parametrize("system", SYSTEMS)


def machine(agent: str) -> Wanted:
    """Two approved servers, one of each transport; one denied, one unknown."""
    launcher, other = f"{HOME}/{agent}/notes-0123456789ab", f"{HOME}/{agent}/left-pad-ba9876543210"
    notes = ("npx", "-y", "@acme/notes@1.2.3", 'say "hi"')
    return Wanted(
        allowed=(
            Listed("notes", (launcher, "--", *notes), behind=notes),
            Listed("wiki", url=URL),
        ),
        denied=(Listed("left-pad", (other, "--", "npx", "left-pad"), behind=("npx", "left-pad")),),
        unapproved=(Listed("mine", ("/home/ann/mine",)),),
        urls=(URL,),
        denied_urls=(BAD_URL,),
    )


def fleet(agent: str) -> Wanted:
    place = f"/home/*/.local/share/callgate/launchers/{agent}/*"
    return Wanted(urls=(URL,), denied_urls=(BAD_URL,), launchers=(place,), exact=False)


def held_against_golden(folder: Path, pieces: tuple[Piece, ...]) -> None:
    found = {piece.path.lstrip("/").replace("\\", "/").replace(":", ""): piece.text for piece in pieces}
    if os.environ.get("CALLGATE_WRITE_GOLDEN") == "1":
        for name, text in found.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text)
    there = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == there, "read the difference; CALLGATE_WRITE_GOLDEN=1 writes these files anew"


@each_agent
@each_system
def test_a_machine_gets_these_files(native: Native, system: str) -> None:
    held_against_golden(GOLDEN / system / native.agent, native.render(machine(native.agent), system))


@each_agent
def test_a_fleet_gets_these_files(native: Native) -> None:
    held_against_golden(GOLDEN / "fleet" / native.agent, native.render(fleet(native.agent), "linux"))


@each_agent
@each_system
def test_files_are_readable_as_what_they_are_and_ours_is_where_it_is_said_to_be(native: Native, system: str) -> None:
    for piece in native.render(machine(native.agent), system):
        if piece.format is not None:
            document = parse(piece.text, piece.format)
            assert isinstance(document, dict)
            assert {at[0] for at in piece.owned} >= set(document)
            assert piece.installed
        elif piece.path.endswith(".mobileconfig"):
            assert plistlib.loads(piece.text)["PayloadContent"][0]["PayloadType"] == "com.microsoft.VSCode"
        elif piece.path.endswith(".reg"):
            assert piece.text.decode("utf-16").startswith("Windows Registry Editor Version 5.00\r\n")
        assert piece.does


@each_agent
@each_system
def test_when_nothing_is_allowed_no_list_is_left_out_as_if_all_were(native: Native, system: str) -> None:
    """Opencode has no such list: what is known and not allowed is switched off by name instead."""
    unknown = Listed("mine", ("/home/ann/mine",))
    pieces = native.render(Wanted(unapproved=(unknown,)), system)
    assert pieces or native.agent == "cursor"
    for piece in pieces:
        if piece.format is None:
            continue
        document = tomllib.loads(piece.text.decode()) if piece.path.endswith(".toml") else json.loads(piece.text)
        assert any(key in json.dumps(document) for key in ("llow", "mcp_servers", "reject", "enabled")), document


def native_of(agent: str) -> Native:
    return next(one for one in NATIVES if one.agent == agent)


@pytest.mark.parametrize("agent", ["claude-code", "copilot-cli"])
def test_an_empty_allow_list_is_written_as_one(agent: str) -> None:
    (piece,) = native_of(agent).render(Wanted(), "linux")
    assert json.loads(piece.text)["allowedMcpServers"] == []


def test_an_empty_list_of_names_says_a_name_where_empty_would_mean_all() -> None:
    (piece,) = native_of("gemini-cli").render(Wanted(), "linux")
    assert json.loads(piece.text)["mcp"]["allowed"] == ["no-server-is-allowed"]
    (piece,) = native_of("qwen-code").render(Wanted(), "linux")
    assert json.loads(piece.text)["mcp"]["allowed"] == []


@pytest.mark.parametrize("name", ["*", "a*", "[ab]", "a?"])
def test_a_name_that_an_agent_would_read_as_a_pattern_allows_nothing(name: str) -> None:
    (piece,) = native_of("qwen-code").render(Wanted(allowed=(Listed(name, ("/l/x",)),)), "linux")
    assert json.loads(piece.text)["mcp"]["allowed"] == []


def test_a_command_that_an_agent_would_read_as_a_pattern_allows_nothing() -> None:
    (piece,) = native_of("amp").render(Wanted(allowed=(Listed("x", ("/l/*",)),)), "linux")
    assert [rule["action"] for rule in json.loads(piece.text)["amp.mcpPermissions"]] == ["reject", "reject"]


def test_two_entries_of_one_name_have_one_identity_the_first() -> None:
    wanted = Wanted(allowed=(Listed("x", ("/l/first",)), Listed("x", ("/l/second",))))
    (piece,) = native_of("codex").render(wanted, "linux")
    assert tomllib.loads(piece.text.decode()) == {"mcp_servers": {"x": {"identity": {"command": "/l/first"}}}}


def test_a_name_with_dots_and_quotes_stays_one_key() -> None:
    (piece,) = native_of("codex").render(Wanted(allowed=(Listed('a."b"\n', ("/l/x",)),)), "linux")
    assert list(tomllib.loads(piece.text.decode())["mcp_servers"]) == ['a."b"\n']


def test_the_same_policies_are_the_same_profile() -> None:
    render = native_of("vscode").render
    assert render(machine("vscode"), "macos") == render(machine("vscode"), "macos")
    assert render(machine("vscode"), "macos")[0].text != render(fleet("vscode"), "macos")[0].text


@each_agent
def test_the_record_says_something_of_every_control_and_of_agents_that_exist(native: Native) -> None:
    assert set(native.abilities) == set(Control)
    assert {native.agent, *native.covers} <= {agent.id for agent in ALL}
    assert native.name == next(agent.name for agent in ALL if agent.id == native.agent)
    for ability in native.abilities.values():
        assert isinstance(ability.can, Can) and isinstance(ability.source, Source) and ability.how
