"""Pure: the managed settings of one agent as data: what they can enforce, where they lie, and what is to be in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from callgate.agents.adapter import Paths, fill
from callgate.model.inventory import Format, KeyPath, Surroundings


class Control(StrEnum):
    """What an organisation may want of an agent: the columns of docs/native.md."""

    COMMAND = "local servers by command"
    URL = "remote servers by URL"
    NAME = "servers by name"
    HOOKS = "hooks of the organisation only"
    USER = "no servers of the user's own"
    BYPASS = "no flag that skips approvals"


class Can(StrEnum):
    """Whether an agent can enforce something by itself."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"
    UNKNOWN = "not known"


class Source(StrEnum):
    """How we know."""

    RUN = "run"
    """Seen with the real agent on Linux."""
    READ = "read"
    """Read in the agent's own program."""
    VENDOR = "vendor"
    """The vendor's documentation."""
    HEARD = "heard"
    """Said by others; not checked."""


@dataclass(frozen=True, slots=True)
class Ability:
    """What one agent can do of one control."""

    can: Can
    how: str
    """The key that does it and its limits, in a few words."""
    source: Source


@dataclass(frozen=True, slots=True)
class Listed:
    """A server entry of this machine, as an agent's own list has to name it."""

    name: str
    argv: tuple[str, ...] = ()
    """The command line exactly as the entry has it; empty for a remote server."""
    url: str | None = None
    pattern: str = ""
    """For a remote server that is reached through our loopback port: that port's addresses of this kind, with `*` in
    the place of the token, which is not to stand in a file that everyone can read.
    """
    behind: tuple[str, ...] = ()
    """The command line behind our launcher, for an entry that starts one."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the registry wants of one agent. `allowed` and `denied` have no name in common: a denied entry that shares
    its name with one that may start has an empty name here, and is denied by its command or address alone.
    """

    allowed: tuple[Listed, ...] = ()
    """Entries that may start: those behind a launcher of ours, and remote ones."""
    denied: tuple[Listed, ...] = ()
    """Entries whose server the registry denies expressly."""
    unapproved: tuple[Listed, ...] = ()
    """Entries that it does not know, or that are not behind the gate."""
    urls: tuple[str, ...] = ()
    """Addresses that it allows, whether or not an entry has them."""
    denied_urls: tuple[str, ...] = ()
    launchers: tuple[str, ...] = ()
    """Where launchers of this agent may lie, `*` for any name: all that is known of them in a fleet."""
    exact: bool = True
    """The entries are those of one machine. False: only what is the same on all machines is known."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A managed file as it should be."""

    path: str
    """Where it lies on the machine, absolute; for what is no file there (policies to import, text for a console) a
    path below the rendered folder, without a leading separator.
    """
    text: bytes
    does: str
    """What it makes the agent do: a sentence."""
    format: Format | None = None
    """None: it is not compared."""
    owned: tuple[KeyPath, ...] = ()
    """Where the values stand that are ours, each whole; all else in the file is the organisation's."""
    beside: str = ""
    """Glob pattern of files that the agent merges with it, and that could allow more; empty if there are none."""

    @property
    def installed(self) -> bool:
        """Is it a file on the machine?"""
        return self.path[:1] == "/" or self.path[1:3] == ":\\"


@dataclass(frozen=True, slots=True)
class Native:
    """What one agent enforces by itself."""

    agent: str
    name: str
    place: Paths
    """The managed file; none where there is no such file."""
    abilities: Mapping[Control, Ability]
    render: Callable[[Wanted, str], tuple[Piece, ...]]
    """(what is wanted, the system) -> the files; () if nothing can be said."""
    broken: str
    """What the agent does when the file does not parse."""
    covers: tuple[str, ...] = ()
    """Other agents (by id) that read the same file, whose entries it has to list too."""
    notes: tuple[str, ...] = field(default=())
    """Holes and merging rules that whoever deploys the files must know."""


def path_of(place: Paths, os: str) -> str:
    """The first path of a place on that system, where its variables have their usual values; "" if there is none."""
    for template in place.on(os):
        if path := fill(template, Surroundings("", os)):
            return path
    return ""
