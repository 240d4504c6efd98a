"""Pure: find and change one value in TOML text while the rest stays as it is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from callgate.agents.formats.span import (
    Span,
    Splice,
    after_blanks,
    has_newline,
    indent_of,
    lead_of,
    line_end,
    missing,
    newline_of,
    spliced,
    without_member,
)
from callgate.agents.formats.toml_scan import Item, Kind, lay_out, read
from callgate.model.inventory import Drop, Edit, KeyPath, Put, PutText

__all__ = ["change", "find", "read", "value_of"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_FIRST_ELEMENT = re.compile(r"\[[ \t]*(?:#[^\r\n]*)?(?:\r?\n)+([ \t]*)")
_TRAILING_COMMA = re.compile(r",\s*\]\Z")
_SPREAD = "is a table over several lines, which is not changed as a whole"


@dataclass(frozen=True, slots=True)
class _Lines:
    """A list that has one element a line: how these lines look."""

    newline: str
    inner: str
    closing: str
    trailing_comma: bool


def value_of(fragment: str, _column: int) -> object:
    """The value that `fragment`, text of one value, stands for."""
    document = read(f"value = {fragment}")
    if len(document) != 1:
        raise missing(("value",), "is more than one value")
    return document["value"]


def find(text: str, at: KeyPath) -> Span | None:
    """Where the value at `at` stands; None if there is none, or if it is a table without text of its own."""
    item = _item(lay_out(text), at)
    return Span(item.start, item.end) if item is not None and item.start >= 0 else None


def change(text: str, edit: Edit) -> str:
    """The text with one edit made. Raises DocumentError if its place is not there or is a table with a header."""
    if not edit.at:
        raise missing(edit.at, _SPREAD)
    root = lay_out(text)
    item = _item(root, edit.at)
    if item is not None and item.start < 0:
        raise missing(edit.at, _SPREAD)
    if isinstance(edit, Put) and item is None:
        return _add(text, _item(root, edit.at[:-1]), edit)
    if item is None:
        raise missing(edit.at)
    if isinstance(edit, Drop):
        return _drop(text, _item(root, edit.at[:-1]), item, edit.at)
    if isinstance(edit, PutText):
        new = edit.text.decode()
    else:
        new = _rewritten(text[item.start : item.end], edit.value, newline_of(text))
    return spliced(text, Splice(item.start, item.end, new))


def _item(root: Item, at: KeyPath) -> Item | None:
    item: Item | None = root
    for key in at:
        item = item.child(key) if item is not None else None
    return item


def _add(text: str, parent: Item | None, edit: Put) -> str:
    """Add a key after the last one of its table, so that dropping it gives back the very same text."""
    name = edit.at[-1]
    if parent is None or not isinstance(name, str):
        raise missing(edit.at)
    statement = f"{parent.prefix}{_key(name)} = {_written(edit.value)}"
    last = parent.last
    if parent.kind is Kind.INLINE:
        return _add_inline(text, parent, statement)
    if parent.kind is Kind.DOTTED and last is not None:
        if _in_braces(text, last):
            raise missing(edit.at, "would be added to a dotted key inside braces")
    elif parent.kind is not Kind.TABLE:
        raise missing(edit.at, "would be added to a table that has no place of its own")
    newline = newline_of(text)
    anchor = last if last is not None else parent
    if anchor.key < 0:  # the document itself, without a key before the first header
        return statement + (newline if text else "") + text
    end = line_end(text, anchor.end)
    return spliced(text, Splice(end, end, newline + indent_of(text, anchor.key) + statement))


def _add_inline(text: str, table: Item, statement: str) -> str:
    if table.last is not None:
        return spliced(text, Splice(table.last.end, table.last.end, f", {statement}"))
    lead = "" if table.end == table.start + 2 else " "
    return spliced(text, Splice(table.start + 1, table.start + 1, lead + statement))


def _drop(text: str, parent: Item | None, item: Item, at: KeyPath) -> str:
    """Remove a key with its line, or from between braces with one comma."""
    if item.key < 0 or parent is None:
        raise missing(at, "is not a key of a table, so it cannot be removed")
    if parent.kind is Kind.INLINE:
        return without_member(text, item.key, item.end)
    if _in_braces(text, item):
        raise missing(at, "is a dotted key inside braces")
    after = after_blanks(text, item.end)
    if text[after : after + 1] == "#":
        return spliced(text, Splice(item.key, after))
    lead = lead_of(text, item.key)
    if has_newline(text[lead : item.key]):
        return spliced(text, Splice(lead, item.end))
    after += 2 if text.startswith("\r\n", after) else 1
    return text[after:]


def _in_braces(text: str, item: Item) -> bool:
    """Does something besides white space stand before the key on its line?"""
    lead = lead_of(text, item.key)
    return lead > 0 and not has_newline(text[lead : item.key])


def _rewritten(original: str, value: object, newline: str) -> str:
    """The value in the layout of the text it replaces: one element a line where it was so."""
    lines = _FIRST_ELEMENT.match(original)
    if lines is None or not isinstance(value, (list, tuple)):
        return _written(value)
    closing = indent_of(original, len(original) - 1)
    return _written_lines(list(value), _Lines(newline, lines[1], closing, bool(_TRAILING_COMMA.search(original))))


def _written_lines(values: list[object], lines: _Lines) -> str:
    if not values:
        return "[]"
    start = lines.newline + lines.inner
    body = f",{start}".join(_written(each) for each in values)
    return f"[{start}{body}{',' if lines.trailing_comma else ''}{lines.newline}{lines.closing}]"


def _written(value: object) -> str:
    """A value as TOML on one line."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_written(each) for each in value) + "]"
    if isinstance(value, dict):
        inside = ", ".join(f"{_key(str(key))} = {_written(each)}" for key, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    raise missing((), f"cannot hold a value of type {type(value).__name__} (TOML)")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _written(name)
