"""Pure: read TOML, and find where each of its values stands (the standard library reads it but gives no places)."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass, field
from enum import Enum, auto

from callgate.agents.formats.span import DEPTH_MAX, fault
from callgate.model.errors import DocumentError

SIZE_MAX = 512 * 1024
"""Characters of one document: fifty times a real one, and about a second's work."""
NUMBER_MAX = 4300
"""Characters of one number: what Python converts without being told to."""

_PART = r"""[A-Za-z0-9_-]++|"(?:[^"\\\n]++|\\[^\n])*+"|'[^'\n]*+'"""
_KEY_PART = re.compile(_PART)
_DOT = re.compile(r"[ \t]*+\.[ \t]*+")
_EQUALS = re.compile(r"[ \t]*+=[ \t]*+")
_BLANK = re.compile(r"[ \t]*+")
_BETWEEN = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")  # what may stand between the elements of an array
_LINE_REST = re.compile(r"[ \t]*+(?:#[^\r\n]*+)?(?=\r?\n|\Z)")
_SCALAR = re.compile(
    r'"""(?:[^"\\]++|\\.|"{1,2}(?!"))*+"""(?:"{0,2})'
    r"|'''(?:[^']++|'{1,2}(?!'))*+'''(?:'{0,2})"
    r'|"(?!"")(?:[^"\\\n]++|\\[^\n])*+"'
    r"|'(?!'')[^'\n]*+'"
    r"|\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]*+"
    r"|[^\s,\[\]{}#\"'=]++",
    re.DOTALL,
)
_EXPONENT = re.compile(r"[+-]?\d[\d_.]*[eE][+-]?[\d_]+")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_NAN = float("nan")


class Kind(Enum):
    """What an item is, which decides where a key is added to it."""

    VALUE = auto()
    ARRAY = auto()
    INLINE = auto()  # a table in braces
    TABLE = auto()  # with a header of its own, or the document itself
    IMPLICIT = auto()  # only named by the headers of tables inside it
    DOTTED = auto()  # made by dotted keys
    TABLES = auto()  # an array of tables with headers


@dataclass(slots=True)
class Item:
    """One value or table, and where it stands."""

    kind: Kind
    start: int = -1
    end: int = -1
    """The value's text; -1 where there is no such text (tables with headers, dotted tables)."""
    key: int = -1
    """Where the (whole, dotted) key begins."""
    prefix: str = ""
    """For a dotted table: the key's text up to its members' own names."""
    last: Item | None = None
    """For all tables: the member that was given last, by a key of this table's own section."""
    members: dict[str, Item] = field(default_factory=dict)
    elements: list[Item] = field(default_factory=list)

    def child(self, key: str | int) -> Item | None:
        """The member or element of that name or index."""
        if isinstance(key, str):
            return self.members.get(key)
        return self.elements[key] if 0 <= key < len(self.elements) else None


def read(text: str) -> dict[str, object]:
    """The document as plain values, dates as they are. Raises DocumentError with line and column."""
    return read_laid(text)[0]


def read_laid(text: str) -> tuple[dict[str, object], Item]:
    """What `read` and `lay_out` give. Raises DocumentError."""
    root = lay_out(text)  # first, because it bounds the nesting, which the standard reader does not
    try:
        return tomllib.loads(text, parse_float=_float), root
    except tomllib.TOMLDecodeError as error:
        raise _said(text, str(error)) from error
    except (ValueError, RecursionError) as error:
        raise fault(text, 0, f"cannot be read without doubt ({type(error).__name__})") from error


def lay_out(text: str) -> Item:
    """The root of the document's items. Raises DocumentError for what is certainly not TOML, or too much of it."""
    if len(text) > SIZE_MAX:
        raise DocumentError("the document", f"has more than {SIZE_MAX} characters", "make it smaller")
    root = Item(Kind.TABLE)
    section = root
    at = 0
    while (at := _skip_between(text, at)) < len(text):
        if text[at] == "[":
            section, at = _header(text, at, root)
        else:
            at = _statement(text, at, section, 0)
        rest = _LINE_REST.match(text, at)
        if rest is None:
            raise fault(text, at, "is not TOML: expecting the end of the line")
        at = rest.end()
    return root


def _header(text: str, at: int, root: Item) -> tuple[Item, int]:
    double = text.startswith("[[", at)
    start = at
    parts, at = _key(text, _blank(text, at + (2 if double else 1)))
    at = _blank(text, at)
    if not text.startswith("]]" if double else "]", at):
        raise fault(text, at, "is not TOML: expecting the end of the header")
    at += 2 if double else 1
    node = root
    for _, name in parts[:-1]:
        node = node.members.setdefault(name, Item(Kind.IMPLICIT))
        if node.kind is Kind.TABLES:
            node = node.elements[-1]
    name = parts[-1][1]
    if double:
        tables = node.members.setdefault(name, Item(Kind.TABLES))
        section = Item(Kind.TABLE, key=start, end=at)
        tables.elements.append(section)
    else:
        section = node.members.setdefault(name, Item(Kind.TABLE))
        section.kind, section.key, section.end = Kind.TABLE, start, at
    return section, at


def _statement(text: str, at: int, table: Item, depth: int) -> int:
    """Lay out one `key = value` and return where it ends."""
    start = at
    parts, at = _key(text, at)
    found = _EQUALS.match(text, at)
    if found is None:
        raise fault(text, at, "is not TOML: expecting '=' after a key")
    item = _value(text, found.end(), depth + len(parts))
    item.key = start
    table.last = item
    for index, (_, name) in enumerate(parts[:-1]):
        table = table.members.setdefault(name, Item(Kind.DOTTED))
        table.prefix = text[start : parts[index + 1][0]]
        table.last = item
    table.members[parts[-1][1]] = item
    return item.end


def _key(text: str, at: int) -> tuple[list[tuple[int, str]], int]:
    """The parts of a key, each with its place, and where the key ends."""
    parts: list[tuple[int, str]] = []
    while True:
        found = _KEY_PART.match(text, at)
        if found is None:
            raise fault(text, at, "is not TOML: expecting a key")
        if len(parts) == DEPTH_MAX:
            raise fault(text, at, f"values are nested deeper than {DEPTH_MAX} levels")
        parts.append((at, _key_text(text, found)))
        dot = _DOT.match(text, found.end())
        if dot is None:
            return parts, found.end()
        at = dot.end()


def _key_text(text: str, found: re.Match[str]) -> str:
    part = found[0]
    if part[0] == "'":
        return part[1:-1]
    if part[0] != '"':
        return part
    if "\\" not in part:
        return part[1:-1]
    try:
        return str(tomllib.loads(f"key = {part}")["key"])
    except tomllib.TOMLDecodeError as error:
        raise fault(text, found.start(), "is not TOML: a key has a wrong escape") from error


def _value(text: str, at: int, depth: int) -> Item:
    if depth > DEPTH_MAX:
        raise fault(text, at, f"values are nested deeper than {DEPTH_MAX} levels")
    if text.startswith("[", at):
        return _array(text, at, depth)
    if text.startswith("{", at):
        return _inline(text, at, depth)
    found = _SCALAR.match(text, at)
    if found is None:
        raise fault(text, at, "is not TOML: expecting a value, or a string is not closed")
    if text[at] not in "\"'":
        _check_number(text, at, found[0])
    return Item(Kind.VALUE, at, found.end())


def _check_number(text: str, at: int, number: str) -> None:
    if len(number) > NUMBER_MAX:
        raise fault(text, at, f"a number has more than {NUMBER_MAX} characters")
    if _EXPONENT.fullmatch(number) and math.isinf(_float(number)):
        raise fault(text, at, "a number is too large")


def _array(text: str, at: int, depth: int) -> Item:
    item = Item(Kind.ARRAY, at)
    at = _skip_between(text, at + 1)
    while not text.startswith("]", at):
        element = _value(text, at, depth + 1)
        item.elements.append(element)
        at = _skip_between(text, element.end)
        if text.startswith(",", at):
            at = _skip_between(text, at + 1)
        elif not text.startswith("]", at):
            raise fault(text, at, "is not TOML: expecting ',' or ']' in an array")
    item.end = at + 1
    return item


def _inline(text: str, at: int, depth: int) -> Item:
    item = Item(Kind.INLINE, at)
    at = _skip_between(text, at + 1)
    while not text.startswith("}", at):
        at = _skip_between(text, _statement(text, at, item, depth))
        if text.startswith(",", at):
            at = _skip_between(text, at + 1)
        elif not text.startswith("}", at):
            raise fault(text, at, "is not TOML: expecting ',' or '}' in a table")
    item.end = at + 1
    return item


def _skip_between(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _float(text: str) -> float:
    """One object for all that are not numbers, so that documents that hold one can be compared."""
    if text.endswith("nan"):
        return _NAN
    return float(text.replace("_", ""))


def _said(text: str, message: str) -> DocumentError:
    """The standard reader's complaint, with its place in front."""
    place = _PLACE.search(message)
    problem = message[: place.start()] if place else message
    problem = f"is not TOML: {problem[:1].lower()}{problem[1:]}"
    if place is None or place[1] is None:
        return fault(text, len(text), problem)
    return DocumentError(f"line {place[1]}, column {place[2]}", problem, "mend the file by hand")
