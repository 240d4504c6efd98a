"""What our hooks changed in agents' files, kept outside of them, so that it can be put back.

One record a file and beside it the bytes from before, as in the journal of wrapped entries. The record is durable
before the file is changed, and names the digests of both states: whatever crashes in between, they tell which stands.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from callgate.model.errors import CallgateError
from callgate.system.files import read_capped, replace_file

RECORD_MAX = 64 * 1024 * 1024
"""Bytes of one record or original."""
VERSION = 1


@dataclass(frozen=True, slots=True)
class HookRecord:
    """One file of an agent that holds hooks of ours, or is one."""

    agent: str
    target: str
    format: str
    own: bool
    """The whole file is ours."""
    before: str
    """Digest of the bytes from before; empty if there was no file."""
    after: str
    """Digest of the bytes as we left them."""
    had: tuple[str, ...]
    """The lists of hooks that it had before."""
    made: tuple[str, ...] = ()
    """Folders that we made for it, the innermost first."""
    version: int = VERSION


class HookJournal:
    """The records of one state folder. One process at a time (the journal's lock)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def records(self) -> list[HookRecord]:
        """All records that can be read."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(CallgateError, OSError, ValueError, TypeError):
                said = json.loads(read_capped(path, RECORD_MAX))
                if said.get("version") == VERSION:
                    said |= {"had": tuple(said["had"]), "made": tuple(said["made"])}
                    found.append(HookRecord(**said))
        return found

    def record(self, target: str) -> HookRecord | None:
        """The record of that file."""
        return next((each for each in self.records() if each.target == target), None)

    def original(self, record: HookRecord) -> bytes | None:
        """The bytes from before, if they are still what the record says."""
        with contextlib.suppress(CallgateError, OSError):
            data = read_capped(self._path(record.target, "original"), RECORD_MAX)
            return data if hashlib.sha256(data).hexdigest() == record.before else None
        return None

    def begin(self, record: HookRecord, original: bytes | None) -> None:
        """Make a record durable before its file is changed. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if original is not None:
            replace_file(self._path(record.target, "original"), original)
        replace_file(self._path(record.target, "json"), json.dumps(asdict(record), indent=1).encode())

    def forget(self, target: str) -> None:
        """Nothing of ours is in that file any more."""
        for kind in ("json", "original"):
            self._path(target, kind).unlink(missing_ok=True)

    def _path(self, target: str, kind: str) -> Path:
        return self._folder / f"{hashlib.sha256(os.fsencode(target)).hexdigest()[:24]}.{kind}"
