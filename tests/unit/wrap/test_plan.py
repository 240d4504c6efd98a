"""The plan says of each entry how it is wrapped, or why it is left."""

import pytest
from callgate.agents.formats import document
from callgate.model.inventory import ConfigFile, Entry, Format, Put, Scope, Transport
from callgate.wrap.foreign import gateway
from callgate.wrap.plan import Known, Plan, Seen, Why, plan

LAUNCHERS = "/home/u/.local/share/callgate/launchers"
OURS = f"{LAUNCHERS}/claude-code/x-0123456789ab"
FILE = ConfigFile("claude-code", Scope.USER, "/home/u/.claude.json", Format.JSON, "claude-state")


def entry(*argv: str, name: str = "x", file: ConfigFile = FILE, **more) -> Entry:
    return Entry(file.agent, name, file, ("mcpServers", name), Transport.STDIO, argv, **more)


def text(*entries: Entry) -> bytes:
    import json

    return json.dumps({"mcpServers": {e.name: {"command": e.argv[0], "args": e.argv[1:]} for e in entries}}).encode()


def planned(*entries: Entry, data: bytes | None = None, obstacle=None, known=()) -> Plan:
    found = {e.file.path: Seen(e.file.path, text(*entries) if data is None else data, obstacle) for e in entries}
    return plan(entries, found, Known(LAUNCHERS, frozenset({OURS}), frozenset(known)))


def argv_after(made: Plan) -> list[str]:
    (file,) = made.files
    found = document.parse(file.after, file.file.format)["mcpServers"]["x"]
    return [found["command"], *found["args"]]


@pytest.mark.parametrize(
    "argv",
    [
        ("npx", "-y", "@scope/pkg@1.2.3"),
        ("cmd", "/c", "npx", "-y", "pkg"),
        ("${env:HOME}/bin/x", "${input:token}", "$HOME", "{env:X}", "%APPDATA%", "${VAR:-d}"),
        ("/opt/a b/server", "--flag", "", "--", "-x"),
        ("x",),
    ],
)
def test_a_command_line_moves_behind_the_launcher_word_for_word(argv: tuple[str, ...]) -> None:
    made = planned(entry(*argv))
    (wrapping,) = made.wrappings
    assert argv_after(made) == [wrapping.launcher, "--", *argv]
    assert wrapping.launcher.startswith(f"{LAUNCHERS}/claude-code/x-")
    assert made.left == ()


def test_a_command_that_is_a_list_stays_one() -> None:
    file = ConfigFile("opencode", Scope.USER, "/home/u/opencode.jsonc", Format.JSONC, "opencode")
    one = Entry("opencode", "x", file, ("mcp", "x"), Transport.STDIO, ("bun", "x", "y"))
    made = planned(one, data=b'{"mcp": {"x": {"type": "local", "command": ["bun", "x", "y"] /* mine */}}}')
    launcher = made.wrappings[0].launcher
    assert made.wrappings[0].edits == (Put(("mcp", "x", "command"), [launcher, "--", "bun", "x", "y"]),)
    assert b"/* mine */" in made.files[0].after


def test_a_disabled_entry_is_wrapped_too() -> None:
    assert len(planned(entry("x", enabled=False)).wrappings) == 1


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (entry(OURS, "--", "x"), Why.OURS),
        (entry("peer", OURS, "--", "peer", OURS, "--", "peer", OURS, "--", "x"), Why.FOREIGN),
        (entry("x", unwrappable="it belongs to a plugin"), Why.KIND),
        (Entry("a", "x", FILE, ("mcpServers", "x"), Transport.HTTP, url="https://x"), Why.HTTP),
    ],
)
def test_what_is_not_to_be_wrapped_is_left_with_a_reason(one: Entry, why: Why) -> None:
    made = planned(one, data=b"{}")
    assert [(left.entry, left.why) for left in made.left] == [(one, why)]
    assert made.left[0].reason
    assert made.wrappings == ()


@pytest.mark.parametrize("why", [Why.VCS, Why.PLACE, Why.UNREADABLE, Why.CHANGED])
def test_an_obstacle_of_the_file_holds_for_its_entries(why: Why) -> None:
    made = planned(entry("x"), entry("y", name="y"), obstacle=(why, "for a reason"))
    assert [(left.why, left.reason) for left in made.left] == [(why, "for a reason")] * 2


def test_what_is_ours_already_is_so_even_where_the_file_must_not_be_written() -> None:
    one = entry(OURS, "--", "x")
    assert planned(one, obstacle=(Why.VCS, "tracked")).left[0].why is Why.OURS


@pytest.mark.parametrize(
    "data",
    [b"{", b"\xff\xfe{}", b'{"mcpServers": {"x": {"command": "x"}, "x": {"command": "x"}}}', b"[" * 100_000],
)
def test_a_file_that_does_not_parse_is_left_alone(data: bytes) -> None:
    assert planned(entry("x"), data=data).left[0].why is Why.UNREADABLE


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b'{"mcpServers": {"x": {"command": "other"}}}', b'{"mcpServers": 3}']
)
def test_an_entry_that_is_not_what_was_found_is_left(data: bytes) -> None:
    assert planned(entry("x"), data=data).left[0].why is Why.CHANGED


def test_one_entry_that_two_agents_read_is_wrapped_once() -> None:
    other = ConfigFile("copilot-cli", Scope.USER, FILE.path, Format.JSONC, "claude")
    made = planned(entry("x"), entry("x", file=other))
    assert [wrapping.entry.agent for wrapping in made.wrappings] == ["claude-code"]
    assert [(left.entry.agent, left.why) for left in made.left] == [("copilot-cli", Why.SHARED)]


def test_two_paths_of_one_file_are_one_file() -> None:
    other = ConfigFile("copilot-cli", Scope.USER, "/home/u/link.json", Format.JSON, "claude")
    one, two = entry("x"), entry("x", file=other)
    look = Seen("/home/u/real.json", text(one))
    made = plan([one, two], {FILE.path: look, other.path: look}, Known(LAUNCHERS))
    assert len(made.files) == 1
    assert [left.why for left in made.left] == [Why.SHARED]


def test_what_was_unwrapped_behind_our_back_is_marked() -> None:
    made = planned(entry("x"), entry("y", name="y"), known={(FILE.path, ("mcpServers", "x"))})
    assert [(w.entry.name, w.again) for w in made.wrappings] == [("x", True), ("y", False)]


def test_an_entry_that_cannot_be_edited_does_not_keep_the_others_open() -> None:
    good, bad = entry("x"), entry("y", name="y\ud800")
    data = b'{"mcpServers": {"x": {"command": "x"}, "y\\ud800": {"command": "y", "args": ["\\ud800"]}}}'
    made = planned(good, Entry(bad.agent, bad.name, FILE, bad.at, bad.transport, ("y", "\ud800")), data=data)
    assert [w.entry.name for w in made.wrappings] == ["x"]
    assert [left.why for left in made.left] == [Why.UNREADABLE]
    assert b'["\\ud800"]' in made.files[0].after


def test_a_home_whose_path_agents_would_expand_is_refused() -> None:
    made = plan([entry("x")], {FILE.path: Seen(FILE.path, text(entry("x")))}, Known("/home/$u/launchers"))
    assert made.left[0].why is Why.PLACE
    assert "CALLGATE_HOME" in made.left[0].reason


def test_a_gateway_of_someone_else_is_wrapped_with_a_note() -> None:
    made = planned(entry("docker", "mcp", "gateway", "run"))
    assert "Docker MCP gateway" in made.wrappings[0].note


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("thv run fetch", True),
        ("/usr/local/bin/thv run fetch", True),
        ("uvx mcp-proxy --transport streamablehttp http://x", True),
        ("npx -y mcp-proxy@3 -- x", True),
        ("cmd /c npx -y mcp-proxy", True),
        (r"C:\tools\Docker.exe mcp gateway run", True),
        ("docker run -i mcp/fetch", False),
        ("npx -y mcp-proxy-tools", False),
        ("node server.js thv", False),
        ("", False),
    ],
)
def test_gateways_are_known_by_their_command_line(line: str, is_one: bool) -> None:
    assert bool(gateway(line.split())) is is_one


@pytest.mark.parametrize(
    "value", [b"3", b'"x"', b"true", b'{"mcpServers": [1, 2]}', b'{"mcpServers": {"x": {"command": 3}}}']
)
def test_wrong_types_wrap_nothing(value: bytes) -> None:
    assert planned(entry("x"), data=value).wrappings == ()


def test_another_tool_in_front_of_our_launcher_gets_ours_in_front_of_it() -> None:
    made = planned(entry("thv", "run", OURS, "--", "x"))
    assert argv_after(made)[1:] == ["--", "thv", "run", OURS, "--", "x"]


@pytest.mark.parametrize(
    "argv",
    [
        (f"{LAUNCHERS}/../evil/x",),
        (f"{LAUNCHERS}/claude-code/../../evil", "--", "x"),
        (f"{LAUNCHERS}/evil", "--", "x"),
        (f"{LAUNCHERS}/a/b/c", "--", "x"),
        (f"{LAUNCHERS}x/claude-code/x", "--", "x"),
        ("sh", "-c", "evil", OURS),
    ],
)
def test_what_only_looks_like_our_launcher_is_wrapped(argv: tuple[str, ...]) -> None:
    made = planned(entry(*argv))
    assert argv_after(made) == [made.wrappings[0].launcher, "--", *argv]


@pytest.mark.parametrize("argv", [("--", "npx", "y"), ("npx", "y")])
def test_a_launcher_that_the_journal_does_not_know_is_replaced(argv: tuple[str, ...]) -> None:
    made = planned(entry(f"{LAUNCHERS}/claude-code/lost-0123456789ab", *argv))
    assert argv_after(made) == [made.wrappings[0].launcher, "--", "npx", "y"]
    assert made.wrappings[0].adopted
    assert planned(entry(f"{LAUNCHERS}/claude-code/lost-0123456789ab", "--")).left[0].why is Why.KIND
