"""Entries are read out of anything, and wrapping names exactly the command and its arguments."""

from __future__ import annotations

import pytest
from callgate.agents.entry import PROBLEMS_MAX
from callgate.agents.shapes import SHAPES, RawEntry
from callgate.model.inventory import Put, Transport

LAUNCHER = "/opt/callgate/launchers/one"


def only(shape: str, document: object) -> RawEntry:
    reading = SHAPES[shape].read(document)
    assert len(reading.entries) == 1
    return reading.entries[0]


def problems(shape: str, document: object) -> tuple[str, ...]:
    reading = SHAPES[shape].read(document)
    assert reading.entries == ()
    return reading.problems


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("document", [None, {}])
def test_a_document_without_servers_is_no_problem(shape: str, document: object) -> None:
    assert problems(shape, document) == ()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("document", [[], "text", 3, True])
def test_a_document_that_is_no_mapping_is_one_problem(shape: str, document: object) -> None:
    assert len(problems(shape, document)) == 1


def test_a_command_and_its_arguments_are_put_behind_the_launcher() -> None:
    raw = only("claude", {"mcpServers": {"git": {"command": "uvx", "args": ["mcp-server-git"], "env": {"A": "b"}}}})
    assert (raw.name, raw.argv, raw.env_names) == ("git", ("uvx", "mcp-server-git"), ("A",))
    assert SHAPES["claude"].wrap(raw, LAUNCHER) == (
        Put(("mcpServers", "git", "command"), LAUNCHER),
        Put(("mcpServers", "git", "args"), ["--", "uvx", "mcp-server-git"]),
    )


def test_a_command_line_in_a_list_gets_the_launcher_in_front() -> None:
    raw = only("opencode", {"mcp": {"git": {"type": "local", "command": ["uvx", "mcp-server-git"]}}})
    assert SHAPES["opencode"].wrap(raw, LAUNCHER) == (
        Put(("mcp", "git", "command"), [LAUNCHER, "--", "uvx", "mcp-server-git"]),
    )


def test_a_command_line_in_one_string_stays_one_word() -> None:
    raw = only("claude", {"mcpServers": {"git": {"command": "uvx mcp-server-git"}}})
    assert SHAPES["claude"].wrap(raw, LAUNCHER)[1] == Put(("mcpServers", "git", "args"), ["--", "uvx mcp-server-git"])


def test_a_nested_connection_is_changed_where_it_stands() -> None:
    raw = only("cline", {"mcpServers": {"x": {"transport": {"type": "stdio", "command": "x"}, "disabled": True}}})
    assert not raw.enabled
    assert [edit.at for edit in SHAPES["cline"].wrap(raw, LAUNCHER)] == [
        ("mcpServers", "x", "transport", "command"),
        ("mcpServers", "x", "transport", "args"),
    ]


def test_an_item_of_a_list_is_named_by_itself_and_found_by_its_index() -> None:
    raw = only("continue", {"mcpServers": [{"name": "git", "command": "uvx"}]})
    assert (raw.name, raw.at, raw.command_at) == ("git", ("mcpServers", 0), ("mcpServers", 0, "command"))


def test_two_layouts_in_one_file_are_both_read() -> None:
    document = {"mcpServers": {"a": {"command": "a"}}, "projects": {"/p": {"mcpServers": {"b": {"command": "b"}}}}}
    assert [(raw.name, raw.project) for raw in SHAPES["claude-state"].read(document).entries] == [
        ("a", None),
        ("b", "/p"),
    ]


def test_a_remote_server_is_read_and_left_as_it_is() -> None:
    raw = only("claude", {"mcpServers": {"x": {"type": "http", "url": "https://example.com/mcp"}}})
    assert (raw.transport, raw.url, raw.argv) == (Transport.HTTP, "https://example.com/mcp", ())
    assert SHAPES["claude"].wrap(raw, LAUNCHER) == ()


@pytest.mark.parametrize(
    ("shape", "key", "entry"),
    [
        ("gemini", "mcpServers", {"httpUrl": "https://b/", "url": "https://a/"}),
        ("windsurf", "mcpServers", {"serverUrl": "https://b/"}),
        ("goose", "extensions", {"type": "streamable_http", "uri": "https://b/"}),
        ("zed", "context_servers", {"url": "https://b/"}),
        ("codex", "mcp_servers", {"url": "https://b/"}),
        ("cline", "mcpServers", {"transport": {"type": "streamableHttp", "url": "https://b/"}}),
    ],
)
def test_each_dialect_names_its_url(shape: str, key: str, entry: object) -> None:
    assert only(shape, {key: {"x": entry}}).url == "https://b/"


def test_a_command_beside_a_url_is_covered_and_the_url_reported() -> None:
    reading = SHAPES["claude"].read({"mcpServers": {"x": {"type": "http", "command": "evil", "url": "https://a/"}}})
    assert (reading.entries[0].transport, reading.entries[0].argv) == (Transport.STDIO, ("evil",))
    assert "only the command can be covered" in reading.problems[0]


def test_a_url_beats_the_command_where_the_agent_says_so() -> None:
    raw = only("gemini", {"mcpServers": {"x": {"command": "unused", "url": "https://a/"}}})
    assert (raw.transport, raw.argv) == (Transport.HTTP, ())


@pytest.mark.parametrize(
    ("entry", "enabled"),
    [({"disabled": True}, False), ({"enabled": False}, False), ({"disabled": "yes"}, True), ({"enabled": True}, True)],
)
def test_a_disabled_entry_is_wrapped_as_well(entry: dict[str, object], enabled: bool) -> None:
    raw = only("claude", {"mcpServers": {"x": {"command": "x", **entry}}})
    assert raw.enabled is enabled
    assert SHAPES["claude"].wrap(raw, LAUNCHER)


@pytest.mark.parametrize("switch", [{"enabled": False}, {"disabled": True}])
def test_a_mere_switch_for_another_files_entry_is_no_entry(switch: object) -> None:
    assert problems("opencode", {"mcp": {"x": switch}}) == ()


@pytest.mark.parametrize("kind", ["builtin", "platform", "frontend"])
def test_what_goose_does_itself_is_no_server(kind: str) -> None:
    assert problems("goose", {"extensions": {"x": {"type": kind, "name": "x", "enabled": True}}}) == ()


@pytest.mark.parametrize(
    ("shape", "document"),
    [
        ("goose", {"extensions": {"x": {"type": "inline_python", "code": "1"}}}),
        ("zed", {"context_servers": {"x": {"source": "extension", "settings": {}}}}),
        ("vscode", {"servers": {"x": {"command": "x", "sandboxEnabled": True}}}),
        ("claude-bundle", {"name": "x", "server": {"mcp_config": {"command": "x"}}}),
    ],
)
def test_a_server_that_cannot_be_wrapped_says_why(shape: str, document: object) -> None:
    raw = only(shape, document)
    assert raw.unwrappable
    assert SHAPES[shape].wrap(raw, LAUNCHER) == ()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (["uvx"], "mcpServers.x is a list, not a mapping"),
        (None, "mcpServers.x is empty, not a mapping"),
        ({}, "mcpServers.x names no server: it has neither command nor url"),
        ({"url": 5}, "mcpServers.x names no server: it has neither command nor url"),
        ({"command": 5}, "mcpServers.x.command is a number, not the name of a program"),
        ({"command": ""}, "mcpServers.x.command is empty, not the name of a program"),
        ({"command": True}, "mcpServers.x.command is true or false, not the name of a program"),
        ({"command": "x", "args": "y"}, "mcpServers.x.args is text, not a list"),
        ({"command": "x", "args": ["y", {}]}, "mcpServers.x.args[1] is a mapping, not text"),
        ({"command": "x", "args": [1.5]}, "mcpServers.x.args[0] is a number, not text"),
        ({"command": "x", "args": [True]}, "mcpServers.x.args[0] is true or false, not text"),
        ({"command": "x", "args": [2**53]}, "mcpServers.x.args[0] is a number, not text"),
    ],
)
def test_a_wrong_entry_is_one_problem_that_names_it(entry: object, problem: str) -> None:
    assert problems("claude", {"mcpServers": {"x": entry}}) == (problem,)


def test_a_wrong_environment_does_not_hide_the_server() -> None:
    reading = SHAPES["claude"].read({"mcpServers": {"x": {"command": "x", "env": 3, "cwd": 4}}})
    assert reading.entries[0].argv == ("x",)
    assert reading.problems == ("mcpServers.x.env is a number, not a mapping",)


def test_whole_numbers_among_the_arguments_count_as_text() -> None:
    assert only("claude", {"mcpServers": {"x": {"command": "x", "args": ["-p", 8080, -1]}}}).argv[2:] == ("8080", "-1")


def test_one_wrong_entry_does_not_hide_the_others() -> None:
    reading = SHAPES["claude"].read({"mcpServers": {"a": 1, "b": {"command": "b"}, "c": []}})
    assert [raw.name for raw in reading.entries] == ["b"]
    assert len(reading.problems) == 2


def test_hostile_names_are_escaped_and_cut_in_problems() -> None:
    reading = SHAPES["claude"].read({"mcpServers": {"\x1b[2J\n": 1, "y" * 5000: 1}})
    assert all(problem.isprintable() and len(problem) < 300 for problem in reading.problems)


def test_a_flood_of_problems_is_counted() -> None:
    found = problems("claude", {"mcpServers": {str(number): number for number in range(PROBLEMS_MAX + 50)}})
    assert len(found) == PROBLEMS_MAX + 1
    assert found[-1] == "50 more problems are not listed"


def test_a_name_that_is_not_text_is_a_problem() -> None:
    assert problems("goose", {"extensions": {7: {"cmd": "x"}}}) == (
        "extensions has an entry whose name is a number, not text",
    )


def test_a_bare_map_is_read_only_where_there_is_no_named_one() -> None:
    assert only("claude-plugin", {"x": {"command": "x"}}).at == ("x",)
    assert only("claude-plugin", {"mcpServers": {"x": {"command": "x"}}, "y": 1}).at == ("mcpServers", "x")


def test_a_server_called_servers_is_told_from_the_newer_layout() -> None:
    assert only("opencode", {"mcp": {"servers": {"command": ["x"]}}}).at == ("mcp", "servers")
    assert only("opencode", {"mcp": {"servers": {"x": {"command": ["x"]}}}}).at == ("mcp", "servers", "x")


def test_the_newer_layout_is_followed_one_level_only() -> None:
    deep: object = {"command": ["x"]}
    for _ in range(100_000):
        deep = {"servers": deep}
    assert problems("opencode", {"mcp": deep}) == (
        "mcp.servers.servers names no server: it has neither command nor url",
    )
