"""Homes with good and bad config files, and what one look makes of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from callgate.agents import ALL
from callgate.agents.adapter import Agent, Paths, Place, same
from callgate.discovery.scan import scan
from callgate.model.inventory import Format, Inventory, Scope, Surroundings, Transport
from callgate.settings import Scan

LIMITS = Scan()
GOOD = {"mcpServers": {"files": {"command": "npx", "args": ["-y", "good"], "env": {"TOKEN": "secret"}}}}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def put(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def look(
    home: Path, projects: list[str] | None = None, agents: tuple[Agent, ...] = ALL, limits: Scan = LIMITS
) -> Inventory:
    return scan(Surroundings(str(home), "linux", {}), limits, projects, agents)


def names(found: Inventory) -> set[tuple[str, str]]:
    return {(entry.agent, entry.name) for entry in found.entries}


def skipped(found: Inventory, path: Path) -> list[str]:
    return [one.reason for one in found.skipped if one.what == str(path)]


def test_an_empty_home_is_an_empty_inventory(home: Path) -> None:
    found = look(home)
    ours = [file for file in found.files if file.path.startswith(str(home))]
    assert (found.agents, ours) == ((), [])
    assert str(home) in found.watch


def test_a_missing_home_is_said(tmp_path: Path) -> None:
    found = look(tmp_path / "gone")
    assert any("home cannot be looked at" in one.reason for one in found.skipped)


def test_each_entry_is_found_where_it_stands(home: Path) -> None:
    path = put(home / ".claude.json", GOOD | {"projects": {"/p": {"mcpServers": {"x": {"command": "y"}}}}})
    found = look(home, [])
    first, second = sorted(found.entries, key=lambda entry: entry.name)
    assert (first.name, first.argv, first.env_names, first.at) == (
        "files",
        ("npx", "-y", "good"),
        ("TOKEN",),
        ("mcpServers", "files"),
    )
    assert (first.file.path, first.transport, first.enabled, first.project) == (str(path), Transport.STDIO, True, None)
    assert (second.project, second.at) == ("/p", ("projects", "/p", "mcpServers", "x"))
    assert [agent.id for agent in found.agents] == ["claude-code"]
    assert str(path) in found.agents[0].evidence
    assert not found.skipped
    assert "secret" not in repr(found)


def test_all_agents_of_a_full_home_are_found(home: Path) -> None:
    put(home / ".claude.json", GOOD)
    put(home / ".cursor/mcp.json", GOOD)
    put(home / ".codex/config.toml", b'[mcp_servers.files]\ncommand = "npx"\nargs = ["good"]\n')
    put(home / ".gemini/settings.json", GOOD)
    found = look(home, [])
    assert {("claude-code", "files"), ("cursor", "files"), ("codex", "files"), ("gemini-cli", "files")} <= names(found)
    assert not found.skipped


def fifo(path: Path) -> None:
    os.mkfifo(path)


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(50 * 1024 * 1024)


BAD: list[tuple[str, Callable[[Path], object], str]] = [
    ("a folder", lambda path: path.mkdir(), "is a folder"),
    ("a pipe", fifo, "is a pipe"),
    ("50 MB", large, "over the limit"),
    ("not UTF-8", lambda path: path.write_bytes(b'{"mcpServers": {"\xff": 1}}'), "does not parse"),
    ("UTF-16", lambda path: path.write_bytes('{"a": 1}'.encode("utf-16")), "does not parse"),
    ("broken", lambda path: path.write_bytes(b'{"mcpServers": {'), "does not parse"),
    ("a duplicate key", lambda path: path.write_bytes(b'{"mcpServers": {}, "mcpServers": {}}'), "does not parse"),
    ("deep", lambda path: path.write_bytes(b"[" * 100_000), "does not parse"),
    ("a list", lambda path: path.write_bytes(b"[]"), "not a mapping"),
    ("text", lambda path: path.write_bytes(b'"x"'), "not a mapping"),
    ("wrong servers", lambda path: path.write_bytes(b'{"mcpServers": 7}'), "not a mapping"),
    ("a wrong entry", lambda path: path.write_bytes(b'{"mcpServers": {"x": null, "y": []}}'), "not a mapping"),
    ("a wrong command", lambda path: path.write_bytes(b'{"mcpServers": {"x": {"command": {}}}}'), "not the name"),
    ("wrong arguments", lambda path: path.write_bytes(b'{"mcpServers": {"x": {"command": "a", "args": "b"}}}'), "list"),
    ("a link to nothing", lambda path: path.symlink_to("gone"), "link to nothing"),
    ("a loop", lambda path: path.symlink_to(path), "cannot be opened"),
]


@pytest.mark.timeout(100)
@pytest.mark.parametrize(("make", "reason"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_file_is_said_and_spoils_nothing_else(home: Path, make: Callable[[Path], object], reason: str) -> None:
    path = home / ".claude.json"
    make(path)
    put(home / ".cursor/mcp.json", GOOD)
    found = look(home, [])
    assert names(found) == {("cursor", "files")}
    reasons = skipped(found, path)
    assert reasons and reason in " ".join(reasons)
    assert all(";" in one for one in reasons), "no next step"
    assert str(home) in found.watch


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_said(home: Path) -> None:
    path = put(home / ".claude.json", GOOD)
    path.chmod(0)
    assert "Permission denied" in " ".join(skipped(look(home, []), path))


@pytest.mark.parametrize(
    "text",
    [b"", b"  \n", b"\xef\xbb\xbf{}", b'\xef\xbb\xbf{"mcpServers": {},}', b'// x\n{/* y */ "mcpServers": {}}', b"null"],
    ids=["empty", "blank", "a mark", "a mark and a comma", "comments", "null"],
)
def test_a_file_without_entries_is_read_without_complaint(home: Path, text: bytes) -> None:
    path = put(home / ".cursor/mcp.json", text)
    found = look(home, [])
    assert (found.entries, found.skipped) == ((), ())
    assert str(path) in [file.path for file in found.files]


def test_a_link_is_followed_and_named_as_it_is(home: Path) -> None:
    target = put(home / "dotfiles/claude.json", GOOD)
    (home / ".claude.json").symlink_to(target)
    found = look(home, [])
    assert [entry.file.path for entry in found.entries] == [str(home / ".claude.json")]


def test_a_shared_project_file_counts_for_each_agent_that_is_installed(home: Path) -> None:
    project = home / "src/p"
    put(project / ".mcp.json", GOOD)
    put(home / ".claude.json", {})
    (home / ".cursor").mkdir()
    found = look(home)
    assert names(found) == {("claude-code", "files"), ("cursor", "files")}
    assert {entry.project for entry in found.entries} == {str(project)}
    assert {entry.file.scope for entry in found.entries} == {Scope.PROJECT}
    assert str(project) in found.watch


def test_a_project_file_whose_agent_is_not_installed_is_still_shown_once(home: Path) -> None:
    put(home / "src/p/.mcp.json", GOOD)
    assert len(look(home).entries) == 1


def test_projects_that_an_agent_lists_are_looked_at_wherever_they_are(home: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside / ".mcp.json", GOOD)
    put(home / ".claude.json", {"projects": {str(outside): {}, "/gone": {}, "relative": {}, "\0": {}, "/": 1}})
    assert ("claude-code", "files") in names(look(home))


def test_a_home_that_is_a_project_too_is_read_once(home: Path) -> None:
    put(home / ".cursor/mcp.json", GOOD)
    assert len(look(home, [str(home), str(home) + "/", str(home)]).entries) == 1


def test_folders_that_are_not_there_yet_are_watched_from_above(home: Path) -> None:
    (home / ".cursor").mkdir()
    watch = look(home, []).watch
    assert str(home) in watch and str(home / ".cursor") in watch
    assert all(Path(folder).is_dir() for folder in watch)


def plugin(*templates: str) -> Agent:
    place = Place(Scope.PLUGIN, same(*templates), Format.JSON, "claude", unwrappable="a plugin's")
    return Agent("x", "X", (), Paths(), (place,))


def test_patterns_find_every_plugin_and_its_reason(home: Path) -> None:
    for name in ("b", "a", ".hidden"):
        put(home / f"plugins/{name}/v1/.mcp.json", GOOD)
    found = look(home, [], (plugin("~/plugins/*/*/.mcp.json"),))
    assert [entry.file.path.split("/")[-3] for entry in found.entries] == ["a", "b"]
    assert {entry.unwrappable for entry in found.entries} == {"a plugin's"}


def test_a_home_with_odd_characters_is_no_pattern(tmp_path: Path) -> None:
    home = tmp_path / "ho[m]e * ?"
    put(home / "plugins/a/.mcp.json", GOOD)
    assert len(look(home, [], (plugin("~/plugins/*/.mcp.json"),)).entries) == 1


def test_too_many_matches_are_cut_and_said(home: Path) -> None:
    for number in range(600):
        put(home / f"plugins/{number}/.mcp.json", b"{}")
    found = look(home, [], (plugin("~/plugins/*/.mcp.json"),))
    assert len(found.files) == 500
    assert any("is not looked at" in one.reason for one in found.skipped)


def test_a_file_named_in_bytes_that_are_no_text_is_no_trouble(home: Path) -> None:
    folder = os.fsencode(home / "plugins") + b"/\xff"
    put(Path(os.fsdecode(folder + b"/.mcp.json")), GOOD)
    assert len(look(home, [], (plugin("~/plugins/*/.mcp.json"),)).entries) == 1
