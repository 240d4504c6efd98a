"""YAML: what is read, what is refused, and how an edit is laid out."""

from __future__ import annotations

import pytest
from callgate.agents.formats.document import edit, locate, parse
from callgate.agents.formats.yaml_scan import SIZE_MAX
from callgate.model.errors import DocumentError
from callgate.model.inventory import Drop, Edit, Format, Put, PutText

GOOSE = """\
# goose
GOOSE_MODEL: gpt   # the model
extensions:
  docs:
    enabled: true
    type: stdio
    cmd: npx # why
    args:
      - -y   # yes

      - "@scope/docs"
      # the end

    envs: {}
    description: |
      Two
       lines

    timeout: 300
  remote: {type: sse, uri: 'http://x', }
  empty:
"""
DOCS = ("extensions", "docs")


def edited(text: str, *edits: Edit) -> str:
    return edit(text.encode(), Format.YAML, edits).decode()


def text_at(text: str, *at: str | int) -> str | None:
    span = locate(text.encode(), Format.YAML, at)
    return None if span is None else text.encode()[span.start : span.end].decode()


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", {}),
        (b"# nothing\n", {}),
        (b"---\n", {}),
        (b"\xef\xbb\xbfa: b\r\n", {"a": "b"}),
        (b"a: [yes, on, 010, 0o10, 0x1F, 1e3, ~, true, 2001-01-01, 1_0]", None),
        (b"%YAML 1.1\n---\na: yes\n<<: {a: 1, b: 2}\n", {"a": True, "b": 2}),
        (b"<<: {a: 1}\n", {"<<": {"a": 1}}),
        (b"a: &x [1]\nb: *x\n", {"a": [1], "b": [1]}),
        (b"a: !!python/object/apply:os.system [x]\nb: !local 1\nc: !!str 1", {"a": ["x"], "b": 1, "c": "1"}),
        (b"1: x\nnull: y\n", {"1": "x", "null": "y"}),
        (b"- a: .inf\n", [{"a": float("inf")}]),
        (b'a: "\\ud83d"', {"a": "\ud83d"}),
    ],
)
def test_a_document_is_read_without_making_objects(data: bytes, value: object) -> None:
    if value is None:
        value = {"a": ["yes", "on", 10, 8, 31, 1000.0, None, True, "2001-01-01", "1_0"]}
    assert parse(data, Format.YAML) == value


BOMB = b"a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (level, level, b", ".join([b"*a%d" % (level - 1)] * 9)) for level in range(1, 12)
)
CHAIN = b"k0: &k0 x\n" + b"".join(b"k%d: &k%d [*k%d]\n" % (level, level, level - 1) for level in range(1, 200))


@pytest.mark.parametrize(
    ("data", "where", "what"),
    [
        (b"a: 1\na: 2", "line 2, column 1", "stands twice"),
        (b'1: a\n"1": b', "line 2, column 1", "stands twice"),
        (b"a: 1\n---\nb: 2\n", "line 2, column 1", "more than one document"),
        (b"a: b: c", "line 1, column 5", "not allowed here"),
        (b'a: "x', "line 1, column 6", "end of stream"),
        (b"\ta: b", "line 1, column 1", "cannot start any token"),
        (b"a: \x07", "line 1, column 4", "special characters"),
        (b'a: "\\U00110000"', "line 1, column 1", "not YAML"),
        (b"%YAML 9.9\n---\na: b", "line 1, column 1", "version"),
        (b"[a]: b", "line 1, column 1", "key is not plain text"),
        (b"a: *b", "line 1, column 4", "names nothing"),
        (b"&a [*a]", "line 1, column 5", "names nothing"),
        (BOMB, "line 5, column 40", "stands for more than 50000 values"),
        (CHAIN, "line 100, column 6", "deeper than 100"),
        (b"[" * 100_000, "line 1, column 101", "deeper than 100"),
        (b"- " * 50_000, "line 1, column 201", "deeper than 100"),
        (b"{a: " * 30_000, "line 1, column 398", "deeper than 100"),
        (b"a: 1e400", "line 1, column 4", "too large"),
        (b"a: " + b"1" * 5000, "line 1, column 4", "more than 4300 digits"),
        (b"a: \xff", "line 1, column 4", "not UTF-8"),
        ("a: 1".encode("utf-16"), "line 1, column 1", "UTF-16"),
        (b"#" * (SIZE_MAX + 1), "the document", "more than 131072 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(data: bytes, where: str, what: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(data, Format.YAML)
    assert caught.value.thing == where
    assert what in caught.value.problem


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (("GOOSE_MODEL",), "gpt"),
        ((*DOCS, "cmd"), "npx"),
        ((*DOCS, "args"), '- -y   # yes\n\n      - "@scope/docs"'),
        ((*DOCS, "args", 1), '"@scope/docs"'),
        ((*DOCS, "description"), "|\n      Two\n       lines"),
        (("extensions", "remote"), "{type: sse, uri: 'http://x', }"),
        (("extensions", "empty"), ""),
        (("extensions", "no"), None),
        ((*DOCS, "args", 2), None),
        ((*DOCS, "cmd", "x"), None),
    ],
)
def test_each_value_is_located_without_what_follows_it(at: tuple[str | int, ...], text: str | None) -> None:
    assert text_at(GOOSE, *at) == text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_wrapped_entry_differs_only_in_its_own_values_and_goes_back(newline: str) -> None:
    text = GOOSE.replace("\n", newline)
    command, arguments = text_at(text, *DOCS, "cmd"), text_at(text, *DOCS, "args")
    assert command is not None
    assert arguments is not None
    wrapped = edited(text, Put((*DOCS, "cmd"), "/a b/shim"), Put((*DOCS, "args"), ["--", "npx", "-y"]))
    assert wrapped == text.replace("npx # why", '"/a b/shim" # why').replace(
        arguments, newline.join(['- "--"', "      - npx", "      - -y"])
    )
    back = [PutText((*DOCS, "cmd"), command.encode()), PutText((*DOCS, "args"), arguments.encode())]
    assert edited(wrapped, *back) == text


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("x: [a, # why\n  b]\n", ["c", "d e"], 'x: [c, "d e"]\n'),
        ("x: ['a']\n", ["it's"], "x: ['it''s']\n"),
        ('x: "a"\n', "b", 'x: "b"\n'),
        ("x:\n- a\n- b # why\ny: 1\n", ["c", "d"], "x:\n- c\n- d # why\ny: 1\n"),
        ("x:   # nothing yet\n", ["a"], "x: [a]   # nothing yet\n"),
        ("x: |\n  a\n  b\n\ny: 1\n", "b", "x: b\n\ny: 1\n"),
        ("x: >-\n  a\n# why\n", "b", "x: b\n# why\n"),
        ("x: a\n  b # why\n", "null", 'x: "null" # why\n'),
        ("{x: a, y: }", "b\u2028\x85\t", '{x: "b\\u2028\\u0085\\t", y: }'),
    ],
)
def test_a_value_takes_the_style_of_the_one_before_and_the_old_text_goes_back(
    before: str, value: object, after: str
) -> None:
    old = text_at(before, "x")
    assert old is not None
    assert edited(before, Put(("x",), value)) == after
    assert edited(after, PutText(("x",), old.encode())) == before


AWKWARD = "yes|No|n|~|1|1_0|-|--|- a|2001-01-01|=|0x1|.inf|a: b|a #b|a,b|[a]|*a|&a|!a|>|%a|@a|`a|?|'|\"|\\"
MORE = "---|...|<<|null|-y|--a=b|/usr/bin/x|./x|C:\\x|🙂|\ue000|\x00|\x7f|\ufeff|\n|| a|a |#|:|a:|\u2028"


@pytest.mark.parametrize("text", [*AWKWARD.split("|"), *MORE.split("|")])
def test_every_text_is_read_back_as_it_was_put(text: str) -> None:
    for before in ("x: a\n", "x: 'a'\n", 'x: "a"\n', "x: [a]\n", "x:\n  - a\n"):
        at: tuple[str | int, ...] = ("x",) if "a]" not in before and "-" not in before else ("x", 0)
        for value in (text, [text]):
            after = edited(before, Put(at, value))
            document = parse(after.encode(), Format.YAML)
            assert document == {"x": value if len(at) == 1 else [value]}


@pytest.mark.parametrize(
    ("before", "at", "after"),
    [
        ("a: 1", ("z",), 'a: 1\nz: [v, "w x"]'),
        ("a: 1\r\n", ("z",), 'a: 1\r\nz: [v, "w x"]\r\n'),
        ("x:\n  a: 1 # why\n\n# y\ny: 2\n", ("x", "z"), 'x:\n  a: 1 # why\n  z: [v, "w x"]\n\n# y\ny: 2\n'),
        ("x: {}\n", ("x", "z"), 'x: {z: [v, "w x"]}\n'),
        ("x: { }\n", ("x", "z"), 'x: { z: [v, "w x"] }\n'),
        ("x: {a: 1}\n", ("x", "z"), 'x: {a: 1, z: [v, "w x"]}\n'),
        ("x:\n  - a: |\n      t\n\n  - b\n", ("x", 0, "z"), 'x:\n  - a: |\n      t\n    z: [v, "w x"]\n\n  - b\n'),
        ("- a:\n- b", (0, "z"), '- a:\n  z: [v, "w x"]\n- b'),
        ("--- # x\na: b\n  c\n...\n", ("z",), '--- # x\na: b\n  c\nz: [v, "w x"]\n...\n'),
    ],
)
def test_a_key_is_added_after_the_last_and_dropping_it_restores_the_text(
    before: str, at: tuple[str | int, ...], after: str
) -> None:
    assert edited(before, Put(at, ["v", "w x"])) == after
    assert edited(after, Drop(at)) == before


@pytest.mark.parametrize(
    ("before", "at", "after"),
    [
        ("a: 1\nb: 2 # why\nc: 3\n", ("b",), "a: 1\n# why\nc: 3\n"),
        ("a:\n- 1\nb: 2\n", ("a",), "b: 2\n"),
        ("x: {a: 1, b: 2, c: 3}\n", ("x", "a"), "x: {b: 2, c: 3}\n"),
        ("x: {a: 1, b: 2, c: 3}\n", ("x", "b"), "x: {a: 1, c: 3}\n"),
    ],
)
def test_dropping_takes_the_line_or_one_comma(before: str, at: tuple[str, ...], after: str) -> None:
    assert edited(before, Drop(at)) == after


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (GOOSE, Put(("no", "x"), 1)),
        (GOOSE, Put((*DOCS, "args", 2), "x")),
        (GOOSE, Put((*DOCS, "cmd", "x"), 1)),
        (GOOSE, Put((*DOCS, "cmd"), "\ud800")),
        (GOOSE, Put((*DOCS, "cmd"), b"bytes")),
        (GOOSE, PutText((*DOCS, "cmd"), b"a: b")),
        (GOOSE, PutText((*DOCS, "cmd"), b"a\nmore: b")),
        (GOOSE, PutText(("no",), b"a")),
        (GOOSE, Drop((*DOCS, "args", 0))),
        (GOOSE, Drop(("no",))),
        (GOOSE, Drop(())),
        ("", Put(("a",), 1)),
        ("x: &a {q: 1}\ny: *a\n", Put(("x", "z"), 1)),
        ("x: &a {q: 1}\ny: *a\n", Put(("x", "q"), 2)),
        ("x: &a {q: 1}\ny: *a\n", Put(("y", "q"), 2)),
        ("x: &a {q: 1}\ny: *a\n", Put(("y",), 2)),
        ("x: &a {q: 1}\ny: *a\n", Put(("x",), 2)),
        ("x: [!!str 1]\n", Put(("x",), 2)),
        ("x:\n  a: |+\n    b\n\ny: 1\n", Put(("x", "z"), 1)),
        ("- a: 1\n  b: 2\n", Drop((0, "a"))),
        ("x:\n  a: 1\n", Drop(("x", "a"))),
        ("x:\n- a\ny: 1\n", Put(("x",), [])),
        ("x: |+\n  its blank lines count\n\n\n", Put(("x",), "y")),
    ],
)
def test_an_edit_that_cannot_be_made_without_doubt_is_refused(text: str, wrong: Edit) -> None:
    with pytest.raises(DocumentError):
        edited(text, wrong)


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"a," * 24_000 + b"]",
        b"\n" * SIZE_MAX,
        b"'" * SIZE_MAX,
        b"a: " + b"x " * 65_000,
        b"a: |\n" + b" x\n" * 43_000,
        b'a: "' + b"\n" * 131_000 + b'"',
        b"\n".join(b"k%d: v" % number for number in range(12_000)),
    ],
    ids=["list", "newlines", "quotes", "words", "block", "folded", "keys"],
)
@pytest.mark.timeout(100)
def test_hostile_text_up_to_the_limit_costs_linear_time(data: bytes) -> None:
    try:
        parse(data, Format.YAML)
    except DocumentError as error:
        assert error.thing.startswith("line ")
