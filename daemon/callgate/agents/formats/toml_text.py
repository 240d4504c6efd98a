"""Pure: find and change one value in TOML text while the rest stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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
    without_member,
)
from callgate.agents.formats.toml_scan import Item, Kind, read, read_laid
from callgate.model.inventory import Drop, Edit, KeyPath, Put, PutText

__all__ = ["TomlText", "read"]

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


class TomlText:
    """See Laid. A table over several lines has no text of its own."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.value: object
        self.value, self._root = read_laid(text)

    def find(self, at: KeyPath) -> Span | None:
        """See Laid."""
        item = self._item(at)
        return Span(item.start, item.end) if item is not None and item.start >= 0 else None

    def splices(self, edit: Edit) -> Sequence[Splice]:
        """See Laid."""
        if not edit.at:
            raise missing(edit.at, _SPREAD)
        item = self._item(edit.at)
        if item is not None and item.start < 0:
            raise missing(edit.at, _SPREAD)
        if isinstance(edit, Put) and item is None:
            return [self._add(self._item(edit.at[:-1]), edit)]
        if item is None:
            raise missing(edit.at)
        if isinstance(edit, Drop):
            return [_drop(self._text, self._item(edit.at[:-1]), item, edit.at)]
        if isinstance(edit, PutText):
            new = edit.text.decode()
        else:
            new = _rewritten(self._text[item.start : item.end], edit.value, self._newline)
        return [Splice(item.start, item.end, new)]

    def meaning(self, fragment: str, _span: Span) -> object:
        """See Laid."""
        document = read(f"value = {fragment}")
        if len(document) != 1:
            raise missing(("value",), "is more than one value")
        return document["value"]

    @cached_property
    def _newline(self) -> str:
        return newline_of(self._text)

    def _item(self, at: KeyPath) -> Item | None:
        item: Item | None = self._root
        for key in at:
            item = item.child(key) if item is not None else None
        return item

    def _add(self, parent: Item | None, edit: Put) -> Splice:
        """Add a key after the last one of its table, so that dropping it gives back the very same text."""
        name = edit.at[-1]
        if parent is None or not isinstance(name, str):
            raise missing(edit.at)
        statement = f"{parent.prefix}{_key(name)} = {_written(edit.value)}"
        last = parent.last
        if parent.kind is Kind.INLINE:
            return _added_inline(parent, statement)
        if parent.kind is Kind.DOTTED and last is not None:
            if _in_braces(self._text, last):
                raise missing(edit.at, "would be added to a dotted key inside braces")
        elif parent.kind is not Kind.TABLE:
            raise missing(edit.at, "would be added to a table that has no place of its own")
        anchor = last if last is not None else parent
        if anchor.key < 0:  # the document itself, without a key before the first header
            return Splice(0, 0, statement + (self._newline if self._text else ""))
        end = line_end(self._text, anchor.end)
        return Splice(end, end, self._newline + indent_of(self._text, anchor.key) + statement)


def _added_inline(table: Item, statement: str) -> Splice:
    if table.last is not None:
        return Splice(table.last.end, table.last.end, f", {statement}")
    lead = "" if table.end == table.start + 2 else " "
    return Splice(table.start + 1, table.start + 1, lead + statement)


def _drop(text: str, parent: Item | None, item: Item, at: KeyPath) -> Splice:
    """Remove a key with its line, or from between braces with one comma."""
    if item.key < 0 or parent is None:
        raise missing(at, "is not a key of a table, so it cannot be removed")
    if parent.kind is Kind.INLINE:
        return without_member(text, item.key, item.end)
    if _in_braces(text, item):
        raise missing(at, "is a dotted key inside braces")
    after = after_blanks(text, item.end)
    if text[after : after + 1] == "#":
        return Splice(item.key, after)
    lead = lead_of(text, item.key)
    if has_newline(text[lead : item.key]):
        return Splice(lead, item.end)
    return Splice(0, after + (2 if text.startswith("\r\n", after) else 1))


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
