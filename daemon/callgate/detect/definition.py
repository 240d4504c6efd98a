"""Pure: what a server shows of a tool, a prompt, a resource template or itself, as digests that a pin can hold.

A definition is read from JSON that a server sent: any type may stand anywhere. What cannot be read within the limits is
a definition all the same, with `unread` saying why: nothing that a server does makes a definition disappear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callgate.detect import jcs
from callgate.model.pin import Kind, Pin

TEXT_MAX = 256 * 1024
"""Characters of one definition in canonical form. The largest of any known server has 12,000."""
NAME_MAX = 4096
"""Characters of a name; the shim relays no call of a longer one."""
DEPTH_MAX = 128
"""Levels of one definition. Schemas of real tools have up to 15."""

FIRST = {
    Kind.TOOL: frozenset(("name", "description", "inputSchema", "outputSchema")),
    Kind.PROMPT: frozenset(("name", "description", "arguments")),
    Kind.TEMPLATE: frozenset(("uriTemplate", "name", "description", "mimeType")),
    Kind.INSTRUCTIONS: frozenset(("instructions",)),
}
"""The members that the first digest covers, as in the draft `io.modelcontextprotocol/server-identity` for tools. The
second digest covers all others.
"""
KEY = {Kind.TOOL: "name", Kind.PROMPT: "name", Kind.TEMPLATE: "uriTemplate"}
"""The member by which one of a list is told from the others."""
SPOKEN = frozenset(("description", "instructions"))
"""Members of a definition that are wording through and through."""
WORDS = frozenset(("description", "title", "$comment", "examples", "markdownDescription", "enumDescriptions"))
"""Members of a schema that are for readers only."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One thing that a server showed."""

    kind: Kind
    name: str
    """What it is called by; "" for the instructions."""
    pin: Pin
    """Its digests, without the shape: that is worked out where it is needed."""
    value: Any = None
    """The whole, as `jcs.parse` gave it; None if it was not read."""
    unread: str = ""
    """Why it could not be read, or ""."""

    @property
    def text(self) -> str:
        """The whole in canonical JSON; "" if it was not read."""
        return "" if self.unread else jcs.canonical(self.value)

    @property
    def shaped(self) -> Pin:
        """Its digests with that of its shape: of the first members without their wording."""
        if self.unread:
            return self.pin
        first = {key: part for key, part in self.value.items() if key in FIRST[self.kind] and key not in SPOKEN}
        return Pin(self.pin.digest, self.pin.second, _digest(jcs.canonical(wordless(first))))


def read(kind: Kind, value: object) -> Definition | None:
    """The definition that a parsed JSON value (of `jcs.parse`) is, or None if it has no name that a call could use."""
    name = value.get(KEY[kind]) if isinstance(value, Mapping) else None
    if not isinstance(value, dict) or not isinstance(name, str) or len(name) > NAME_MAX:
        return None
    return _definition(kind, name, value)


def of_instructions(text: object) -> Definition:
    """The server's own instructions; none at all, and anything but a text, count as an empty one."""
    return _definition(Kind.INSTRUCTIONS, "", {"instructions": text if isinstance(text, str) else ""})


def unread(kind: Kind, name: str, why: str) -> Definition:
    """A thing of which only the name is known."""
    return Definition(kind, name, Pin("", ""), None, why)


def stored(kind: Kind, name: str, pin: Pin, text: str) -> Definition:
    """The definition whose canonical text was kept."""
    return Definition(kind, name, pin, jcs.parse(text))


def _definition(kind: Kind, name: str, value: dict[str, Any]) -> Definition:
    try:
        first = jcs.canonical({key: part for key, part in value.items() if key in FIRST[kind]})
        second = jcs.canonical({key: part for key, part in value.items() if key not in FIRST[kind]})
        if len(first) + len(second) > TEXT_MAX:
            return unread(kind, name, f"its definition is larger than {TEXT_MAX // 1024} KiB")
        brackets = sum(text.count(bracket) for text in (first, second) for bracket in "{[")
        if brackets > DEPTH_MAX and _depth(value) > DEPTH_MAX:
            return unread(kind, name, f"its definition is nested deeper than {DEPTH_MAX} levels")
    except RecursionError:
        return unread(kind, name, f"its definition is nested deeper than {DEPTH_MAX} levels")
    return Definition(kind, name, Pin(_digest(first), _digest(second)), value)


def wordless(value: Any, *, schema: bool = True) -> Any:
    """A schema without its wording. Not `schema`: a table of schemas by name, where `description` is a name."""
    if isinstance(value, dict):
        kept = {}
        for key, part in value.items():
            if schema and key in WORDS:
                continue
            kept[key] = wordless(part, schema=not (schema and key in TABLES))
        return kept
    if isinstance(value, list):
        return [wordless(part, schema=schema) for part in value]
    return value


TABLES = frozenset(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"))
"""Members of a schema that hold schemas by name."""


def _depth(value: Any) -> int:
    """Levels of nesting, found without recursion."""
    level, depth = [value], 0
    while level and depth <= DEPTH_MAX:
        depth += 1
        level = [
            part
            for one in level
            if isinstance(one, dict | list)
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, dict | list)
        ]
    return depth


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
