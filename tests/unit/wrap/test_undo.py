"""Taking launchers out of a file finds them wherever they stand, and keeps what others wrote."""

import json

import pytest
from callgate.model.inventory import ConfigFile, Format, Scope
from callgate.wrap.record import Owned, Undo
from callgate.wrap.undo import COPIED, GONE, KEPT_EDIT, RESTORED, undo

FOLDER = "/l"
LAUNCHER = "/l/a/x-1"
JSON_FILE = ConfigFile("a", Scope.USER, "/home/u/mcp.json", Format.JSON, "claude")
LIST_FILE = ConfigFile("opencode", Scope.USER, "/home/u/o.json", Format.JSONC, "opencode")
MINE = Owned(
    JSON_FILE, "x", ("mcpServers", "x"), LAUNCHER, ("npx", "y"),
    (Undo(("command",), LAUNCHER, b' "npx"'.strip()), Undo(("args",), ["--", "npx", "y"], b'[ "y" ]')), 0,
)  # fmt: skip
LISTED = Owned(
    LIST_FILE, "x", ("mcp", "x"), LAUNCHER, ("npx", "y"),
    (Undo(("command",), [LAUNCHER, "--", "npx", "y"], b'["npx","y"]'),), 0,
)  # fmt: skip


def servers(**entries: object) -> bytes:
    return json.dumps({"mcpServers": entries}).encode()


def wrapped(*args: str, command: str = LAUNCHER, **more: object) -> dict[str, object]:
    return {"command": command, "args": list(args), **more}


@pytest.mark.parametrize(
    ("data", "after", "reasons"),
    [
        (
            servers(x=wrapped("--", "npx", "y")),
            b'{"mcpServers": {"x": {"command": "npx", "args": [ "y" ]}}}',
            [RESTORED],
        ),
        (
            servers(z=wrapped("--", "npx", "y")),
            b'{"mcpServers": {"z": {"command": "npx", "args": [ "y" ]}}}',
            [RESTORED],
        ),
        (
            servers(x=wrapped("--", "npx", "y", "more")),
            b'{"mcpServers": {"x": {"command": "npx", "args": ["y", "more"]}}}',
            [KEPT_EDIT],
        ),
        (servers(x=wrapped("theirs")), b'{"mcpServers": {"x": {"command": "npx", "args": ["theirs"]}}}', [KEPT_EDIT]),
        (servers(x={"command": LAUNCHER}), b'{"mcpServers": {"x": {"command": "npx", "args": []}}}', [KEPT_EDIT]),
        (servers(x={"command": "npx"}), servers(x={"command": "npx"}), [GONE]),
        (b"{}", b"{}", [GONE]),
        (b'{"mcpServers": 3}', b'{"mcpServers": 3}', [GONE]),
    ],
)
def test_an_entry_is_put_back_as_far_as_it_is_ours(data: bytes, after: bytes, reasons: list[str]) -> None:
    found, outcomes = undo(data, [MINE], FOLDER)
    assert found == after
    assert [each.reason for each in outcomes] == reasons
    assert all(each.done for each in outcomes)


def test_both_of_an_entry_and_its_copy_are_put_back() -> None:
    data = servers(x=wrapped("--", "npx", "y"), z=wrapped("--", "npx", "y", env={"K": "v"}))
    found, outcomes = undo(data, [MINE], FOLDER)
    assert json.loads(found)["mcpServers"]["z"] == {"command": "npx", "args": ["y"], "env": {"K": "v"}}
    assert [each.name for each in outcomes] == ["x", "z"]


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ([LAUNCHER, "--", "npx", "y"], b'["npx","y"]'),
        ([LAUNCHER, "--", "uvx"], b'["uvx"]'),
        ([LAUNCHER, "theirs"], b'["npx", "theirs"]'),
    ],
)
def test_a_command_that_is_a_list_is_put_back(line: list[str], after: bytes) -> None:
    data = json.dumps({"mcp": {"x": {"type": "local", "command": line}}}).encode()
    found, _ = undo(data, [LISTED], FOLDER)
    assert after in found


def test_launchers_that_no_record_knows_are_taken_out_where_that_was_asked_for() -> None:
    data = servers(x=wrapped("--", "npx", command="/l/a/lost-2"))
    assert undo(data, [], FOLDER) == (data, [])
    found, outcomes = undo(data, [], FOLDER, [("claude", Format.JSON)])
    assert json.loads(found) == {"mcpServers": {"x": {"command": "npx", "args": []}}}
    assert [each.reason for each in outcomes] == [COPIED]


def test_a_launcher_that_starts_nothing_is_said_and_does_not_keep_the_others_in() -> None:
    data = servers(lost={"command": "/l/a/lost-2"}, x=wrapped("--", "npx", "y"))
    found, outcomes = undo(data, [MINE], FOLDER, [("claude", Format.JSON)])
    assert json.loads(found)["mcpServers"] == {
        "lost": {"command": "/l/a/lost-2"},
        "x": {"command": "npx", "args": ["y"]},
    }
    assert sorted((each.name, each.done) for each in outcomes) == [("lost", False), ("x", True)]
