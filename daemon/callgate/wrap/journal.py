"""What we changed in the users' files, kept outside of them, so that it can be put back.

One record a file, `<id>.json`, and beside it `<id>.original`, the bytes from before we first touched it (which may hold
secrets: both are 0600 in a 0700 folder, and go when all is put back). A record is written before its file is changed
(`pending`) and again after (settled): whatever crashes in between, the digests tell which of the two states stands.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

from callgate.model.errors import CallgateError, WrapError
from callgate.model.inventory import Skipped
from callgate.system.files import read_capped, remove_leftovers, replace_file, sync_folder
from callgate.wrap.record import Owned, Record, from_plain, to_plain

RECORD_MAX = 64 * 1024 * 1024
"""Bytes of one record or original: configs are capped lower, and a record holds at most their command lines."""


class Journal:
    """The records of one state folder. One process at a time (see `apply`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def records(self) -> tuple[list[Record], list[Skipped]]:
        """All records, and those that cannot be read (which are kept)."""
        found, skipped = [], []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found.append(from_plain(json.loads(read_capped(path, RECORD_MAX))))
            except (CallgateError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                skipped.append(Skipped(str(path), f"this record of a wrapped file cannot be read ({error})"))
        return found, skipped

    def record(self, target: str) -> Record | None:
        """The record of that file, None if there is none. Raises WrapError if there is one that cannot be read."""
        path = self._path(target, "json")
        try:
            return from_plain(json.loads(read_capped(path, RECORD_MAX)))
        except FileNotFoundError:
            return None
        except (CallgateError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise WrapError(str(path), f"cannot be read ({error})", "run: callgate doctor") from error

    def original(self, target: str) -> bytes:
        """The bytes from before we first touched the file. Raises WrapError if they are not there."""
        path = self._path(target, "original")
        try:
            return read_capped(path, RECORD_MAX)
        except (CallgateError, FileNotFoundError) as error:
            raise WrapError(
                str(path), "cannot be read: the original bytes are lost", "edit the file by hand"
            ) from error

    def begin(self, record: Record, original: bytes | None) -> None:
        """Make a record with a pending change durable; `original` is given when it is (or begins anew) the first."""
        if original is not None:
            replace_file(self._path(record.target, "original"), original)
        self._write(record)

    def settle(self, record: Record) -> None:
        """The pending change stands: make it the record, or, when nothing is owned any more, remove the record."""
        assert record.pending is not None, "settled without a change"
        done = replace(record, left=record.pending.after, entries=record.pending.entries, pending=None)
        self._write(done) if done.entries else self.forget(record.target)

    def abandon(self, record: Record) -> None:
        """The pending change was not made."""
        self._write(replace(record, pending=None)) if record.entries else self.forget(record.target)

    def keep(self, record: Record, entries: tuple[Owned, ...]) -> None:
        """Someone else changed the file after a change of ours was begun: only these entries are still ours in it."""
        done = replace(record, exact=False, entries=entries, pending=None)
        self._write(done) if entries else self.forget(record.target)

    def forget(self, target: str) -> None:
        """Remove the record, then the original bytes."""
        for kind in ("json", "original"):
            with contextlib.suppress(FileNotFoundError):
                self._path(target, kind).unlink()
        sync_folder(self._folder)

    def sweep(self) -> None:
        """Remove what a crash left: halves of files, and originals without a record, for they may hold secrets."""
        remove_leftovers(self._folder)
        for path in self._folder.glob("*.original"):
            if not path.with_suffix(".json").exists():
                path.unlink(missing_ok=True)

    def _write(self, record: Record) -> None:
        replace_file(self._path(record.target, "json"), json.dumps(to_plain(record), indent=1).encode())

    def _path(self, target: str, kind: str) -> Path:
        return self._folder / f"{hashlib.sha256(os.fsencode(target)).hexdigest()[:24]}.{kind}"
