"""Pure: one row of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCHEMA = 2
"""Version of the fields below; written into each row. 2 brought `user` and `basis`."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, said once. All fields but `kind` may be empty where they have no meaning.

    `kind` is `noun.verb` (docs/events.md lists them): `call.asked`, `call.answered`, `server.launched`, `server.ended`,
    `tools.listed`, `config.changed`, `entry.wrapped`, `entry.unwrapped`, `daemon.started`, `daemon.stopped`,
    `registry.changed`, `log.cut`, ...
    """

    kind: str
    time: int
    """Nanoseconds since the epoch, by the wall clock (which may jump: the order of rows is `seq`, not this)."""
    uid: str = ""
    """The call or thing that this row speaks of; rows with the same uid belong together."""
    session: str = ""
    agent: str = ""
    server: str = ""
    entry: str = ""
    tool: str = ""
    effect: str = ""
    rule: str = ""
    reason: str = ""
    mode: str = ""
    user: str = ""
    basis: str = ""
    """Names the rules that were in force: the first digits of the digest of the registry's files, policy included."""
    detail: Mapping[str, object] = field(default_factory=dict)
    """JSON values only; what differs between kinds."""


@dataclass(frozen=True, slots=True)
class Row:
    """An event as the log holds it."""

    seq: int
    event: Event
    hash: str
    """Hex SHA-256 of this row chained to all before it."""
    payload: str | None = None
    """The stored payload (what the payload policy kept), when it was asked for and is still there."""
