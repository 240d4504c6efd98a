"""Change one file of a user in steps that a crash may come between: journal, write, read back, settle."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from callgate.model.errors import DocumentError, FileChangedError, FileRefusedError, WrapError
from callgate.system.files import read_capped, remove_leftovers, replace_file
from callgate.wrap.journal import Journal
from callgate.wrap.record import Owned, Record, begun, digest
from callgate.wrap.undo import still_there

TRIES = 8
"""Times that we try to change a file which others change at the same moment."""
PAUSE = 0.15
"""Seconds between two tries: agents write such a file in a few milliseconds, and seldom twice in a row."""
SIZE_MAX = 1 << 30
"""Bytes that are read back: files are capped far lower before they are changed, but someone may write more."""


def rewrite(
    journal: Journal, before: Record | None, target: Path, change: tuple[bytes, bytes], entries: tuple[Owned, ...]
) -> None:
    """Make `target`, which must hold the first bytes of `change`, hold the second, after which `entries` are owned.

    Raises:
        FileChangedError: another program changed it meanwhile, or took our change back right after: look again.
        WrapError: it cannot be written; its old bytes stand.
    """
    old, new = change
    record = begun(before, str(target), old, new, entries)
    try:
        journal.begin(record, old if before is None else None)
    except OSError as error:
        raise WrapError(
            str(target), f"is not changed: the journal cannot be written ({error})", "free space"
        ) from error
    try:
        replace_file(target, new, expected=old)
    except FileChangedError:
        _end(journal, record, made=False)
        raise
    except OSError as error:
        if _now(target) != new:  # else only the last sync failed
            _end(journal, record, made=False)
            raise WrapError(str(target), f"cannot be written ({error})", "its old content stands") from error
    now = _now(target)
    taken = [each for each in (before.entries if before else ()) if each not in entries]
    if now != new and not _as_meant(now, entries, taken):
        _end(journal, record, made=False)
        raise FileChangedError(str(target), "was put back by another program just now", "try again")
    _end(journal, record, made=True)


def recover(journal: Journal, record: Record) -> Record | None:
    """Bring a record whose change was begun, and perhaps made, in line with its file; None if nothing is owned then.

    Raises DocumentError if someone has changed the file since, and it does not parse now; FileRefusedError if it cannot
    be read; OSError if the journal cannot be written.
    """
    if record.pending is None:
        return record
    remove_leftovers(Path(record.target).parent, Path(record.target).name)
    try:
        data = read_capped(Path(record.target), SIZE_MAX)
    except FileNotFoundError:
        journal.forget(record.target)
        return None
    if digest(data) == record.pending.after:
        journal.settle(record)
    elif digest(data) == record.pending.before:
        journal.abandon(record)
    else:
        either = {each.launcher: each for each in (*record.entries, *record.pending.entries)}
        there = still_there(data, either.values())
        journal.keep(record, tuple(each for launcher, each in either.items() if launcher in there))
    return journal.record(record.target)


def _end(journal: Journal, record: Record, *, made: bool) -> None:
    try:
        journal.settle(record) if made else journal.abandon(record)
    except OSError:
        return  # the pending record stands; the next start compares digests and does this


def _now(target: Path) -> bytes:
    try:
        return read_capped(target, SIZE_MAX)
    except (FileNotFoundError, FileRefusedError):
        return b""


def _as_meant(data: bytes, there: Iterable[Owned], gone: Iterable[Owned]) -> bool:
    """Someone else wrote the file right after us: did our change survive in it?"""
    try:
        wanted = {each.launcher for each in there}
        unwanted = {each.launcher for each in gone} - wanted
        return still_there(data, there) == wanted and not (still_there(data, gone) & unwanted)
    except DocumentError:
        return False
