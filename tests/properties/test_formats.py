"""Editing a document and undoing the edit gives the same bytes, and nothing that anyone can write makes it crash."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from callgate.agents.formats.document import Document, edit, locate, parse
from callgate.agents.formats.values import value_at
from callgate.model.errors import DocumentError
from callgate.model.inventory import Drop, Edit, Format, KeyPath, Put, PutText
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DEEP = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufeff"), max_size=6)
NAMES = st.one_of(st.sampled_from(["a", "b", "command", "args", "a.b", "x y", "é", "🙂", "//", "]", "#"]), WORDS)
NEW = st.recursive(
    st.one_of(WORDS, st.integers(-9, 9), st.booleans(), st.text(st.characters(exclude_categories=["Cs"]), max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=2)),
    max_leaves=4,
)
"""Values that every format can hold."""


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


GAPS = st.sampled_from(
    ["", "", " ", "  ", "\t", "\n", "\n  ", "\r\n\t", " /* c, ] */ ", "/**/", " // c }\n", "//\r\n  ", "\n\n "]
)


@st.composite
def json_values(draw: st.DrawFn, depth: int = 0) -> str:
    kind = draw(st.sampled_from(["text", "word", "object", "object", "list"])) if depth < 3 else "text"
    if kind == "word":
        return draw(st.sampled_from(["0", "-1.5e3", "true", "false", "null", "123456789012345678901234567890"]))
    if kind == "text":
        return draw(
            st.one_of(WORDS.map(quoted), st.sampled_from([r'"\u0041\n"', r'"\\"', r'"\/"', r'"\""', '"http://x"']))
        )
    left, right = "{}" if kind == "object" else "[]"
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    parts = []
    for name in names:
        key = f"{quoted(name)}{draw(GAPS)}:{draw(GAPS)}" if kind == "object" else ""
        parts.append(f"{draw(GAPS)}{key}{draw(json_values(depth + 1))}{draw(GAPS)}")
    trailing = "," + draw(GAPS) if parts and draw(st.booleans()) else ""
    return left + ",".join(parts) + (trailing or ("" if parts else draw(GAPS))) + right


@st.composite
def json_documents(draw: st.DrawFn) -> bytes:
    text = draw(GAPS) + draw(json_values()) + draw(GAPS)
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


@st.composite
def toml_values(draw: st.DrawFn, depth: int = 0) -> str:
    kind = draw(st.sampled_from(["text", "word", "table", "list", "lines"])) if depth < 2 else "text"
    if kind == "text":
        return draw(
            st.one_of(WORDS.map(quoted), st.sampled_from(["'lit\\'", '"""m\n"q" ]#"""', "'''l\n''x'''", '"\\u0041#"']))
        )
    if kind == "word":
        return draw(st.sampled_from(["0", "-1.5e3", "true", "1979-05-27 07:32:00", "nan", "inf", "0x1F", "1_000"]))
    parts = draw(st.lists(toml_values(depth + 1), max_size=3))
    if kind == "table":
        names = draw(st.lists(NAMES, min_size=len(parts), max_size=len(parts), unique=True))
        space = draw(st.sampled_from(["", " "]))
        inside = ",".join(f"{space}{quoted(name)}={space}{part}" for name, part in zip(names, parts, strict=True))
        return "{" + inside + space + "}"
    if kind == "list":
        return "[" + ", ".join(parts) + draw(st.sampled_from(["", " "])) + "]"
    return "[ # c ]\n" + "".join(f"  {part}, # d\n" for part in parts) + "]"


@st.composite
def toml_documents(draw: st.DrawFn) -> bytes:
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines: list[str] = []
    for section in draw(
        st.lists(st.sampled_from(["[x]", "  [x.y]", "['z w'] # c", "[[q]]", "[q.sub]"]), unique=True, max_size=4)
    ):
        for name in draw(st.lists(NAMES, max_size=3, unique=True)):
            prefix = draw(st.sampled_from(["", "  ", "\t"])) + draw(st.sampled_from(["", "", "'dot' . "]))
            comment = draw(st.sampled_from(["", "  ", " # c = ]"]))
            lines += [f"{prefix}{quoted(name)} = {draw(toml_values())}{comment}"]
        lines += [*draw(st.sampled_from([[], [""], ["# note"], ["  "]])), section]
    text = "\n".join(lines).replace("\n", end) + draw(st.sampled_from(["", end]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


YAML_SCALARS = [
    "npx",
    "a b",
    "'it''s'",
    '"q\\t"',
    "1",
    "yes",
    "~",
    "-y",
    "[a, 'b' ]",
    "{k: v}",
    "{ }",
    "[]",
    "",
    "http://x",
]
YAML_NAMES = st.lists(
    st.sampled_from(["a", "b", "cmd", "args", "x y", "'q'", '"é 🙂"']), min_size=1, max_size=3, unique=True
)


@st.composite
def yaml_lines(draw: st.DrawFn, indent: str = "", depth: int = 0) -> list[str]:
    lines = []
    for name in draw(YAML_NAMES):
        comment = draw(st.sampled_from(["", "", " # c: d", "  "]))
        kind = draw(st.sampled_from(["scalar", "scalar", "list", "map", "block", "maps"])) if depth < 2 else "scalar"
        if kind == "scalar":
            lines += [f"{indent}{name}: {draw(st.sampled_from(YAML_SCALARS))}{comment}"]
        elif kind == "block":
            lines += [f"{indent}{name}: |", f"{indent}   t", f"{indent}    # u", ""]
        elif kind == "map":
            lines += [f"{indent}{name}:{comment}", *draw(yaml_lines(indent + "  ", depth + 1))]
        else:
            inner = indent + draw(st.sampled_from(["", "  "]))
            lines += [f"{indent}{name}:{comment}"]
            for _ in range(draw(st.integers(1, 2))):
                if kind == "list":
                    lines += [f"{inner}- {draw(st.sampled_from(YAML_SCALARS[:10]))}{comment}"]
                else:
                    first, *rest = draw(yaml_lines(inner + "  ", depth + 1))
                    lines += [f"{inner}- {first.strip()}", *rest]
        lines += draw(st.sampled_from([[], [], [""], [f"{indent}# note"]]))
    return lines


@st.composite
def yaml_documents(draw: st.DrawFn) -> bytes:
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = end.join(draw(st.sampled_from([[], ["---"], ["# c"]])) + draw(yaml_lines())) + draw(
        st.sampled_from(["", end])
    )
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


def paths(value: object, at: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    yield at, value
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield from paths(inner, (*at, key))


def put_and_undo(data: bytes, format: Format, at: KeyPath, value: object) -> bool:
    """Was the edit made (and not refused)? Undoing it must give the same bytes."""
    try:
        span = locate(data, format, at)
        changed = edit(data, format, [Put(at, value)])
        if span is not None:
            assert changed.startswith(data[: span.start].rstrip(b" "))
            assert changed.endswith(data[span.end :])
    except DocumentError:
        return False
    undo: Edit = Drop(at) if span is None else PutText(at, data[span.start : span.end])
    assert edit(changed, format, [undo]) == data
    return True


@DEEP
@given(json_documents(), NAMES, NEW, st.data())
def test_json_edits_are_never_refused_and_come_back(data: bytes, name: str, value: object, pick: st.DataObject) -> None:
    document = parse(data, Format.JSONC)
    at, inner = pick.draw(st.sampled_from(list(paths(document))))
    assert put_and_undo(data, Format.JSONC, at, value)
    if isinstance(inner, dict):
        assert put_and_undo(data, Format.JSONC, (*at, name), value)


@DEEP
@given(json_documents(), st.data())
def test_a_dropped_json_member_is_all_that_goes(data: bytes, pick: st.DataObject) -> None:
    document = parse(data, Format.JSONC)
    members = [(*at, key) for at, inner in paths(document) if isinstance(inner, dict) for key in inner]
    if members:
        at = pick.draw(st.sampled_from(members))
        left = edit(data, Format.JSONC, [Drop(at)])
        assert len(left) < len(data)
        assert sum(1 for _ in paths(parse(left, Format.JSONC))) < sum(1 for _ in paths(document))


@DEEP
@given(toml_documents(), NAMES, NEW, st.data())
def test_toml_edits_come_back(data: bytes, name: str, value: object, pick: st.DataObject) -> None:
    try:
        document = parse(data, Format.TOML)
    except DocumentError:  # a key twice, or a table defined again
        return
    at, inner = pick.draw(st.sampled_from(list(paths(document))))
    made = put_and_undo(data, Format.TOML, at, value)
    assert made or locate(data, Format.TOML, at) is None
    if isinstance(inner, dict):
        put_and_undo(data, Format.TOML, (*at, name), value)


@DEEP
@given(yaml_documents(), NAMES, NEW, st.data())
def test_yaml_edits_come_back(data: bytes, name: str, value: object, pick: st.DataObject) -> None:
    document = parse(data, Format.YAML)
    at, inner = pick.draw(st.sampled_from(list(paths(document))))
    put_and_undo(data, Format.YAML, at, value)
    if isinstance(inner, dict):
        put_and_undo(data, Format.YAML, (*at, name), value)


@DEEP
@given(yaml_documents(), WORDS, st.lists(WORDS, min_size=1, max_size=3), st.data())
def test_a_yaml_command_and_its_list_are_never_refused(
    data: bytes, command: str, arguments: list[str], pick: st.DataObject
) -> None:
    places = [
        (at, inner) for at, inner in paths(parse(data, Format.YAML)) if isinstance(inner, (str, list)) and inner and at
    ]
    if places:
        at, inner = pick.draw(st.sampled_from(places))
        assert put_and_undo(data, Format.YAML, at, command if isinstance(inner, str) else arguments)


@pytest.mark.parametrize(
    ("format", "documents"),
    [(Format.JSON, json_documents()), (Format.TOML, toml_documents()), (Format.YAML, yaml_documents())],
    ids=["json", "toml", "yaml"],
)
@DEEP
@given(pick=st.data())
def test_many_edits_at_once_come_back_at_once(
    format: Format, documents: st.SearchStrategy[bytes], pick: st.DataObject
) -> None:
    data = pick.draw(documents)
    try:
        before = Document(data, format)
    except DocumentError:  # a key twice, or a table defined again
        return
    places = [at for at, _ in paths(before.value) if at]
    chosen = pick.draw(st.lists(st.sampled_from(places), max_size=4, unique=True)) if places else []
    alone = [at for at in chosen if not any(at != each and at[: len(each)] == each for each in chosen)]
    puts = [Put(at, pick.draw(NEW)) for at in alone]
    inside = [(*at, pick.draw(NAMES)) for at, inner in paths(before.value) if isinstance(inner, dict)]
    puts += [
        Put(at, "new") for at in inside[:2] if at not in places and not any(at[: len(one)] == one for one in alone)
    ]
    after, errors = before.edited([[each] for each in puts])
    made = [each for each, error in zip(puts, errors, strict=True) if error is None]
    wanted = data
    for each in made:
        assert value_at(after.value, each.at) == value_at(
            Document(wanted := edit(wanted, format, [each]), format).value, each.at
        )
    undo: list[Edit] = []
    for each in reversed(made):
        text = before.text_at(each.at)
        undo.append(Drop(each.at) if text is None else PutText(each.at, text))
    assert edit(after.data, format, undo) == data


MARKS = (
    "{ } [ ] \" ' , : = # // /* */ a 1 \\ - | > &a *a ! % ? --- ... \"\"\" ''' NaN null . e9 << é \ufeff \x00 \u2028"
)
SNIPPETS = [*MARKS.split(" "), " ", "- ", "\n", "\r", "\t"]


@pytest.mark.parametrize("format", list(Format))
@DEEP
@given(
    data=st.one_of(
        st.binary(max_size=40), st.lists(st.sampled_from(SNIPPETS), max_size=25).map("".join).map(str.encode)
    )
)
def test_any_bytes_give_a_value_or_a_document_error(format: Format, data: bytes) -> None:
    try:
        document = parse(data, format)
        for at, _ in list(paths(document))[:5]:
            put_and_undo(data, format, at, ["v"])
            put_and_undo(data, format, (*at, "new"), ["v"])
    except DocumentError as error:
        assert "\n" not in str(error)
        assert str(error).encode()


@pytest.mark.parametrize(
    ("format", "documents"),
    [(Format.JSON, json_documents()), (Format.TOML, toml_documents()), (Format.YAML, yaml_documents())],
    ids=["json", "toml", "yaml"],
)
@DEEP
@given(pick=st.data())
def test_a_damaged_document_gives_a_value_or_a_document_error(
    format: Format, documents: st.SearchStrategy[bytes], pick: st.DataObject
) -> None:
    data = pick.draw(documents)
    start = pick.draw(st.integers(0, len(data)))
    end = pick.draw(st.integers(start, min(len(data), start + 4)))
    snippet = pick.draw(st.sampled_from(["", *SNIPPETS]))
    data = data[:start] + snippet.encode() + data[end:]
    try:
        document = parse(data, format)
        for at, _ in list(paths(document))[:4]:
            put_and_undo(data, format, at, "v")
    except DocumentError as error:
        assert "\n" not in str(error)
