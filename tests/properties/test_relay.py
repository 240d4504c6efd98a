"""Whatever comes, in whatever pieces: no byte is changed without a verdict, and no call passes unasked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from callgate.shim import frames
from callgate.shim.jsonrpc import Refused, parse
from hypothesis import example, given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "fakes"))
from scene import Scene, call, line

LIMIT = 1 << 20
TEXT = st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
IDS = st.integers(0, 5) | st.sampled_from(["a", "1", 1.5])
CALLS = st.builds(lambda id, tool, arguments: call(id, tool, x=arguments), IDS, st.sampled_from("ab"), VALUES)
OTHERS = st.builds(
    lambda id, method: {"jsonrpc": "2.0", "id": id, "method": method},
    IDS,
    st.sampled_from(["ping", "tools/list", "initialize", "resources/read"]),
)
ANSWERS = st.builds(lambda id, value: {"jsonrpc": "2.0", "id": id, "result": {"x": value}}, IDS, VALUES)
REQUESTS = CALLS | OTHERS | ANSWERS | st.lists(CALLS | OTHERS, min_size=1, max_size=3)
LISTS = st.builds(
    lambda id, names: {"id": id, "result": {"tools": [{"name": name} for name in names]}},
    IDS,
    st.lists(st.sampled_from("abc"), max_size=4),
)
NOISE = st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b"") + b"\n") | st.sampled_from(
    [b"\n", b"[info] x\n", b'{"a":1,"a":2}\n']
)


@st.composite
def lines(draw: st.DrawFn, messages: st.SearchStrategy[Any]) -> bytes:
    """A message as some client or server might write it."""
    message = draw(messages | NOISE)
    if isinstance(message, bytes):
        return message
    text = json.dumps(message, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    return (
        draw(st.sampled_from([b"", b" \t"]))
        + text.replace("\n", " ").encode()
        + draw(st.sampled_from([b"\n", b"\r\n"]))
    )


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The same bytes, cut anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def outcome(client: list[bytes], server: list[bytes]) -> tuple[list[bytes], list[bytes], list[frames_asked]]:
    """What came out of one session in which the gate refuses the tool b, hides it, and allows all else."""
    scene = Scene(limit=LIMIT)
    asked = []
    for piece in client:
        scene.relay.from_client(piece, scene.now)
    asked += verdicts(scene)
    for piece in server:
        scene.relay.from_server(piece, scene.now)
    asked += verdicts(scene)
    scene.relay.client_ended(scene.now)
    scene.relay.server_ended()
    asked += verdicts(scene)
    return scene.to_client().splitlines(), scene.to_server().splitlines(), asked


frames_asked = tuple[int, bytes]


def verdicts(scene: Scene) -> list[frames_asked]:
    found = [one for one in scene.asked() if one.kind in (frames.ASK, frames.LIST)]
    for one in found:
        if one.kind == frames.LIST:
            scene.answer(one.serial, hide=["b"])
        else:
            bad = one.json["params"]["name"] == "b"
            scene.answer(one.serial, frames.DENY if bad else frames.ALLOW)
    return [(one.kind, one.body) for one in found]


@given(st.data())
def test_chunking_never_changes_what_comes_out(data: st.DataObject) -> None:
    client = b"".join(data.draw(st.lists(lines(REQUESTS), max_size=6)))
    server = b"".join(data.draw(st.lists(lines(ANSWERS | LISTS | st.lists(ANSWERS | LISTS, max_size=2)), max_size=6)))
    whole = outcome([client], [server])
    assert outcome(data.draw(pieces(client)), data.draw(pieces(server))) == whole


@given(st.lists(lines(REQUESTS), max_size=6))
def test_the_bytes_of_what_is_allowed_are_unchanged(client: list[bytes]) -> None:
    scene = Scene(limit=LIMIT)
    for one in client:
        scene.client(one)
        scene.rule()
        passed = scene.to_server()
        assert passed in (one, b"")
        if not passed:
            assert one.strip() == b"" or refused(one)


@given(st.lists(lines(ANSWERS | LISTS | OTHERS), max_size=6))
def test_the_bytes_of_the_server_are_unchanged_when_no_list_is_awaited(server: list[bytes]) -> None:
    scene = Scene(limit=LIMIT)
    scene.server(*server)
    assert scene.to_client() == b"".join(server)


@given(
    st.lists(st.sampled_from("abc"), max_size=6), st.sets(st.sampled_from("abc")), st.sampled_from([",", ", ", " ,\t"])
)
def test_exactly_the_hidden_tools_are_missing(names: list[str], hide: set[str], comma: str) -> None:
    tools = [json.dumps({"name": name, "description": "é]}"}, ensure_ascii=False) for name in names]
    raw = ('{"id":1,"result":{"tools":[' + comma.join(tools) + ' ],"nextCursor":"c"}}\n').encode()
    scene = Scene(limit=LIMIT)
    scene.client({"id": 1, "method": "tools/list"})
    scene.server(raw)
    scene.rule(hide=sorted(hide))
    got = scene.to_client()
    left = [tool for name, tool in zip(names, tools, strict=True) if name not in hide]
    assert json.loads(got)["result"] == {"tools": [json.loads(tool) for tool in left], "nextCursor": "c"}
    if len(left) == len(tools):
        assert got == raw


WORDS = ["method", "Method", "m\\u0065thod", "id", "ID", "params", "x", "\ufeffmethod", "method ", "me\u017fthod"]
METHODS = [
    '"tools/call"',
    '"tools\\/call"',
    '"\\u0074ools/call"',
    '"TOOLS/CALL"',
    '"tools/call "',
    '"ping"',
    "1",
    "NaN",
]
MEMBERS = st.tuples(st.sampled_from(WORDS), st.sampled_from([*METHODS, '{"name":"a"}', '{"name":"a","name":"b"}', "7"]))


@given(
    st.lists(MEMBERS, max_size=5),
    st.sampled_from(
        ["{%s}", " {%s}\t", "[{%s}]", "\ufeff{%s}", "{%s}{}", "[[{%s}]]", '{"x":"\u2028{%s}"}', "{%s}\r{}"]
    ),
)
@example([("method", '"ping"'), ("method", '"tools/call"')], "{%s}")
def test_no_parser_finds_a_call_in_what_passes_unasked(members: list[tuple[str, str]], frame: str) -> None:
    raw = (frame % ",".join(f'"{name}":{value}' for name, value in members)).encode() + b"\n"
    scene = Scene(limit=LIMIT)
    scene.client(raw)
    passed = scene.to_server()
    assert passed in (raw, b"")
    assert not any(is_call(reading) for reading in readings(passed.decode()))


def readings(text: str) -> list[Any]:
    """What parsers of all habits make of a line: the first or the last of two equal keys, case ignored or not, marks
    stripped, other line ends taken for the end.
    """
    found: list[Any] = []
    for part in [text, text.lstrip("\ufeff"), *text.splitlines()]:
        for fold in (str, str.casefold):
            for order in (1, -1):

                def pairs(items: list[tuple[str, Any]], fold: Any = fold, order: int = order) -> dict[str, Any]:
                    return {fold(name): value for name, value in items[::order]}

                try:
                    value, _ = json.JSONDecoder(object_pairs_hook=pairs).raw_decode(part.strip())
                except ValueError:
                    continue
                found += value if isinstance(value, list) else [value]
    return found


def is_call(message: object) -> bool:
    method = message.get("method") if isinstance(message, dict) else None
    return isinstance(method, str) and method.strip().casefold() == "tools/call"


def refused(raw: bytes) -> bool:
    """Is this no message to the strict reader?"""
    try:
        parse(raw.strip(b" \t\r\n"))
    except Refused:
        return True
    return False


@given(st.lists(st.binary(max_size=30), max_size=8), st.lists(st.binary(max_size=30), max_size=8))
def test_no_bytes_of_either_side_break_a_session(client: list[bytes], server: list[bytes]) -> None:
    scene = Scene(limit=128)
    scene.client({"id": 1, "method": "tools/list"})
    for piece in client:
        scene.relay.from_client(piece, scene.now)
    for piece in server:
        scene.relay.from_server(piece, scene.now)
    scene.client(b"\n", line(call(9)))
    scene.server(b"\n", {"id": 9, "result": {}})
    scene.rule()
    assert scene.to_server().endswith(line(call(9)))
    assert scene.to_client().endswith(line({"id": 9, "result": {}}))
