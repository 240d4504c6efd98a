"""Pure: find and change one value in JSON text (with comments or without) while the rest stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from callgate.agents.formats.json_scan import (
    Member,
    ends_in_line_comment,
    lay_out,
    members,
    read,
    skip,
    value_end,
)
from callgate.agents.formats.span import (
    Span,
    Splice,
    after_blanks,
    has_newline,
    indent_of,
    lead_of,
    missing,
    newline_of,
    unit_of,
)
from callgate.model.inventory import Drop, Edit, KeyPath, Put, PutText

__all__ = ["JsonText", "read"]

_OPEN_LIST = re.compile(r"\[[ \t]*[\r\n]")
_OPEN_OBJECT = re.compile(r"\{[ \t]*[\r\n]")
_INNER_INDENT = re.compile(r"[\r\n]([ \t]+)[^\s]")


@dataclass(frozen=True, slots=True)
class _Layout:
    """How new text is laid out, copied from what stands around it."""

    newline: str
    unit: str
    open_objects: bool
    open_lists: bool
    spaced: bool


class JsonText:
    """See Laid. The members of an object are looked up once, however many edits need them."""

    def __init__(self, text: str) -> None:
        self.value, self._scanned = lay_out(text)
        self._text = text
        self._members: dict[int, dict[str | int, Member]] = {}

    def find(self, at: KeyPath) -> Span | None:
        """See Laid."""
        start = skip(self._scanned.strict, 0)
        if start == len(self._scanned.strict):
            return None
        end = -1
        for key in at:
            found = self._members_at(start).get(key)
            if found is None:
                return None
            start, end = found.value, found.end
        return Span(start, end if at else value_end(self._scanned, start))

    def splices(self, edit: Edit) -> Sequence[Splice]:
        """See Laid."""
        if isinstance(edit, Drop):
            return self._drop(self._object_at(edit.at), edit.at)
        span = self.find(edit.at)
        if span is None and isinstance(edit, Put) and edit.at and isinstance(edit.at[-1], str):
            return self._add(self._object_at(edit.at), edit)
        if span is None:
            raise missing(edit.at)
        new = edit.text.decode() if isinstance(edit, PutText) else self._rewritten(span, edit.value)
        return [Splice(span.start, span.end, new)]

    def meaning(self, fragment: str, _span: Span) -> object:
        """See Laid."""
        return read(fragment)

    @cached_property
    def _newline(self) -> str:
        return newline_of(self._text)

    @cached_property
    def _unit(self) -> str:
        return unit_of(self._text)

    def _members_at(self, start: int) -> dict[str | int, Member]:
        if start not in self._members:
            self._members[start] = {each.key: each for each in members(self._scanned, start)}
        return self._members[start]

    def _object_at(self, at: KeyPath) -> Span:
        """The object that the last key of `at` is, or would be, a member of."""
        span = self.find(at[:-1]) if at else None
        if span is None:
            raise missing(at)
        if self._text[span.start] != "{":
            raise missing(at, "is not a member of an object, so it can be neither added nor removed")
        return span

    def _rewritten(self, span: Span, value: object) -> str:
        original = self._text[span.start : span.end]
        base = indent_of(self._text, span.start)
        inner = _INNER_INDENT.search(original)
        unit = inner[1].removeprefix(base) if inner else ""
        layout = _Layout(
            newline_of(original) if has_newline(original) else self._newline,
            unit or self._unit,
            bool(_OPEN_OBJECT.search(original)),
            bool(_OPEN_LIST.search(original)),
            self._text[span.start - 1 : span.start] != ":",
        )
        return _written(value, layout, base)

    def _add(self, parent: Span, edit: Put) -> Sequence[Splice]:
        """Add a member after the last one, so that dropping it gives back the very same text."""
        text = self._text
        present = list(self._members_at(parent.start).values())
        close = parent.end - 1
        after = _last_visible(text, close)
        gap = text[after:close]
        last = present[-1] if present else None
        if last is None:
            opened = has_newline(gap)
            lead = " " if gap or text[after - 1] != "{" else ""
            indent = indent_of(text, close) + self._unit if opened else ""
        else:
            lead_start = lead_of(text, last.start)
            opened = has_newline(text[lead_start : last.start]) or ends_in_line_comment(text, last.end, after)
            indent = indent_of(text, last.start)
            lead = _separator(text, present)
        spaced = last is None or text[last.value - 1] != ":"
        layout = _Layout(self._newline, self._unit, opened, False, spaced)
        member = _written(str(edit.at[-1]), layout, indent) + (": " if spaced else ":")
        member += _written(edit.value, layout, indent)
        added = (self._newline + indent if opened else lead) + member
        if last is not None and last.comma is None:
            return [Splice(last.end, last.end, ","), Splice(after, after, added)]
        return [Splice(after, after, added + ("," if last is not None else ""))]

    def _drop(self, parent: Span, at: KeyPath) -> Sequence[Splice]:
        """Remove a member, one comma, and the line if nothing else is on it."""
        text = self._text
        present = list(self._members_at(parent.start).values())
        place = next((index for index, each in enumerate(present) if each.key == at[-1]), None)
        if place is None:
            raise missing(at)
        member = present[place]
        start, end = member.start, member.end
        splices = []
        if member.comma is not None:
            if text[end : member.comma].strip():
                splices.append(Splice(member.comma, member.comma + 1))
            else:
                end = member.comma + 1
        elif place:
            comma = present[place - 1].comma
            assert comma is not None, "the comma between two members"
            splices.append(Splice(comma, comma + 1))
        before = _after_comma(present[place - 1]) if place else parent.start + 1
        comment = ends_in_line_comment(text, before, lead_of(text, start))
        start, end = _with_space(text, start, end, first=place == 0, last=place == len(present) - 1 and not comment)
        return [Splice(start, end), *splices]


def _separator(text: str, present: list[Member]) -> str:
    """What stands between two members of an object on one line."""
    if len(present) > 1 and present[-2].comma is not None:
        between = text[present[-2].comma + 1 : present[-1].start]
        return between if not between.strip(" \t") else " "
    return " " if text[present[-1].value - 1] != ":" else ""


def _last_visible(text: str, close: int) -> int:
    """The end of the last thing (value, comma, comment or brace) before the closing brace."""
    while text[close - 1] in " \t\r\n":
        close -= 1
    return close


def _after_comma(member: Member) -> int:
    return member.end if member.comma is None else member.comma + 1


def _with_space(text: str, start: int, end: int, *, first: bool, last: bool) -> tuple[int, int]:
    """The span of a member together with the white space that goes with it."""
    lead = lead_of(text, start)
    on_own_line = has_newline(text[lead:start])
    ends_line = text[after_blanks(text, end)] in "\r\n"
    if on_own_line:
        return (lead, end) if ends_line or last else (start, end)
    if first and not last:
        return start, after_blanks(text, end)
    return lead, end


def _written(value: object, layout: _Layout, indent: str) -> str:
    """A value as strict JSON, its inner lines indented from `indent`."""
    is_dict = isinstance(value, dict)
    if not isinstance(value, (dict, list, tuple)) or not value:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    opened = layout.open_objects if is_dict else layout.open_lists
    inner = indent + layout.unit if opened else indent
    if not opened:
        layout = replace(layout, open_objects=False, open_lists=False)
    if isinstance(value, dict):
        colon = ": " if layout.spaced else ":"
        parts = [
            json.dumps(key, ensure_ascii=False) + colon + _written(each, layout, inner) for key, each in value.items()
        ]
    else:
        parts = [_written(each, layout, inner) for each in value]
    left, right = "{}" if is_dict else "[]"
    if not opened:
        return left + (", " if layout.spaced else ",").join(parts) + right
    line = layout.newline + inner
    return left + line + ("," + line).join(parts) + layout.newline + indent + right
