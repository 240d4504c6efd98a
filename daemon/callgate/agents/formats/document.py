"""Pure: read an agent's config file, locate a value in it, and edit values while every other byte stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callgate.agents.formats import json_text, toml_text, yaml_text
from callgate.agents.formats.span import Span, fault, line_start, missing
from callgate.model.errors import DocumentError
from callgate.model.inventory import Drop, Edit, Format, KeyPath, Put, PutText

__all__ = ["Span", "edit", "locate", "parse"]

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class _Language:
    """What a format's module does, on text without a byte order mark."""

    read: Callable[[str], object]
    find: Callable[[str, KeyPath], Span | None]
    change: Callable[[str, Edit], str]
    value_of: Callable[[str, int], object]


_JSON = _Language(json_text.read, json_text.find, json_text.change, json_text.value_of)
_TOML = _Language(toml_text.read, toml_text.find, toml_text.change, toml_text.value_of)
_YAML = _Language(yaml_text.read, yaml_text.find, yaml_text.change, yaml_text.value_of)
_LANGUAGES = {Format.JSON: _JSON, Format.JSONC: _JSON, Format.TOML: _TOML, Format.YAML: _YAML}


def parse(data: bytes, format: Format) -> object:
    """The document as plain values: dict, list, str, int, float, bool, None (and dates, in TOML).

    JSON and JSONC are one tolerant format here (comments, trailing commas, a byte order mark), because agents differ in
    what they take. A document without any value (nothing, white space, comments) is an empty dict. Strings may hold
    lone surrogates where the file has them as escapes.
    Raises DocumentError, by line and column, for what does not parse and for what two readers could read differently.
    """
    return _LANGUAGES[format].read(_decoded(data)[1])


def locate(data: bytes, format: Format, at: KeyPath) -> Span | None:
    """The byte offsets of the value's text at `at`; None if there is no such value.

    Also None for a TOML table whose keys have lines of their own. Raises DocumentError if the document does not parse.
    """
    mark, text = _decoded(data)
    language = _LANGUAGES[format]
    document = language.read(text)
    span = _located(language, text, document, at)
    if span is None:
        return None
    start = len(mark) + len(text[: span.start].encode())
    return Span(start, start + len(text[span.start : span.end].encode()))


def edit(data: bytes, format: Format, edits: Sequence[Edit]) -> bytes:
    """The document with the edits made, in their order; every byte outside them stays.

    Putting a value and then its old text back, or adding a key and then dropping it, gives the original bytes.
    Raises DocumentError if the document does not parse, a place is not there, or the result, read again, is not exactly
    the original with the edits made.
    """
    mark, text = _decoded(data)
    language = _LANGUAGES[format]
    wanted = language.read(text)
    for each in edits:
        wanted = _expected(wanted, each, language, text)
        text = language.change(text, each)
    _verify(language, text, wanted, edits)
    return mark + text.encode()


def _holds_surrogate(value: object) -> bool:
    """Does some text in the value hold half of a surrogate pair, which UTF-8 cannot write?"""
    if isinstance(value, str):
        return not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value)
    if isinstance(value, dict):
        return any(_holds_surrogate(key) or _holds_surrogate(each) for key, each in value.items())
    return isinstance(value, (list, tuple)) and any(_holds_surrogate(each) for each in value)


def _decoded(data: bytes) -> tuple[bytes, str]:
    """The byte order mark, if there is one, and the text after it."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        raise DocumentError("line 1, column 1", "the file is UTF-16", "save it as UTF-8")
    mark = _BOM if data.startswith(_BOM) else b""
    try:
        return mark, data[len(mark) :].decode()
    except UnicodeDecodeError as error:
        before = data[len(mark) :][: error.start].decode()
        raise fault(before, len(before), "the file is not UTF-8 here", "save it as UTF-8") from error


def _expected(document: object, each: Edit, language: _Language, text: str) -> object:
    """The document, as values, with one edit made. Containers on the way are copied, the rest is shared."""
    if isinstance(each, PutText):
        span = language.find(text, each.at)
        if span is None:
            raise missing(each.at)
        try:
            value = _fragment_value(language, text, span, each.text.decode())
        except (UnicodeDecodeError, DocumentError) as error:
            raise missing(each.at, f"would get text that does not parse ({error})") from error
        return _with(document, each.at, value, 0)
    if isinstance(each, Put):
        if _holds_surrogate([each.value, *each.at, _value_at(document, each.at)]):
            raise missing(each.at, "holds half of a surrogate pair, which readers take differently")
        _located(language, text, document, each.at)  # what could not be put back is not replaced either
        return _with(document, each.at, each.value, 0)
    return _without(document, each.at, 0)


def _located(language: _Language, text: str, document: object, at: KeyPath) -> Span | None:
    """Where the value stands, proved: its text, read alone, is the value that the whole document has there."""
    span = language.find(text, at)
    if span is not None:
        alone = _fragment_value(language, text, span, text[span.start : span.end])
        if not _same(alone, _value_at(document, at)):
            raise missing(at, "cannot be located without doubt")
    return span


def _fragment_value(language: _Language, text: str, span: Span, fragment: str) -> object:
    """What `fragment` means where `span` begins."""
    return language.value_of(fragment, span.start - line_start(text, span.start))


def _with(document: object, at: KeyPath, value: object, depth: int) -> object:
    if depth == len(at):
        return _plain(value)
    key = at[depth]
    if isinstance(document, dict) and isinstance(key, str):
        if key not in document and depth + 1 < len(at):
            raise missing(at)
        return {**document, key: _with(document.get(key), at, value, depth + 1)}
    if isinstance(document, list) and isinstance(key, int) and 0 <= key < len(document):
        return [*document[:key], _with(document[key], at, value, depth + 1), *document[key + 1 :]]
    raise missing(at)


def _without(document: object, at: KeyPath, depth: int) -> object:
    key = at[depth] if at else None
    if isinstance(document, dict) and key in document:
        if depth + 1 == len(at):
            return {each: value for each, value in document.items() if each != key}
        return {**document, key: _without(document[key], at, depth + 1)}
    if isinstance(document, list) and isinstance(key, int) and 0 <= key < len(document) and depth + 1 < len(at):
        return [*document[:key], _without(document[key], at, depth + 1), *document[key + 1 :]]
    raise missing(at)


def _plain(value: object) -> object:
    """The value as a reader would give it back: tuples are lists."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def _verify(language: _Language, text: str, wanted: object, edits: Sequence[Edit]) -> None:
    problem = "cannot be edited without doubt"
    try:
        result = language.read(text)
    except DocumentError as error:
        raise DocumentError("the document", f"{problem} ({error})", "edit it by hand") from error
    doubtful = [each for each in edits if not _same(_value_at(result, each.at), _value_at(wanted, each.at))]
    if doubtful or result != wanted:
        raise DocumentError("the document", problem, "edit it by hand")


def _value_at(document: object, at: KeyPath) -> object:
    for key in at:
        if isinstance(document, dict):
            document = document.get(key, Drop)
        elif isinstance(document, list) and isinstance(key, int) and key < len(document):
            document = document[key]
        else:
            return Drop
    return document


def _same(left: object, right: object) -> bool:
    """Equal in type too: to Python, 1, 1.0 and True are equal."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return left is right or left == right
