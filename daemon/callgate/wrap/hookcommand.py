"""Pure: the command lines of ours that stand in an agent's file for an event, as the agent would run them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from callgate.agents.formats.document import Document
from callgate.agents.formats.values import value_at
from callgate.agents.hooking import Hooks, Place, Spot
from callgate.model.errors import DocumentError
from callgate.wrap.hookplan import EVENTS_AT

DEPTH_MAX = 8
"""Levels below an event at which a command may stand: all layouts have at most three."""


def commands(data: bytes, spot: Spot, event: str, mark: str) -> list[str]:
    """The command lines that hold `mark` among the hooks of an event. None where the file does not parse, or where it
    says that no hook is to run.
    """
    try:
        value = Document(data, spot.format).value
    except DocumentError:
        return []
    if spot.off and value_at(value, spot.off) is True:
        return []
    hooks = value.get(EVENTS_AT) if isinstance(value, Mapping) else None
    if isinstance(hooks, list):
        return [text for one in hooks if _is_of(one, event) for text in _texts(one, mark)]
    found = hooks.get(event) if isinstance(hooks, Mapping) else None
    return list(_texts(found, mark))


def canary_event(hooks: Hooks, name: str) -> dict[str, object]:
    """An event in which the agent wants to call its tool `name`, as far as its keys are known."""
    said: dict[str, object] = {}
    _put(said, hooks.keys.tool[0], name)
    _put(said, hooks.keys.arguments[0], {})
    return said


def _put(said: dict[str, object], place: Place, value: object) -> None:
    for key in place[:-1]:
        inner = said.setdefault(key, {})
        assert isinstance(inner, dict), "places of one event do not cross"
        said = inner
    said[place[-1]] = value


def _is_of(item: object, event: str) -> bool:
    return isinstance(item, Mapping) and item.get("trigger") == event


def _texts(value: object, mark: str, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        if mark in value:
            yield value
    elif depth < DEPTH_MAX:
        for one in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
            yield from _texts(one, mark, depth + 1)
