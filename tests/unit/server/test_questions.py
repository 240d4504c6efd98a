"""Frames as values: whatever a peer puts into one is read, or refused as a protocol error, and never anything else."""

from __future__ import annotations

import json

import pytest
from callgate.model.call import Caller, Effect, Session, Verdict
from callgate.model.errors import ProtocolError
from callgate.model.identity import Identified, ServerIdentity
from callgate.model.pin import Kind
from callgate.server import questions
from callgate.shim import frames
from frame_client import ask, hello, listing
from hypothesis import given, settings
from hypothesis import strategies as st

SESSION = Session(
    "0123456789abcdef", Caller(0, 1, None, "", ""), Identified(ServerIdentity("npm", "x"), "because"), "entry"
)
DEEP = b"[" * 100_000 + b"]" * 100_000
BROKEN = [
    b"", b"{", b"nonsense", b"\xff\xfe", b'"text"', b"[1]", b"null", b"12", DEEP, b'{"a":1}{"b":2}', b"\x00" * 10,
    b"9" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: repr(body[:12]))
def test_a_frame_that_is_no_json_object_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        questions.hello(body)
    with pytest.raises(ProtocolError):
        questions.note(body)
    with pytest.raises(ProtocolError):
        questions.listing(b"\0" + body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2), ("version", None), ("version", "1"), ("version", [1]),
        ("uid", None), ("uid", ""), ("uid", "0123456789ABCDEF"), ("uid", "0" * 15), ("uid", "0" * 17), ("uid", 7),
        ("uid", "0123456789abcde\n"), ("uid", "٠١٢٣٤٥٦٧٨٩abcdef"), ("uid", ["0"] * 16),
        ("argv", None), ("argv", []), ("argv", "cat"), ("argv", [1]), ("argv", ["a", None]), ("argv", {"a": 1}),
        ("argv", ["a"] * (questions.ARGV_MAX + 1)),
        ("server_pid", -1), ("server_pid", 2**31), ("server_pid", "7"), ("server_pid", True), ("server_pid", 1.5),
        ("server_pid", None),
    ],
)  # fmt: skip
def test_a_hello_with_a_field_that_makes_no_sense_is_refused(field: str, value: object) -> None:
    with pytest.raises(ProtocolError):
        questions.hello(json.dumps(hello() | {field: value}).encode())


@pytest.mark.parametrize("field", ["launcher", "entry", "cwd", "path", "build"])
@pytest.mark.parametrize("value", [None, 7, [], {}, True])
def test_a_text_of_a_hello_that_is_no_text_counts_as_empty(field: str, value: object) -> None:
    assert getattr(questions.hello(json.dumps(hello() | {field: value}).encode()), field) == ""


def test_a_hello_is_read_and_its_texts_are_cut() -> None:
    said = hello(entry="e" * 10_000, cwd="/a", resumed=True, server_pid=77, launcher="an-agent")
    read = questions.hello(json.dumps(said).encode())
    assert (read.uid, read.resumed, read.cwd, read.server_pid, read.launcher) == (
        "0123456789abcdef", True, "/a", 77, "an-agent",
    )  # fmt: skip
    assert len(read.entry) == questions.TEXT_MAX


@pytest.mark.parametrize("env", [None, [], "x", {"A": 1}, {"A": None}, {f"LD_{n}": "" for n in range(2001)}])
def test_an_environment_that_makes_no_sense_is_refused(env: object) -> None:
    with pytest.raises(ProtocolError):
        questions.hello(json.dumps(hello(env=env)).encode())


def test_an_environment_is_read_whole_and_not_shown() -> None:
    said = {"LD_PRELOAD": "s" * 100_000, "\x1b\ud800": "\x00"}
    found = questions.hello(json.dumps(hello(env=said)).encode())
    assert found.env == said
    assert "sss" not in repr(found)
    assert questions.hello(json.dumps(hello()).encode()).env == {}


@pytest.mark.parametrize("field", ["cwd", "path"])
def test_what_programs_are_looked_up_by_is_never_cut(field: str) -> None:
    """Else a PATH could be made that leads us to the approved program and the shim to another one."""
    value = "/opt" * questions.TEXT_MAX + ":/usr/bin/../../repository"
    assert getattr(questions.hello(json.dumps(hello(**{field: value})).encode()), field) == value


@pytest.mark.parametrize("resumed", [1, "true", [True], None])
def test_only_true_is_resumed(resumed: object) -> None:
    assert not questions.hello(json.dumps(hello(resumed=resumed)).encode()).resumed


@pytest.mark.parametrize("argv", ["\ud800", "a\x00b", "\x1b[31m", "", "é" * 5000])
def test_any_text_may_stand_in_a_command_line(argv: str) -> None:
    assert questions.hello(json.dumps(hello(argv=[argv])).encode()).argv == (argv,)


@pytest.mark.parametrize(
    "raw",
    [
        *BROKEN, b"{}", b'{"params":null}', b'{"params":[]}', b'{"params":"name"}', b'{"params":{}}',
        b'{"params":{"name":null}}', b'{"params":{"name":7}}', b'{"params":{"name":["t"]}}', b'{"params":7}',
    ],
    ids=lambda raw: repr(raw[:30]),
)  # fmt: skip
def test_a_call_that_makes_no_sense_names_no_tool(raw: bytes) -> None:
    call, retry = questions.call(SESSION, 5, b"\0" + raw)
    assert call.tool is None and call.arguments is None and not retry
    assert call.uid == "0123456789abcdef-5" and call.size == len(raw)


def test_an_integer_too_long_to_be_a_number_is_kept_as_its_digits() -> None:
    digits = "9" * 5000
    raw = f'{{"id":{digits},"params":{{"name":"t","arguments":{{"n":-{digits},"m":7,"x":1.5}}}}}}'.encode()
    call, _ = questions.call(SESSION, 5, b"\0" + raw)
    assert call.tool == "t" and call.arguments == {"n": f"-{digits}", "m": 7, "x": 1.5}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_nothing_but_utf_8_is_read(encoding: str) -> None:
    call, _ = questions.call(SESSION, 5, b"\0" + '{"params":{"name":"t"}}'.encode(encoding))
    assert call.tool is None


def test_a_call_without_even_its_flags_names_no_tool() -> None:
    call, retry = questions.call(SESSION, 5, b"")
    assert call.tool is None and call.size == 0 and not retry


@pytest.mark.parametrize("arguments", [7, "text", [1], None, True])
def test_arguments_that_are_no_object_are_left_out(arguments: object) -> None:
    body = json.dumps({"params": {"name": "t", "arguments": arguments}}).encode()
    call, _ = questions.call(SESSION, 1, b"\0" + body)
    assert (call.tool, call.arguments) == ("t", None)


def test_the_flags_of_a_call_are_read() -> None:
    call, retry = questions.call(SESSION, 1, ask("t", {"a": 1}, frames.RETRY))
    assert retry and call.arguments == {"a": 1} and not call.truncated
    call, retry = questions.call(SESSION, 1, ask("t", {"a": 1}, frames.TRUNCATED))
    assert not retry and call.arguments is None and call.truncated


@pytest.mark.parametrize(
    "body",
    [
        b"{}", b'{"result":null}', b'{"result":7}', b'{"result":[]}', b'{"result":{}}', b'{"error":{"code":1}}',
        b'{"result":{"tools":5}}', b'{"result":{"tools":null}}', b'{"result":{"tools":{}}}',
        b'{"result":{"tools":"ab"}}', b'{"result":{"tools":true}}',
        b'{"result":{"tools":[]}}', b'{"result":{"tools":[1,null,"a",[],{},{"name":null},{"name":[1]}]}}',
    ],
)  # fmt: skip
def test_a_listing_without_tools_shows_none(body: bytes) -> None:
    assert questions.listing(b"\0" + body).definitions == ()


def test_a_listing_is_read_in_both_forms() -> None:
    found = questions.listing(listing("a", "b", 7, "é"))
    assert (found.kind, found.names, found.nameless) == (Kind.TOOL, ["a", "b", "é"], (7,))
    body = bytes((frames.OVERSIZE_LIST,)) + b'{"names":["a",7,"b"]}'
    found = questions.listing(body)
    assert (found.names, found.nameless) == (["a", "b"], (7,)) and all(one.unread for one in found.definitions)


@pytest.mark.parametrize("flag", [frames.PROMPTS, frames.TEMPLATES, frames.GREETING])
def test_a_listing_of_something_else_says_so_by_a_flag(flag: int) -> None:
    said = {"prompts": [{"name": "a"}], "resourceTemplates": [{"uriTemplate": "a"}], "instructions": "b"}
    found = questions.listing(bytes((flag,)) + json.dumps({"id": 1, "result": said}).encode())
    assert found.kind is questions.KINDS[flag] and found.names == ([""] if flag == frames.GREETING else ["a"])


@pytest.mark.parametrize("body", [b"{}", b'{"names":null}', b'{"names":"ab"}', b'{"names":{"a":1}}', b'{"names":5}'])
def test_an_oversize_listing_needs_a_list_of_names(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        questions.listing(bytes((frames.OVERSIZE_LIST,)) + body)


@pytest.mark.parametrize("body", [b"{}", b'{"what":null}', b'{"what":7}', b'{"what":["ended"]}'])
def test_a_note_must_say_what(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        questions.note(body)


def test_an_answer_is_one_byte_when_allowed_and_says_why_when_not() -> None:
    allowed = questions.answer(9, Verdict(Effect.ALLOW, "rule", "reason"))
    assert frames.unpack(bytearray(allowed)) == [(frames.ANSWER, 9, b"\0")]
    denied = questions.answer(9, Verdict(Effect.DENY, "rule", "é\n\ud800"))
    ((_, _, body),) = frames.unpack(bytearray(denied))
    assert body[0] == frames.DENY and json.loads(body[1:]) == {"rule": "rule", "reason": "é\n\ud800"}


@given(st.lists(st.text(st.characters(), max_size=20), max_size=20))
def test_hidden_names_come_out_as_they_went_in(names: list[str]) -> None:
    ((_, serial, body),) = frames.unpack(bytearray(questions.hidden(3, names)))
    assert serial == 3 and body[0] == frames.ALLOW and json.loads(body[1:]) == {"hide": names}


def test_a_listing_of_the_largest_size_in_any_script_can_be_answered() -> None:
    names = ["ж" * 50 + str(n) for n in range(9000)]  # near a megabyte of UTF-8, three as ASCII escapes
    assert 900_000 < len("".join(names).encode()) < frames.MAX_INSPECTED
    assert frames.unpack(bytearray(questions.hidden(1, names)))


def test_names_that_fit_into_no_answer_are_told_not_sent() -> None:
    with pytest.raises(ValueError, match="more names than"):
        questions.hidden(1, ["x" * 1024] * 2048)


KEYS = st.sampled_from(["params", "name", "result", "tools", "what"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner))


@settings(max_examples=60)
@given(st.binary(max_size=200) | VALUES.map(lambda value: b"\0" + json.dumps(value).encode()))
def test_no_frame_whatsoever_raises_anything_but_a_protocol_error(body: bytes) -> None:
    questions.call(SESSION, 1, body)
    for read in (questions.hello, questions.note, questions.listing):
        try:
            read(body)
            read(body[1:])
        except ProtocolError:
            pass
