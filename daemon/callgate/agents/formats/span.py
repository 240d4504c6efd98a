"""Pure: places in a document's text, the white space around them, and what is said of a wrong one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from callgate.model.errors import DocumentError
from callgate.model.inventory import Edit, KeyPath

DEPTH_MAX = 100
"""Values inside values. Configs stay below ten; deeper nesting is made to exhaust a reader's stack."""
LOOK_BACK = 16 * 1024
"""Characters that we go back to the begin of a line, for the sake of looks only: a minified file has one line."""

_NEWLINE = re.compile(r"\r\n|\n|\r")
_INDENTED = re.compile(r"[\r\n]([ \t]+)[^\s]")


@dataclass(frozen=True, slots=True)
class Span:
    """Where a value's text stands: from `start` up to, not including, `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Splice:
    """Replace the text from `start` to `end` by `text`."""

    start: int
    end: int
    text: str = ""


class Laid(Protocol):
    """A document's text, read once, in which any number of values can be found and changes prepared."""

    value: object
    """The document as plain values; not to be changed."""

    def find(self, at: KeyPath) -> Span | None:
        """Where the value at `at` stands; None if there is none, or if it has no text of its own."""

    def splices(self, edit: Edit) -> Sequence[Splice]:
        """What makes one edit. Raises DocumentError if its place is not there or cannot be changed."""

    def meaning(self, fragment: str, span: Span) -> object:
        """The value that `fragment`, text of one value, stands for where `span` begins. Raises DocumentError."""


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """The text with the splices made. They must not overlap; all offsets speak of the text as it was."""
    pieces = []
    at = 0
    for splice in sorted(splices, key=lambda each: (each.start, each.end)):
        pieces += [text[at : splice.start], splice.text]
        at = splice.end
    return "".join([*pieces, text[at:]])


def fault(text: str, offset: int, problem: str, step: str = "mend the file by hand") -> DocumentError:
    """The error for what stands at `offset`, by line and column (both from 1, columns in characters)."""
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return DocumentError(f"line {line}, column {column}", problem, step)


def missing(
    at: KeyPath, problem: str = "is not in the document", step: str = "read the file again and plan anew"
) -> DocumentError:
    """The error for a path that an edit cannot be made at."""
    return DocumentError(words(at), problem, step)


def words(at: KeyPath) -> str:
    """A path as people read it."""
    return " > ".join(str(key) for key in at).encode("utf-8", "backslashreplace").decode() or "the document itself"


def newline_of(text: str) -> str:
    """How the text ends its lines, by its first line end; a line feed if it has none."""
    found = _NEWLINE.search(text)
    return found[0] if found else "\n"


def unit_of(text: str, default: str = "  ") -> str:
    """One step of the text's indentation, by its first indented line."""
    found = _INDENTED.search(text)
    return found[1] if found else default


def line_start(text: str, offset: int) -> int:
    """Where the line that holds `offset` begins."""
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def indent_of(text: str, offset: int) -> str:
    """The white space that the line of `offset` begins with; none if the line begins more than LOOK_BACK before it."""
    floor = max(0, offset - LOOK_BACK)
    start = max(text.rfind("\n", floor, offset), text.rfind("\r", floor, offset)) + 1
    if not start and floor:
        return ""
    end = start
    while text[end : end + 1] in (" ", "\t"):
        end += 1
    return text[start:end]


def lead_of(text: str, offset: int) -> int:
    """Where the white space before `offset` begins, going back over at most one line end."""
    start = offset
    while start and text[start - 1] in " \t":
        start -= 1
    if start and text[start - 1] in "\r\n":
        start -= 2 if text[start - 2 : start] == "\r\n" else 1
    return start


def has_newline(text: str) -> bool:
    """Does the text run over more than one line?"""
    return "\n" in text or "\r" in text


def line_end(text: str, at: int) -> int:
    """Where the line that holds `at` ends, before its line feed or carriage return and line feed."""
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end - 1 if end > at and text[end - 1] == "\r" else end


def after_blanks(text: str, at: int) -> int:
    """The first place from `at` on that is neither a space nor a tab."""
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    return at


def without_member(text: str, start: int, end: int) -> Splice:
    """Takes out the member from `start` to `end` of a table in braces, and one comma beside it."""
    before, after = start, end
    while text[before - 1] in " \t\r\n":
        before -= 1
    while text[after] in " \t\r\n":
        after += 1
    if text[before - 1] == ",":
        return Splice(before - 1, end)
    if text[after] == ",":
        return Splice(start, after_blanks(text, after + 1))
    return Splice(before, end)
