"""Pure: how a server would come to be started, looked at before it is judged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from callgate.model.call import Session, Verdict
from callgate.model.identity import Identified

FileState = tuple[int, int, int, int, int]
"""Device, inode, bytes, time of the last change of the content and of the inode (ns): a file that was changed or
replaced, and even put back, has another one."""


@dataclass(frozen=True, slots=True)
class Instead:
    """The exact version that is started in the place of a floating one."""

    server: Identified
    argv: tuple[str, ...]
    """The command line with that version written into it, and no other byte changed."""


@dataclass(frozen=True, slots=True)
class Startup:
    """What was found of one launch under one set of rules."""

    rules: object = field(repr=False)
    """The rules (policy.allowlist) that it was looked at under: a verdict under others must not use it."""
    refusal: Verdict | None = None
    """What of the approval does not hold, or a better word for why there is none."""
    instead: Instead | None = None
    pinned: bool = False
    """Its approval pins files: they are looked at again and again while it runs."""
    file: str = ""
    """The one file that its identity rests on; empty if it rests on none, or on a whole command line."""
    program: str = ""
    """The file that the first word of the command line leads to; empty if that is not known."""
    seen: tuple[tuple[str, FileState], ...] = field(default=(), repr=False)
    """The files that all of this rests on, with their state before they were read."""


def as_started(session: Session) -> Session:
    """The session of what is started in the place of what was asked for."""
    instead = session.startup.instead if session.startup else None
    return session if instead is None else replace(session, server=instead.server)
