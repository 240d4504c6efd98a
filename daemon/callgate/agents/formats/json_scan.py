"""Pure: read JSON with comments and trailing commas, strictly where two readers could differ."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from callgate.agents.formats.span import DEPTH_MAX, fault, has_newline
from callgate.model.errors import DocumentError

DIGITS_MAX = 4300
"""Digits of one integer: what Python converts without being told to (longer ones cost quadratic time)."""

_WHITE = r"[ \t\r\n]*+"
_CLOSED = r'"(?:[^"\\]++|\\.)*+"'
_STRING = _CLOSED + "?"  # an unclosed one runs to the end, so that no text costs quadratic time
_COMMENT = re.compile(r"//[^\r\n]*+|/\*.*?(?:(\*/)|\Z)", re.DOTALL)
# These two take all that lies before a comment, or a trailing comma, at once: a call for each string costs seconds.
_TO_COMMENT = re.compile(rf'((?:[^"/]++|{_STRING}|/(?![/*]))*+)(//[^\r\n]*+|/\*.*?(?:(\*/)|\Z)|\Z)', re.DOTALL)
_TO_TRAILING = re.compile(rf'((?:[^",]++|{_STRING}|,(?!{_WHITE}[\]}}]))*+)(,|\Z)', re.DOTALL)
_VISIBLE = re.compile(r"[^\r\n]")
_TOKEN = re.compile(rf'({_STRING})({_WHITE}:)?|[\[\]{{}}]|[^\s\[\]{{}}:,"]++', re.DOTALL)
_MEMBER = re.compile(rf'(?:({_CLOSED}){_WHITE}:{_WHITE})?({_CLOSED}|[^\s\[\]{{}}",]++|(?=[\[{{]))', re.DOTALL)
_COMMA = re.compile(rf"{_WHITE}(,?){_WHITE}")
_SPACE = re.compile(_WHITE)
_PLAIN = json.JSONDecoder()


class _DoubtError(ValueError):
    """Valid JSON in which two readers could see different things."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A document in three texts of the same length, so that an offset means the same place in each."""

    text: str
    bare: str
    """Comments are spaces."""
    strict: str
    """Trailing commas are spaces too: JSON for any reader."""


class Member(NamedTuple):
    """One member of an object (or element of an array). `comma` is where the comma after it stands, if any."""

    key: str | int
    start: int
    value: int
    end: int
    comma: int | None


def scan(text: str) -> Scanned:
    """Blank out what strict JSON has not. Raises DocumentError for a comment without an end."""
    try:
        _PLAIN.decode(text)
    except (ValueError, RecursionError):
        return _blanked(text)
    return Scanned(text, text, text)


def _blanked(text: str) -> Scanned:
    bare = _TO_COMMENT.sub(_blank_comment, text)
    return Scanned(text, bare, _TO_TRAILING.sub(_blank_comma, bare))


def read(text: str) -> object:
    """The document as plain values; one without any value is an empty object.

    Raises DocumentError with line and column for what is not JSON, and for duplicate keys, NaN, Infinity, numbers
    that are infinite or over DIGITS_MAX, and nesting over DEPTH_MAX.
    """
    return lay_out(text)[0]


def lay_out(text: str) -> tuple[object, Scanned]:
    """What `read` gives, and the scanned text, at the price of one of the two. Raises what `read` raises."""
    try:
        value, scanned = _STRICT.decode(text), Scanned(text, text, text)
    except json.JSONDecodeError:
        scanned = _blanked(text)
        value = _read_scanned(scanned.strict)
    except (ValueError, RecursionError):
        scanned = scan(text)
        value = _read_scanned(scanned.strict)
    if _too_deep(value):
        raise _first_doubt(scanned.strict)
    return value, scanned


def skip(text: str, at: int) -> int:
    """The first place from `at` on that is not white space."""
    if text[at : at + 1] not in " \t\r\n":
        return at
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it also matches nothing


def value_end(scanned: Scanned, start: int) -> int:
    """Where the value that begins at `start` ends. The document must have been read without error."""
    return _PLAIN.raw_decode(scanned.strict, start)[1]


def members(scanned: Scanned, start: int) -> Iterator[Member]:
    """The members of the object, or the elements of the array, that begins at `start`; none for other values."""
    strict, bare = scanned.strict, scanned.bare
    if strict[start] not in "{[":
        return
    at = skip(bare, start + 1)
    index = 0
    while bare[at] not in "}]":
        member = _MEMBER.match(bare, at)
        assert member is not None, "a member, in a document that was read"
        value, end = member.span(2)
        if value == end:
            end = value_end(scanned, value)
        comma = _COMMA.match(bare, end)
        assert comma is not None, "it also matches nothing"
        yield Member(_key(member[1]) if member[1] else index, at, value, end, comma.start(1) if comma[1] else None)
        at = comma.end()
        index += 1


def _key(quoted: str) -> str:
    return str(_PLAIN.decode(quoted)) if "\\" in quoted else quoted[1:-1]


def ends_in_line_comment(text: str, begin: int, end: int) -> bool:
    """Would text at `end` be part of a line comment? Between the two places stand only white space and comments."""
    last = ""
    for found in _COMMENT.finditer(text, begin, end):
        last = found[0] if found.end() == end else ""
    return last.startswith("//")


def _read_scanned(strict: str) -> object:
    if not strict.strip(" \t\r\n"):
        return {}
    try:
        return _STRICT.decode(strict)
    except json.JSONDecodeError as error:
        raise fault(strict, error.pos, f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}") from error
    except (ValueError, RecursionError) as error:
        raise _first_doubt(strict) from error


def _blank_comment(found: re.Match[str]) -> str:
    before, comment, close = found.groups()
    if comment.startswith("/*") and close is None:
        raise fault(found.string, found.start(2), "a comment is not closed")
    return before + (_VISIBLE.sub(" ", comment) if has_newline(comment) else " " * len(comment))


def _blank_comma(found: re.Match[str]) -> str:
    before, comma = found.groups()
    if not comma:
        return str(before)
    at = found.start(2) - 1
    while at >= 0 and found.string[at] in " \t\r\n":
        at -= 1
    follows_value = at >= 0 and found.string[at] not in "[{,:"
    return before + (" " if follows_value else comma)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _DoubtError
    return made


def _constant(_name: str) -> object:
    raise _DoubtError


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _DoubtError
    return value


_STRICT = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)


def _too_deep(value: object) -> bool:
    """Level by level, so that the depth of a hostile document costs no stack."""
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX + 1):
        containers = [each for each in level if type(each) in (dict, list)]
        if not containers:
            return False
        level = [inner for each in containers for inner in (each.values() if type(each) is dict else each)]
    return True


def _first_doubt(strict: str) -> DocumentError:
    """Where the document that the decoder would not take goes wrong: a slow second look, on the way to an error."""
    open_objects: list[set[str] | None] = []
    for found in _TOKEN.finditer(strict):
        piece, at = found[0], found.start()
        if piece in ("{", "["):
            open_objects.append(set() if piece == "{" else None)
            if len(open_objects) > DEPTH_MAX:
                return fault(strict, at, f"values are nested deeper than {DEPTH_MAX} levels")
        elif piece in ("}", "]"):
            if open_objects:
                open_objects.pop()
        elif found[2] and open_objects and (keys := open_objects[-1]) is not None:
            key = str(_PLAIN.decode(found[1]))
            if key in keys:
                return fault(strict, at, f"the key {found[1][:80]} stands twice in one object")
            keys.add(key)
        elif piece[0] != '"' and (problem := _number_problem(piece)):
            return fault(strict, at, problem)
    return fault(strict, 0, "cannot be read without doubt")


def _number_problem(piece: str) -> str | None:
    if piece in ("NaN", "Infinity", "-Infinity"):
        return f"{piece} is not a JSON number"
    if piece.lstrip("-").isdecimal():
        return f"a number has more than {DIGITS_MAX} digits" if len(piece.lstrip("-")) > DIGITS_MAX else None
    try:
        return "a number is too large" if math.isinf(float(piece)) else None
    except ValueError:
        return None
