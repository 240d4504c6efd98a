"""Pure: an answer of a server that shows something to the model -> definitions, however hostile it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callgate.detect import definition, jcs
from callgate.detect.definition import Definition
from callgate.model.pin import Kind

TOO_LARGE = "it was listed in an answer that is too large to be looked at"


@dataclass(frozen=True, slots=True)
class Listing:
    """What one answer shows."""

    kind: Kind
    definitions: tuple[Definition, ...] = ()
    """In the order of the answer. A name may stand there twice: then each of them counts."""
    nameless: tuple[Any, ...] = ()
    """The names of those that cannot be called by them: no text, or too long. None stands for having none."""
    more: bool = False
    """Further pages follow."""

    @property
    def names(self) -> list[str]:
        """What is shown, by name."""
        return [one.name for one in self.definitions]


def read(kind: Kind, message: str | bytes) -> Listing:
    """The listing in a JSON-RPC answer. Raises ValueError or RecursionError if it is not a JSON object. An error, or
    an answer to something else, shows nothing.
    """
    said = jcs.parse(message)
    if not isinstance(said, Mapping):
        raise ValueError("not an object")
    result = said.get("result")
    if not isinstance(result, Mapping):
        return Listing(kind)
    if kind is Kind.INSTRUCTIONS:
        return Listing(kind, (definition.of_instructions(result.get("instructions")),))
    items = result.get(kind.value)
    found: list[Definition] = []
    nameless: list[Any] = []
    for item in items if isinstance(items, list) else []:
        one = definition.read(kind, item)
        if one is not None:
            found.append(one)
        else:
            nameless.append(_plain(item.get(definition.KEY[kind])) if isinstance(item, Mapping) else None)
    return Listing(kind, tuple(found), tuple(nameless), result.get("nextCursor") is not None)


def of_names(kind: Kind, names: list[Any]) -> Listing:
    """The listing of which only the names are known."""
    known = [name for name in names if isinstance(name, str)]
    unread = tuple(definition.unread(kind, name, TOO_LARGE) for name in known)
    return Listing(kind, unread, tuple(name for name in names if not isinstance(name, str)))


def _plain(value: Any) -> Any:
    """A name that is none, as it can be written back in an answer."""
    try:
        return json.loads(jcs.canonical(value))
    except RecursionError:
        return None
