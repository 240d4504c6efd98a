"""Pure: the nouns of the journal: what we changed in one file, what puts it back, and how that is written as JSON."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from callgate.model.inventory import ConfigFile, Format, KeyPath, Scope

VERSION = 1
"""Of the JSON below; another one is not read."""


@dataclass(frozen=True, slots=True)
class Undo:
    """One value that we put, and what stood there."""

    at: KeyPath
    """From the entry down; () is the entry itself."""
    ours: object
    """The value that we put (JSON). While it stands, `text` may take its place."""
    text: bytes | None
    """The document text that stood there; None if nothing did."""


@dataclass(frozen=True, slots=True)
class Owned:
    """One entry that we wrapped."""

    file: ConfigFile
    name: str
    at: KeyPath
    launcher: str
    argv: tuple[str, ...]
    """The original command line."""
    undo: tuple[Undo, ...]
    """Empty for an entry that started a launcher already when we met it: nothing but that launcher is ours to undo."""
    time: int
    """Nanoseconds since the epoch."""
    project: str | None = None
    follows: ConfigFile | None = None
    """For a copy that we made: the project's file that it is a copy from."""
    made: int = 0
    """For a copy: how many mappings above it we made with it."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that was begun: the file holds `before` or `after`, or someone else has changed it since."""

    before: str
    after: str
    entries: tuple[Owned, ...]
    """What is owned once `after` stands."""


@dataclass(frozen=True, slots=True)
class Record:
    """What we did to one file."""

    target: str
    """The file itself, links resolved."""
    original: str
    """Digest of the bytes from before we first touched it."""
    left: str
    """Digest of the bytes as we left them."""
    exact: bool
    """The original bytes are what the file would be without us: nobody else has changed it between our changes."""
    entries: tuple[Owned, ...] = ()
    pending: Pending | None = None


def digest(data: bytes) -> str:
    """Hex SHA-256: how reports and the journal name a state of a file."""
    return hashlib.sha256(data).hexdigest()


def owned_in(records: Iterable[Record]) -> Iterator[tuple[Record, Owned]]:
    """All entries that the records hold, those of a change under way included."""
    for record in records:
        both = record.entries + (record.pending.entries if record.pending else ())
        for launcher in dict.fromkeys(entry.launcher for entry in both):
            yield record, next(entry for entry in reversed(both) if entry.launcher == launcher)


def begun(before: Record | None, target: str, data: bytes, after: bytes, entries: tuple[Owned, ...]) -> Record:
    """The record of a file that holds `data` and is about to hold `after` with these entries owned."""
    pending = Pending(digest(data), digest(after), entries)
    if before is None:
        clean = all(entry.undo for entry in entries)
        return Record(target, digest(data), digest(data), clean, (), pending)
    return replace(before, exact=before.exact and before.left == digest(data), pending=pending)


def to_plain(record: Record) -> dict[str, Any]:
    """The record as JSON values."""
    pending = record.pending
    return {
        "version": VERSION,
        "target": record.target,
        "original": record.original,
        "left": record.left,
        "exact": record.exact,
        "entries": [_plain_owned(entry) for entry in record.entries],
        "pending": pending
        and {
            "before": pending.before,
            "after": pending.after,
            "entries": [_plain_owned(entry) for entry in pending.entries],
        },
    }


def _plain_owned(owned: Owned) -> dict[str, Any]:
    return {
        "file": _plain_file(owned.file),
        "name": owned.name,
        "at": owned.at,
        "launcher": owned.launcher,
        "argv": owned.argv,
        "undo": [
            {"at": u.at, "ours": u.ours, "text": None if u.text is None else base64.b64encode(u.text).decode()}
            for u in owned.undo
        ],
        "time": owned.time,
        "project": owned.project,
        "follows": owned.follows and _plain_file(owned.follows),
        "made": owned.made,
    }


def _plain_file(file: ConfigFile) -> list[str | None]:
    return [file.agent, file.scope, file.path, file.format, file.shape, file.project]


def from_plain(plain: dict[str, Any]) -> Record:
    """Read what `to_plain` made. Raises ValueError, KeyError or TypeError for anything else."""
    if plain["version"] != VERSION:
        raise ValueError(f"version {plain['version']!r} is not known here")
    pending = plain["pending"]
    return Record(
        plain["target"],
        plain["original"],
        plain["left"],
        plain["exact"],
        tuple(_owned(each) for each in plain["entries"]),
        pending and Pending(pending["before"], pending["after"], tuple(_owned(each) for each in pending["entries"])),
    )


def _owned(plain: dict[str, Any]) -> Owned:
    return Owned(
        _file(plain["file"]),
        plain["name"],
        tuple(plain["at"]),
        plain["launcher"],
        tuple(plain["argv"]),
        tuple(
            Undo(tuple(u["at"]), u["ours"], None if u["text"] is None else base64.b64decode(u["text"], validate=True))
            for u in plain["undo"]
        ),
        plain["time"],
        plain["project"],
        plain["follows"] and _file(plain["follows"]),
        plain["made"],
    )


def _file(plain: list[Any]) -> ConfigFile:
    agent, scope, path, format, shape, project = plain
    return ConfigFile(agent, Scope(scope), path, Format(format), shape, project)
