"""Pure: find and change one value in YAML text while the rest stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from callgate.agents.formats.span import (
    Span,
    Splice,
    after_blanks,
    has_newline,
    lead_of,
    line_end,
    line_start,
    missing,
    newline_of,
    without_member,
)
from callgate.agents.formats.yaml_scan import Kind, Node, compose, plain, read, read_composed
from callgate.model.inventory import Drop, Edit, KeyPath, Put, PutText

__all__ = ["YamlText", "read"]

_SAFE = re.compile(r"(?:--?(?=[A-Za-z])|\.{0,2}/)?[A-Za-z_][A-Za-z0-9_./@+=-]*|\.{0,2}/")
_SPECIAL = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
_UNPRINTABLE = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class YamlText:
    """See Laid. A value that is not written has a place of no length after its colon.

    What has anchors, aliases or tags in it is not changed.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.value, self._root = read_composed(text)
        self._pairs: dict[int, dict[str, Node]] = {}

    def find(self, at: KeyPath) -> Span | None:
        """See Laid."""
        node = self._node(at)
        return Span(node.start, node.end) if node is not None else None

    def splices(self, edit: Edit) -> Sequence[Splice]:
        """See Laid."""
        text = self._text
        node = self._node(edit.at)
        if node is not None and _marked(node):
            raise missing(edit.at, "has an anchor, an alias or a tag in it, so it cannot be edited without doubt")
        if isinstance(edit, PutText):
            if node is None:
                raise missing(edit.at)
            return [_put(text, node, edit.text.decode())]
        if isinstance(edit, Put) and node is not None:
            return [_put(text, node, _rewritten(text, node, edit.value))]
        parent = self._node(edit.at[:-1]) if edit.at else None
        if parent is None or parent.kind is not Kind.MAPPING:
            raise missing(edit.at, "is not a key of a mapping, so it can be neither added nor removed")
        return [_add(text, parent, edit) if isinstance(edit, Put) else _drop(text, parent, edit)]

    def meaning(self, fragment: str, span: Span) -> object:
        """See Laid."""
        column = span.start - line_start(self._text, span.start)
        if "\n" not in fragment and "\r" not in fragment:
            column = min(column, 1)  # it only matters to further lines; but what begins a line may be a directive
        root, _ = compose(" " * column + fragment + "\n")
        return None if root is None else plain(root, old=False)

    def _node(self, at: KeyPath) -> Node | None:
        node = self._root
        for key in at:
            if node is None:
                return None
            if node.kind is Kind.ALIAS:
                raise missing(at, "is reached through an alias, so it has no place of its own")
            if isinstance(key, str):
                node = self._named(node).get(key)
            else:
                node = node.items[key] if 0 <= key < len(node.items) else None
        return node

    def _named(self, node: Node) -> dict[str, Node]:
        if id(node) not in self._pairs:  # nodes live as long as the document
            self._pairs[id(node)] = {name.text: value for name, value in node.pairs}
        return self._pairs[id(node)]


def _marked(node: Node) -> bool:
    inner = [*node.items, *(each for pair in node.pairs for each in pair)]
    return node.marked or node.kind is Kind.ALIAS or any(_marked(each) for each in inner)


def _put(text: str, node: Node, new: str) -> Splice:
    """Put `new` in the node's place. A value that is not written gets a space before it, and takes it along again."""
    start = node.start
    if start == node.end and new:
        new = f" {new}"
    elif not new and text[start - 1 : start] == " ":
        start -= 1
    return Splice(start, node.end, new)


def _add(text: str, parent: Node, edit: Put) -> Splice:
    """Add a key after the last one of its mapping, so that dropping it gives back the very same text."""
    member = f"{_string(str(edit.at[-1]), None)}: {_flow(edit.value, None)}"
    if parent.flow:
        if parent.pairs:
            end = parent.pairs[-1][1].end
            return Splice(end, end, f", {member}")
        inside = parent.start + 1
        return Splice(inside, inside, member if parent.end == inside + 1 else f" {member}")
    first = parent.pairs[0][0].start
    indent = " " * (first - line_start(text, first))
    end = line_end(text, parent.end)
    return Splice(end, end, newline_of(text) + indent + member)


def _drop(text: str, parent: Node, edit: Drop) -> Splice:
    """Remove a key with its line, or from between braces with one comma."""
    pair = next((each for each in parent.pairs if each[0].text == edit.at[-1]), None)
    if pair is None:
        raise missing(edit.at)
    start, end = pair[0].start, pair[1].end
    if parent.flow:
        return without_member(text, start, end)
    lead = lead_of(text, start)
    own_line = has_newline(text[lead:start])
    if not own_line and lead > 0:
        raise missing(edit.at, "shares its line with the item that it is the first key of")
    after = after_blanks(text, end)
    if text[after : after + 1] == "#":
        return Splice(start, after)
    if own_line:
        return Splice(lead, end)
    end = line_end(text, end)
    rest = text[end : end + 2]
    return Splice(0, end + len(rest) - len(rest.removeprefix("\r").removeprefix("\n")))


def _rewritten(text: str, node: Node, value: object) -> str:
    """The value in the style of the text that it replaces."""
    quote = _quote(node)
    if node.kind is Kind.SEQUENCE and not node.flow and value and isinstance(value, (list, tuple)):
        indent = " " * (node.start - line_start(text, node.start))
        return (newline_of(text) + indent).join(f"- {_flow(each, quote)}" for each in value)
    return _flow(value, quote)


def _quote(node: Node) -> str | None:
    """The quotes that the node's text is written in, by its first scalar."""
    while node.kind is Kind.SEQUENCE and node.items:
        node = node.items[0]
    return node.style if node.style in ("'", '"') else None


def _flow(value: object, quote: str | None) -> str:
    """A value as YAML on one line, its strings in these quotes if they can be."""
    if isinstance(value, str):
        return _string(value, quote)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(each, quote) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_string(str(key), None)}: {_flow(each, quote)}" for key, each in value.items()) + "}"
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise missing((), f"cannot hold a value of type {type(value).__name__} (YAML)")


def _string(text: str, quote: str | None) -> str:
    if quote is None and _SAFE.fullmatch(text) and text.lower() not in _SPECIAL:
        return text
    if quote == "'" and not _UNPRINTABLE.search(text):
        return "'" + text.replace("'", "''") + "'"
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04X}", json.dumps(text, ensure_ascii=False))
