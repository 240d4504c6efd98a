"""Pure: read YAML from the parser's events alone, so that no tag ever makes an object, and keep each value's place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from callgate.agents.formats.span import DEPTH_MAX, fault
from callgate.model.errors import DocumentError

SIZE_MAX = 128 * 1024
"""Characters of one document: ten times a real one, and about a second's work for the parser."""
VALUES_MAX = 50_000
"""Values of one document with its aliases written out: a few lines of aliases of aliases can stand for billions."""
DIGITS_MAX = 4300
"""Digits of one integer: what Python converts without being told to."""

_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_OLD_WORDS = {
    **{word: True for each in ("yes", "on") for word in (each, each.title(), each.upper())},
    **{word: False for each in ("no", "off") for word in (each, each.title(), each.upper())},
}
_OLD = (1, 1)
_COLON = re.compile(r"[ \t]*:")
_TEXT_TAG = "tag:yaml.org,2002:str"
# What the parser raises, besides its own errors, on text that no YAML has (a character out of range, an odd directive).
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, NotImplementedError)


class Kind(Enum):
    """What a node is."""

    SCALAR = auto()
    SEQUENCE = auto()
    MAPPING = auto()
    ALIAS = auto()


@dataclass(slots=True)
class Node:
    """One value and where its text stands, without what follows it (comments, blank lines)."""

    kind: Kind
    start: int
    end: int
    flow: bool = False
    """Written in brackets or braces."""
    marked: bool = False
    """It has an anchor or a tag."""
    style: str | None = None
    """The quote, or | or >, of a scalar; None for a plain one."""
    text: str = ""
    value: object = None
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    weight: int = 1
    """Values inside, itself included, with aliases written out."""
    height: int = 1


def read(text: str) -> object:
    """The document as plain values: YAML 1.2's core schema, other tags are not looked at; {} if it is empty.

    With a `%YAML 1.1` directive, yes, no, on and off are booleans and `<<` merges.
    """
    return read_composed(text)[0]


def read_composed(text: str) -> tuple[object, Node | None]:
    """What `read` gives, and the root node. Raises what `compose` raises."""
    root, version = compose(text)
    if root is None or (root.kind is Kind.SCALAR and root.start == root.end):
        return {}, root
    return plain(root, version == _OLD), root


def compose(text: str) -> tuple[Node | None, tuple[int, int] | None]:
    """The root node, and the version that the document says it is in.

    Raises DocumentError with line and column for what does not parse, for more than one document, duplicate keys, keys
    that are not plain text, aliases into themselves, and documents over the limits.
    """
    if len(text) > SIZE_MAX:
        raise DocumentError("the document", f"has more than {SIZE_MAX} characters", "make it smaller")
    try:
        return _Composer(text).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise fault(text, mark.index if mark else 0, f"is not YAML: {error.problem or error.context}") from error
    except ReaderError as error:
        raise fault(text, int(error.position), f"is not YAML: {error.reason}") from error
    except (YAMLError, RecursionError, *_BROKEN) as error:
        raise fault(text, 0, f"is not YAML ({type(error).__name__})") from error


class _Composer:
    """Builds nodes from events. The depth is bounded here, before the parser's own stack is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._events: Iterator[Any] = iter(YAML(typ="safe", pure=True).parse(text))
        self._anchors: dict[str, Node | None] = {}
        self._version: tuple[int, int] | None = None

    def document(self) -> tuple[Node | None, tuple[int, int] | None]:
        next(self._events)
        event = next(self._events)
        if _is(event, "StreamEnd"):
            return None, None
        self._version = event.version
        root = self._node(next(self._events), 1)
        next(self._events)
        event = next(self._events)
        if not _is(event, "StreamEnd"):
            raise fault(self._text, event.start_mark.index, "the file holds more than one document")
        return root, self._version

    def _node(self, event: Any, depth: int) -> Node:
        start = event.start_mark.index
        if depth > DEPTH_MAX:
            raise fault(self._text, start, f"values are nested deeper than {DEPTH_MAX} levels")
        if _is(event, "Alias"):
            return self._alias(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        marked = event.anchor is not None or event.tag is not None
        if _is(event, "Scalar"):
            node = self._scalar(event, marked)
        elif _is(event, "SequenceStart"):
            node = Node(Kind.SEQUENCE, start, start, bool(event.flow_style), marked)
            self._fill_sequence(node, depth)
        else:
            node = Node(Kind.MAPPING, start, start, bool(event.flow_style), marked)
            self._fill_mapping(node, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        start = event.start_mark.index
        target = self._anchors.get(event.anchor)
        if target is None:
            raise fault(self._text, start, "an alias names nothing that stands before it")
        node = Node(Kind.ALIAS, start, event.end_mark.index, marked=True, text=target.text)
        node.items = [target]
        node.weight, node.height = target.weight, target.height
        return node

    def _scalar(self, event: Any, marked: bool) -> Node:
        start, end, style = event.start_mark.index, event.end_mark.index, event.style
        if style in ("|", ">"):
            end = start + len(self._text[start:end].rstrip())
        node = Node(Kind.SCALAR, start, end, False, marked, style, event.value)
        try:
            plain = style is None and event.tag != _TEXT_TAG
            node.value = _resolved(event.value, self._version == _OLD) if plain else event.value
        except ValueError as error:
            raise fault(self._text, start, str(error)) from error
        return node

    def _fill_sequence(self, node: Node, depth: int) -> None:
        while not _is(event := next(self._events), "SequenceEnd"):
            item = self._node(event, depth + 1)
            node.items.append(item)
            self._weigh(node, item)
        self._close(node, event, node.items[-1].end if node.items else node.start)

    def _fill_mapping(self, node: Node, depth: int) -> None:
        seen = set()
        while not _is(event := next(self._events), "MappingEnd"):
            key = self._node(event, depth + 1)
            if key.kind is not Kind.SCALAR:
                raise fault(self._text, key.start, "a key is not plain text")
            if key.text in seen:
                raise fault(self._text, key.start, f"the key {key.text[:80]!r} stands twice in one mapping")
            seen.add(key.text)
            value = self._node(next(self._events), depth + 1)
            if value.start == value.end:  # nothing is written: its place is after the colon
                colon = _COLON.match(self._text, key.end)
                value.start = value.end = colon.end() if colon else key.end
            node.pairs.append((key, value))
            self._weigh(node, value)
        self._close(node, event, node.pairs[-1][1].end if node.pairs else node.start)

    def _weigh(self, node: Node, inner: Node) -> None:
        node.weight += inner.weight
        node.height = max(node.height, inner.height + 1)
        if node.weight > VALUES_MAX:
            raise fault(self._text, inner.start, f"stands for more than {VALUES_MAX} values")
        if node.height > DEPTH_MAX:
            raise fault(self._text, inner.start, f"values are nested deeper than {DEPTH_MAX} levels")

    def _close(self, node: Node, event: Any, block_end: int) -> None:
        node.end = event.end_mark.index if node.flow else block_end


def _is(event: Any, name: str) -> bool:
    return type(event).__name__ == f"{name}Event"


def _resolved(text: str, old: bool) -> object:
    """What a plain scalar stands for. Raises ValueError for a number that readers take differently."""
    if text in _WORDS:
        return _WORDS[text]
    if old and text in _OLD_WORDS:
        return _OLD_WORDS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > DIGITS_MAX:
            raise ValueError(f"a number has more than {DIGITS_MAX} digits")
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        if math.isinf(number := float(text)):
            raise ValueError("a number is too large")
        return number
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def plain(node: Node, old: bool) -> object:
    """The node as plain values; `old` is YAML 1.1's way. Its size is bounded by VALUES_MAX."""
    if node.kind is Kind.SCALAR:
        return node.value
    if node.kind is Kind.ALIAS:
        return plain(node.items[0], old)
    if node.kind is Kind.SEQUENCE:
        return [plain(item, old) for item in node.items]
    made = {key.text: plain(value, old) for key, value in node.pairs}
    merge = next((key for key, _ in node.pairs if key.text == "<<" and key.style is None), None) if old else None
    return made if merge is None else _merged(made)


def _merged(made: dict[str, object]) -> dict[str, object]:
    """YAML 1.1's merge: keys of the mapping itself come first, then those of the earlier sources."""
    given = made.pop("<<")
    for source in given if isinstance(given, list) else [given]:
        if isinstance(source, dict):
            made = {**source, **made}
    return made
