"""Where a published registry lies: on a web server or in a folder. Bytes only; nothing here is believed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from callgate.model.errors import FileRefusedError, RegistryError
from callgate.system.files import read_capped

TIMESTAMP_PATH = "metadata/timestamp.json"
TIMESTAMP_MAX = 16 * 1024
"""Bytes of timestamp.json; ours has 700."""
FILE_MAX = 64 * 1024 * 1024
"""Bytes of any file of a registry."""


class PlaceError(RegistryError):
    """A file could not be had: `status` is the HTTP status, where there was one (404 for a missing file)."""

    def __init__(self, thing: str, problem: str, step: str = "", *, status: int = 0) -> None:
        super().__init__(thing, problem, step)
        self.status = status


class RefusedError(RegistryError):
    """What the registry hands out is not what its owner signed, or not his latest word."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the timestamp: `data` is None if it is the same as at the look that gave `tag`."""

    data: bytes | None
    tag: str


class Place(Protocol):
    """What a registry is fetched from."""

    name: str
    """The URL or folder, for people."""
    tag_covers_all: bool
    """Does another tag mean that some file, and not just the timestamp, may be another?"""

    def look(self, tag: str) -> Look:
        """The published timestamp, unless nothing changed since the look that gave `tag` ("": never looked).

        Raises PlaceError, and RefusedError for one that is too large to be one.
        """

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file of the registry, piece by piece. Raises PlaceError, also while it is iterated."""

    def close(self) -> None:
        """Give back what is held open; it may be used again."""


class Folder:
    """A registry in a local folder (the `public/` of a repository)."""

    tag_covers_all = True

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._folder = folder

    def look(self, tag: str) -> Look:
        """As Place.look. The tag covers every file, so that an edit of any of them is looked into."""
        found = hashlib.sha256()
        for path in sorted(self._folder.rglob("*")):
            try:
                state = path.stat()
            except OSError:
                continue
            found.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ino}\0".encode("utf-8", "replace"))
        if found.hexdigest() == tag:
            return Look(None, tag)
        return Look(b"".join(self.chunks(TIMESTAMP_PATH)), found.hexdigest())

    def chunks(self, path: str) -> Iterator[bytes]:
        """As Place.chunks."""
        there = self._folder / path
        if not there.resolve().is_relative_to(self._folder.resolve()):
            raise PlaceError(str(there), "leads out of the registry", "its owner must publish again")
        try:
            yield read_capped(there, FILE_MAX)
        except FileNotFoundError as error:
            raise PlaceError(str(there), "is missing", "its owner must publish again", status=404) from error
        except FileRefusedError as error:
            raise PlaceError(str(there), error.problem, "its owner must publish again") from error

    def close(self) -> None:
        """As Place.close: nothing is held open."""
