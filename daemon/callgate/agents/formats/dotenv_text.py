"""Pure: a .env file as the dotenv libraries of agents read it, and edits of whole lines in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from callgate.agents.formats.span import Span, Splice, fault, missing, newline_of
from callgate.model.inventory import Drop, Edit, KeyPath, Put, PutText

_LINE = re.compile(
    r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.]*)[ \t]*=[ \t]*(?P<value>[^\r\n]*?)[ \t]*(?=\r|\n|\Z)"
)
_PLAIN = re.compile(r"[^\s\"'`#$\\]*")
"""Values that every reader takes for what they are."""


class DotenvText:
    """See Laid. Only values without quotes, blanks and substitutions are read; others stand as their text does.

    Where a name stands twice, readers differ: it is in doubt.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[str, re.Match[str]] = {}
        at = 0
        while at < len(text):
            if match := _LINE.match(text, at):
                if match["name"] in self._found:
                    raise fault(text, at, f"{match['name']} stands twice")
                self._found[match["name"]] = match
            at = _next_line(text, at)
        self.value: object = {name: match["value"] for name, match in self._found.items()}

    def find(self, at: KeyPath) -> Span | None:
        """See Laid."""
        found = self._found.get(str(at[0])) if len(at) == 1 else None
        return None if found is None else Span(*found.span("value"))

    def splices(self, edit: Edit) -> Sequence[Splice]:
        """See Laid."""
        span = self.find(edit.at)
        if isinstance(edit, Drop):
            if span is None:
                raise missing(edit.at)
            start = self._found[str(edit.at[0])].start()
            return [Splice(start, _next_line(self._text, span.end))]
        new = edit.text.decode() if isinstance(edit, PutText) else _written(edit)
        if span is not None:
            return [Splice(span.start, span.end, new)]
        if isinstance(edit, PutText) or len(edit.at) != 1:
            raise missing(edit.at)
        return [Splice(0, 0, f"{edit.at[0]}={new}{newline_of(self._text)}")]  # first: the last line may have no end

    def meaning(self, fragment: str, span: Span) -> object:
        """See Laid."""
        return fragment


def _written(edit: Put) -> str:
    if not isinstance(edit.value, str) or not _PLAIN.fullmatch(edit.value):
        raise missing(edit.at, "is not a plain value", "set it by hand")
    return edit.value


def _next_line(text: str, at: int) -> int:
    """Where the line after the one that holds `at` begins."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
