"""Pure: one word of a shell command line as the program would get it, as far as that can be known."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tree_sitter import Node

WORD_MAX = 4096
"""Characters of one word that are kept."""
PARTS_MAX = 256
"""Parts of one word; and how deep they may be nested."""
VARIABLES_MAX = 64
"""Variables of one command line whose values are remembered."""

_GLOB = re.compile(r"[*?\[]|\{[^{}]*,[^{}]*\}|\{[^{}]*\.\.[^{}]*\}")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_IN_DOUBLE = re.compile(r"\\([$`\"\\\n])")
_ANSI = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|[0-7]{1,3}|.)", re.DOTALL)
_ANSI_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Word:
    """A word: its text, without what cannot be known."""

    text: str
    known: bool = True
    glob: bool = False


@dataclass(slots=True)
class Scope:
    """The variables that a command line sets to a known text. One that is set twice is not known."""

    values: dict[str, str | None] = field(default_factory=lambda: {"HOME": "~"})

    def assign(self, node: Node) -> None:
        """Take in `NAME=value`."""
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None or name.type != "variable_name":
            return
        word = word_of(value, self) if value is not None else Word("")
        key = _text(name)
        if key in self.values or len(self.values) >= VARIABLES_MAX:
            self.values[key] = None
        else:
            self.values[key] = word.text if word.known and not word.glob else None

    def forget(self, name: Node | None) -> None:
        """A loop gives this variable its values."""
        if name is not None:
            self.values[_text(name)] = None

    def value(self, name: str) -> str | None:
        """The text of a variable, if it is known."""
        return self.values.get(name)


def word_of(node: Node, scope: Scope) -> Word:
    """The word that stands at a node."""
    texts: list[str] = []
    known, glob = True, False
    stack, seen = [node], 0
    while stack:
        part = stack.pop()
        seen += 1
        if seen > PARTS_MAX:
            return Word("".join(texts)[:WORD_MAX], False, glob)
        if part.type in ("command_name", "concatenation", "string", "translated_string"):
            stack.extend(reversed(_inner_parts(part)))
            continue
        text, sure = _part(part, scope)
        known &= sure
        glob |= part.type in ("word", "brace_expression", "extglob_pattern") and bool(_GLOB.search(_text(part)))
        texts.append(text)
    text = "".join(texts)
    glob |= node.type == "concatenation" and bool(re.search(r"\{[^{}]*,", text))
    return Word(text[:WORD_MAX], known and len(text) <= WORD_MAX, glob)


def joined(one: Word, other: Word) -> Word:
    """Two parts of one word."""
    return Word((one.text + other.text)[:WORD_MAX], one.known and other.known, one.glob or other.glob)


def _inner_parts(node: Node) -> list[Node]:
    """The parts of a word; the quotes of a string are none."""
    return [child for child in node.children if child.type not in ('"', '$"', "$")]


def _part(node: Node, scope: Scope) -> tuple[str, bool]:
    """The text of one part, and whether it is known."""
    raw = _text(node)
    kind = node.type
    if kind in ("word", "number", "variable_name", "special_variable_name", "brace_expression", "extglob_pattern"):
        return _ESCAPED.sub(lambda match: "" if match[1] == "\n" else match[1], raw), True
    if kind == "raw_string":
        return raw[1:-1], True
    if kind == "string_content":
        return _IN_DOUBLE.sub(lambda match: "" if match[1] == "\n" else match[1], raw), True
    if kind == "ansi_c_string":
        return _ANSI.sub(_ansi, raw[2:-1]), True
    if kind in ("simple_expansion", "expansion"):
        name = raw[2:-1] if raw.startswith("${") else raw[1:]
        value = scope.value(name)
        return (value, True) if value is not None else ("", False)
    if not node.is_named and kind not in ("$", "`"):
        return raw, True
    return "", False  # a substitution, arithmetic, or what the grammar did not understand


def _ansi(match: re.Match[str]) -> str:
    said = match[1]
    try:
        if said[0] in "xuU" and len(said) > 1:
            return chr(int(said[1:], 16))
        if said[0] in "01234567":
            return chr(int(said, 8) & 0xFF)
    except (ValueError, OverflowError):
        return ""
    return _ANSI_LETTERS.get(said, said)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
