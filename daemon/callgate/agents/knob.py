"""Pure: where an agent keeps the address of its model, and how to make it another one."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from callgate.agents.formats.document import Document
from callgate.agents.formats.values import value_at
from callgate.model.inventory import Drop, Edit, Format, KeyPath, Put

ANY = "*"
"""In a knob's path: every key of that mapping."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting that holds the base address of a model API."""

    files: tuple[str, ...]
    """Path templates, the same on every system (see adapter.Paths)."""
    format: Format
    at: KeyPath
    default: str = ""
    """The address that the agent uses where the setting is not there; empty: then it is left alone, because the agent
    would use an address that it does not tell."""


@dataclass(frozen=True, slots=True)
class Turned:
    """One setting that is to be made another: where it stands, and the address that it had."""

    at: KeyPath
    upstream: str
    present: bool
    """It stood there; else it is added."""
    parent: bool = True
    """The mapping that it stands in was there; else that is added too."""


def turnable(document: Document, knob: Knob, own_port: int) -> list[Turned]:
    """The settings of a document that hold (or, by default, mean) the address of a model API, ours left out."""
    found = []
    for at in _places(document.value, knob.at):
        value = value_at(document.value, at)
        upstream = knob.default if value is Drop else value
        if isinstance(upstream, str) and _is_foreign(upstream, own_port):
            parent = value_at(document.value, at[:-1]) is not Drop
            found.append(Turned(at, upstream, value is not Drop, parent))
    return found


def turn(turned: Turned, address: str) -> list[Edit]:
    """The edits that put our address in its place."""
    made: list[Edit] = [] if turned.parent else [Put(turned.at[:-1], {})]
    return [*made, Put(turned.at, address)]


def turn_back(document: Document, turned: Turned, address: str) -> list[Edit]:
    """The edits that undo `turn` in a document that others may have changed since; none where our address is gone.

    In the document that `turn` made, they give the original bytes.
    """
    if value_at(document.value, turned.at) != address:
        return []
    if turned.present:
        return [Put(turned.at, turned.upstream)]
    alone = value_at(document.value, turned.at[:-1]) == {turned.at[-1]: address}
    return [Drop(turned.at), Drop(turned.at[:-1])] if alone and not turned.parent else [Drop(turned.at)]


def _places(value: object, at: KeyPath, before: KeyPath = ()) -> list[KeyPath]:
    if not at:
        return [before]
    if at[0] == ANY:
        keys = list(value) if isinstance(value, dict) else []
        return [place for key in keys for place in _places(value_at(value, (key,)), at[1:], (*before, key))]
    return _places(value_at(value, at[:1]), at[1:], (*before, at[0]))


def _is_foreign(address: str, own_port: int) -> bool:
    """Is it the address of somebody else's API over HTTP?"""
    try:
        parts = urlsplit(address)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and not (parts.hostname in LOOPBACK and parts.port == own_port)
            and not parts.username
        )
    except ValueError:
        return False
