"""TOML: what is read, what is refused, and how an edit is laid out."""

from __future__ import annotations

import datetime

import pytest
from callgate.agents.formats.document import edit, locate, parse
from callgate.agents.formats.toml_scan import SIZE_MAX
from callgate.model.errors import DocumentError
from callgate.model.inventory import Drop, Edit, Format, Put, PutText

CODEX = """\
# my settings
model = "gpt-5"   # the large one
"when set" = 1979-05-27 07:32:00Z

[mcp_servers.docs]
command = 'npx'
args = [  # two
    "-y",   # yes
    "@scope/docs",
]  # done
[mcp_servers.docs.env]
TOKEN = \"\"\"
a \\
  "quoted" ]=#\"\"\"

[mcp_servers]
inline = { command = "uvx", "args" = ["x"] }
dotted.command = "node"
dotted.env.A = "1"
[projects."/home/me/a.b"]
trust_level = "trusted"
[[hooks]]
command = "one"
[[hooks]]
command = "two"
"""
DOCS = ("mcp_servers", "docs")


def edited(text: str, *edits: Edit) -> str:
    return edit(text.encode(), Format.TOML, edits).decode()


def text_at(text: str, *at: str | int) -> str | None:
    span = locate(text.encode(), Format.TOML, at)
    return None if span is None else text.encode()[span.start : span.end].decode()


def test_values_are_read_as_they_are() -> None:
    document = parse(b"\xef\xbb\xbf" + CODEX.replace("\n", "\r\n").encode(), Format.TOML)
    assert isinstance(document, dict)
    assert document["when set"] == datetime.datetime(1979, 5, 27, 7, 32, tzinfo=datetime.UTC)
    assert document["mcp_servers"]["docs"]["args"] == ["-y", "@scope/docs"]
    assert document["hooks"] == [{"command": "one"}, {"command": "two"}]
    assert parse(b" \n# only a note", Format.TOML) == {}


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (("model",), '"gpt-5"'),
        (("when set",), "1979-05-27 07:32:00Z"),
        ((*DOCS, "command"), "'npx'"),
        ((*DOCS, "args"), '[  # two\n    "-y",   # yes\n    "@scope/docs",\n]'),
        ((*DOCS, "args", 1), '"@scope/docs"'),
        ((*DOCS, "env", "TOKEN"), '"""\na \\\n  "quoted" ]=#"""'),
        (("mcp_servers", "inline"), '{ command = "uvx", "args" = ["x"] }'),
        (("mcp_servers", "inline", "args"), '["x"]'),
        (("mcp_servers", "dotted", "command"), '"node"'),
        (("projects", "/home/me/a.b", "trust_level"), '"trusted"'),
        (("hooks", 1, "command"), '"two"'),
        (DOCS, None),
        (("mcp_servers", "dotted"), None),
        (("hooks",), None),
        (("hooks", 2), None),
        (("no", "such"), None),
        ((), None),
    ],
)
def test_each_value_is_located(at: tuple[str | int, ...], text: str | None) -> None:
    assert text_at(CODEX, *at) == text


@pytest.mark.parametrize(
    "text", ['""""a"""""', "''''a'''''", '"\\\\"', "''", '""', '"""\\""""', "+1_0e-2", "07:32:00.5"]
)
def test_every_kind_of_scalar_ends_where_it_ends(text: str) -> None:
    assert text_at(f"a = {text} # '\"\nb = 1\n", "a") == text


@pytest.mark.parametrize(
    ("data", "where", "what"),
    [
        (b"a = 1\na = 2", "line 2, column 6", "overwrite"),
        (b"[a]\n[a]\n", "line 2, column 3", "twice"),
        (b"a = 1 b = 2", "line 1, column 6", "end of the line"),
        (b"a = \n", "line 1, column 5", "expecting a value"),
        (b'\na = "x', "line 2, column 5", "string is not closed"),
        (b'a = """x\n\n', "line 1, column 5", "string is not closed"),
        (b"[a", "line 1, column 3", "end of the header"),
        (b"= 1", "line 1, column 1", "expecting a key"),
        (b"a", "line 1, column 2", "expecting '='"),
        (b'"\\q" = 1', "line 1, column 1", "wrong escape"),
        (b"a = [1 2]", "line 1, column 8", "expecting ',' or ']'"),
        (b"a = {b = 1", "line 1, column 11", "expecting ',' or '}'"),
        (b"a = 1979-99-99", "line 1, column 9", "is not TOML"),
        (b"a = [\n1e400]", "line 2, column 1", "too large"),
        (b"a = " + b"1" * 5000, "line 1, column 5", "more than 4300"),
        (b"a=" + b"[" * 100_000, "line 1, column 103", "deeper than 100"),
        (b"a=" + b"{a=" * 100_000, "line 1, column 303", "deeper than 100"),
        (b"a." * 100_000 + b"b = 1", "line 1, column 201", "deeper than 100"),
        (b"a = '\xff'", "line 1, column 6", "not UTF-8"),
        ("a = 1".encode("utf-16"), "line 1, column 1", "UTF-16"),
        (b"#" * (SIZE_MAX + 1), "the document", "more than 524288 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(data: bytes, where: str, what: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(data, Format.TOML)
    assert caught.value.thing == where
    assert what in caught.value.problem


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b".".join([b"a"] * 100) + b"]\n" + b"\n".join(b"b%d=1" % number for number in range(50_000)),
        b"a=[" + b"[]," * 170_000 + b"]",
        b"[[a]]\n" * 85_000,
        b'a="""' * 100_000,
        b'"' * 500_000,
        b'a="' + b"\\" * 500_000,
    ],
    ids=["long header", "lists", "tables", "strings", "quotes", "escapes"],
)
@pytest.mark.timeout(100)
def test_hostile_text_up_to_the_limit_costs_linear_time(data: bytes) -> None:
    try:
        parse(data, Format.TOML)
    except DocumentError as error:
        assert "line 1" in error.thing


def test_a_wrapped_entry_differs_only_in_its_own_values() -> None:
    result = edited(CODEX, Put((*DOCS, "command"), "/shim \\é"), Put((*DOCS, "args"), ["--", "npx", "-y"]))
    assert result == CODEX.replace("'npx'", '"/shim \\\\é"').replace(
        '[  # two\n    "-y",   # yes\n    "@scope/docs",\n]', '[\n    "--",\n    "npx",\n    "-y",\n]'
    )


@pytest.mark.parametrize(
    ("before", "at", "after"),
    [
        ("", ("z",), 'z = ["v"]'),
        ("# note\n[x]\n", ("z",), 'z = ["v"]\n# note\n[x]\n'),
        ("a=1\r\n\r\n[x]\r\n", ("z",), 'a=1\r\nz = ["v"]\r\n\r\n[x]\r\n'),
        ("[x]", ("x", "z"), '[x]\nz = ["v"]'),
        ("[x]\n  a = 1 # why\n\n[x.y]\nb = 2\n", ("x", "z"), '[x]\n  a = 1 # why\n  z = ["v"]\n\n[x.y]\nb = 2\n'),
        ("[x]\na = [\n1\n] # why\n", ("x", "z"), '[x]\na = [\n1\n] # why\nz = ["v"]\n'),
        ("x.a = 1\ny = 2\n", ("x", "z"), 'x.a = 1\nx.z = ["v"]\ny = 2\n'),
        ("x = {}", ("x", "z"), 'x = {z = ["v"]}'),
        ("x = { }", ("x", "z"), 'x = { z = ["v"] }'),
        ("x = { a = 1 }", ("x", "z"), 'x = { a = 1, z = ["v"] }'),
        ("[[x]]\n[[x]]\na = 1\n", ("x", 0, "z"), '[[x]]\nz = ["v"]\n[[x]]\na = 1\n'),
        ("[x]\na = nan\n", ("x", "z w"), '[x]\na = nan\n"z w" = ["v"]\n'),
    ],
)
def test_a_key_is_added_to_its_table_and_dropping_it_restores_the_text(
    before: str, at: tuple[str | int, ...], after: str
) -> None:
    assert edited(before, Put(at, ["v"])) == after
    assert edited(after, Drop(at)) == before


@pytest.mark.parametrize(
    ("before", "at", "after"),
    [
        ("[x]\na = 1\nb = 2 # why\nc = 3\n", ("x", "b"), "[x]\na = 1\n# why\nc = 3\n"),
        ("[x]\na = 1\nb = [\n2\n]\nc = 3\n", ("x", "b"), "[x]\na = 1\nc = 3\n"),
        ("a = 1\n[x]\n", ("a",), "[x]\n"),
        ("x = { a = 1, b = 2, c = 3 }\n", ("x", "a"), "x = { b = 2, c = 3 }\n"),
        ("x = { a = 1, b = 2, c = 3 }\n", ("x", "b"), "x = { a = 1, c = 3 }\n"),
    ],
)
def test_dropping_takes_the_line_or_one_comma(before: str, at: tuple[str, ...], after: str) -> None:
    assert edited(before, Drop(at)) == after


def test_old_text_is_put_back_with_its_comments() -> None:
    old = text_at(CODEX, *DOCS, "args")
    assert old is not None
    assert edited(edited(CODEX, Put((*DOCS, "args"), [])), PutText((*DOCS, "args"), old.encode())) == CODEX


@pytest.mark.parametrize(
    "wrong",
    [
        Put(DOCS, {}),
        Put(("hooks",), []),
        Put(("hooks", 2), {}),
        Put(("hooks", 2, "x"), {}),
        Put(("no", "x"), 1),
        Put(("model", "x"), 1),
        Put(("implicit", "x"), 1),
        Put(("model",), None),
        Put(("model",), "\ud800"),
        Put((), {}),
        PutText(("model",), b'"a"\nmore = 1'),
        PutText(("model",), b""),
        PutText(("no",), b"1"),
        Drop(("no",)),
        Drop(DOCS),
        Drop((*DOCS, "args", 0)),
        Drop(()),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(wrong: Edit) -> None:
    text = CODEX + "[implicit.sub]\n"
    with pytest.raises(DocumentError):
        edited(text, wrong)
