"""JSON with comments: what is read, what is refused, and how an edit is laid out."""

from __future__ import annotations

import pytest
from callgate.agents.formats.document import edit, locate, parse
from callgate.model.errors import DocumentError
from callgate.model.inventory import Drop, Edit, Format, Put, PutText


def edited(text: str, *edits: Edit) -> str:
    return edit(text.encode(), Format.JSONC, edits).decode()


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", {}),
        (b" \r\n\t", {}),
        (b"// nothing yet\n", {}),
        (b"\xef\xbb\xbf", {}),
        (b"\xef\xbb\xbf{}", {}),
        (b"[]", []),
        (b'"text"', "text"),
        (b"null", None),
        (b'{"a": [1, -2.5e3, true, null, "\\u00e9\\n"]}', {"a": [1, -2500.0, True, None, "é\n"]}),
        (b'{"a": 1, /* two\nlines */ "b": 2, // end\n}', {"a": 1, "b": 2}),
        (b'{"a": [1, 2, ], }', {"a": [1, 2]}),
        (b'{"url": "https://x/*no*/,]"}', {"url": "https://x/*no*/,]"}),
        ('{"ключ": "🙂"}'.encode(), {"ключ": "🙂"}),
        (b'{"half": "\\ud83d"}', {"half": "\ud83d"}),
        (b"[" * 100 + b"]" * 100, None),
    ],
)
def test_what_some_agent_reads_is_read(data: bytes, value: object) -> None:
    read = parse(data, Format.JSON)
    assert value is None or read == value
    assert parse(data, Format.JSONC) == read


@pytest.mark.parametrize(
    ("data", "where", "what"),
    [
        (b'{"a": 1,\n "a": 2}', "line 2, column 2", "stands twice"),
        (b'{"a": {"b": 1, "\\u0062": 2}}', "line 1, column 16", "stands twice"),
        (b'{\r\n"a": NaN}', "line 2, column 6", "NaN is not a JSON number"),
        (b"[-Infinity]", "line 1, column 2", "-Infinity is not a JSON number"),
        (b"[1e400]", "line 1, column 2", "too large"),
        (b"[0,\n" + b"9" * 5000 + b"]", "line 2, column 1", "more than 4300 digits"),
        (b"[" * 100_000, "line 1, column 101", "deeper than 100 levels"),
        (b"[" * 101 + b"]" * 101, "line 1, column 101", "deeper than 100 levels"),
        (b'{"a":' * 100_000, "line 1, column 501", "deeper than 100 levels"),
        (b"{} {}", "line 1, column 4", "extra data"),
        (b'{"a": "x', "line 1, column 7", "unterminated string"),
        (b'{"a": "x\n"}', "line 1, column 9", "control character"),
        (b"{ /* never closed", "line 1, column 3", "comment is not closed"),
        (b"/*/", "line 1, column 1", "comment is not closed"),
        (b'{"a\xff": 1}', "line 1, column 4", "not UTF-8"),
        (b'\xef\xbb\xbf\n\n "\xed\xa0\x80"', "line 3, column 3", "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "line 1, column 1", "UTF-16"),
        ('{"a": 1}'.encode("utf-16-le"), "line 1, column 1", "UTF-16"),
        (b"[,]", "line 1, column 2", "expecting value"),
        (b"[1,,]", "line 1, column 4", "expecting value"),
        (b"{,}", "line 1, column 2", "expecting property name"),
        (b"{'a': 1}", "line 1, column 2", "expecting property name"),
        (b"[1 2]", "line 1, column 4", "expecting ','"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "line 1, column 1", "expecting value"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(data: bytes, where: str, what: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(data, Format.JSONC)
    assert caught.value.thing == where
    assert what in caught.value.problem
    assert caught.value.step


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b'\\"' * 4_000_000,
        b"/*" * 4_000_000,
        b"[" * 8_000_000,
        b"{" + b",".join(b'"k%d":0' % number for number in range(600_000)) + b"}",
        b"[0" + b"/**/" * 2_000_000 + b"]",
        b"[0" + b" ," * 4_000_000 + b"]",
        b"[" + b"[]," * 2_600_000 + b"]",
        b"{" + b'"a' * 2_600_000,
    ],
    ids=["quotes", "comments open", "brackets", "members", "comments", "commas", "lists", "keys"],
)
@pytest.mark.timeout(100)
def test_eight_hostile_megabytes_cost_linear_time(data: bytes) -> None:
    try:
        parse(data, Format.JSON)
    except DocumentError as error:
        assert error.thing.startswith("line 1, column ")


def test_a_value_is_located_by_bytes_not_characters() -> None:
    data = '\ufeff{"é": "🙂", "list": [0, {"x": "ü" /*🙂*/ }]}'.encode()
    span = locate(data, Format.JSON, ("list", 1, "x"))
    assert span is not None
    assert data[span.start : span.end] == '"ü"'.encode()
    whole = locate(data, Format.JSON, ())
    assert whole is not None
    assert data[whole.start : whole.end] == data[3:]
    for at in (("no",), ("list", 2), ("list", "0"), ("é", "x"), ("list", -1)):
        assert locate(data, Format.JSON, at) is None
    assert locate(b"", Format.JSON, ()) is None


CLAUDE = """{
  "numStartups": 3,
  "mcpServers": {
    "x": {
      "command": "npx",
      "args": [
        "-y",
        "pkg"
      ]
    }
  }
}
"""


def test_a_list_keeps_one_element_a_line_where_it_had() -> None:
    at = ("mcpServers", "x")
    result = edited(CLAUDE, Put((*at, "command"), "/shim"), Put((*at, "args"), ["--", "npx", "-y"]))
    assert result == CLAUDE.replace('"npx"', '"/shim"').replace(
        '        "-y",\n        "pkg"\n', '        "--",\n        "npx",\n        "-y"\n'
    )


def test_a_list_on_one_line_stays_on_one_line() -> None:
    text = '{"a": {"command": "npx", "args": ["-y"] /* why */}}'
    assert edited(text, Put(("a", "args"), ["x", "y"])) == text.replace('["-y"]', '["x", "y"]')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{"z": ["v"]}'),
        ("{ }", '{ "z": ["v"] }'),
        ("{\n}", '{\n  "z": ["v"]\n}'),
        ("{ // note\n}", '{ // note\n  "z": ["v"]\n}'),
        ("{/* note */}", '{/* note */ "z": ["v"]}'),
        ('{"a":1}', '{"a":1,"z":["v"]}'),
        ('{"a": 1}', '{"a": 1, "z": ["v"]}'),
        ('{ "a": 1, }', '{ "a": 1, "z": ["v"], }'),
        ('{\n\t"a": 1\n}\n', '{\n\t"a": 1,\n\t"z": ["v"]\n}\n'),
        ('{\r\n    "a": 1\r\n}', '{\r\n    "a": 1,\r\n    "z": ["v"]\r\n}'),
        ('{\n  "a": 1, // why\n}', '{\n  "a": 1, // why\n  "z": ["v"],\n}'),
        ('{\n  "a": "http://x" // why\n}', '{\n  "a": "http://x", // why\n  "z": ["v"]\n}'),
        ('{"a": 1 // why\n}', '{"a": 1, // why\n"z": ["v"]\n}'),
        ('{"a": 1,\n "b": "http://x"}', '{"a": 1,\n "b": "http://x",\n "z": ["v"]}'),
        ('{"a": 1,\n "b": 2 /* c */}', '{"a": 1,\n "b": 2, /* c */\n "z": ["v"]}'),
    ],
)
def test_a_key_is_added_in_the_style_around_it_and_dropping_it_restores_the_text(before: str, after: str) -> None:
    assert edited(before, Put(("z",), ["v"])) == after
    assert edited(after, Drop(("z",))) == before


@pytest.mark.parametrize(
    ("key", "after"),
    [
        ("a", '{\n  "b": {}, // second\n  "c": 3\n}'),
        ("b", '{\n  "a": 1,\n   // second\n  "c": 3\n}'),
        ("c", '{\n  "a": 1,\n  "b": {} // second\n}'),
    ],
)
def test_dropping_takes_one_comma_and_an_empty_line_but_no_comment(key: str, after: str) -> None:
    assert edited('{\n  "a": 1,\n  "b": {}, // second\n  "c": 3\n}', Drop((key,))) == after


@pytest.mark.parametrize(
    ("key", "after"), [("a", '{"b":2, "c": 3}'), ("b", '{"a": 1, "c": 3}'), ("c", '{"a": 1,"b":2}')]
)
def test_dropping_from_one_line_leaves_one_line(key: str, after: str) -> None:
    assert edited('{"a": 1,"b":2, "c": 3}', Drop((key,))) == after


def test_a_new_entry_is_laid_out_over_lines_with_its_lists_on_one() -> None:
    entry = {"command": "x", "args": ["a", "b"], "env": {}}
    inner = '"new": {\n      "command": "x",\n      "args": ["a", "b"],\n      "env": {}\n    }'
    assert edited('{\n  "mcpServers": {\n  }\n}', Put(("mcpServers", "new"), entry)) == (
        '{\n  "mcpServers": {\n    ' + inner + "\n  }\n}"
    )


def test_old_text_is_put_back_with_its_comments() -> None:
    text = '{"a": [ 1, /* one */\n 2, ] , "b": "\\u0041"}'
    span = locate(text.encode(), Format.JSONC, ("a",))
    assert span is not None
    wrapped = edited(text, Put(("a",), []), Put(("b",), "new"))
    assert edited(wrapped, PutText(("a",), text.encode()[span.start : span.end]), PutText(("b",), b'"\\u0041"')) == text


@pytest.mark.parametrize(
    "wrong",
    [
        Put(("no", "key"), 1),
        Put(("list", 2), 1),
        Put(("list", "x"), 1),
        Put(("text", "x"), 1),
        Put(("half",), "x"),
        Put(("new",), "\udc00"),
        Put(("\udc00",), "x"),
        PutText(("no",), b"1"),
        PutText(("text",), b""),
        PutText(("text",), b'1, "more": 2'),
        PutText(("text",), b"1 // swallows the rest"),
        PutText(("text",), b'"\xff"'),
        PutText(("text",), b"{"),
        Drop(("no",)),
        Drop(("list", 0)),
        Drop(()),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(wrong: Edit) -> None:
    with pytest.raises(DocumentError):
        edited('{"list": [1, 2], "text": "t", "half": "\\ud800"}', wrong)


def test_a_value_of_another_type_is_not_taken_for_the_same() -> None:
    assert edited('{"a": 1}', Put(("a",), True)) == '{"a": true}'
    with pytest.raises(DocumentError):
        edited('{"a": 1}', Put(("a",), {1: "a key that JSON cannot write"}))
