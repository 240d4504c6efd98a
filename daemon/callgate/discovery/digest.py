"""What a file holds, as a digest that is not computed twice while the file stays as it is."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from callgate.model.startup import FileState

FILE_MAX = 1024 * 1024 * 1024
"""Bytes of one file: the largest servers (single-file builds with a runtime inside) have some 300 MB."""
KEPT_MAX = 20_000
"""Digests kept, some 7 MB: the files of tens of servers whose files are pinned, with the packages that they need."""
PROGRAM_MAX = 1024 * 1024
"""Bytes of a program whose first line is left out: those that installers write have some hundred."""
_SETTLED = 2 * 10**9
"""Nanoseconds after a change before a digest is kept: within one tick of the file system's clock, a second change would
leave no trace."""


class Digests:
    """SHA-256 of files, in hex, kept by (device, inode, size, mtime, ctime). Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: dict[tuple[FileState, bool], str] = {}
        self._lock = threading.Lock()
        self._noted = threading.local()

    @contextmanager
    def noting(self) -> Iterator[dict[str, FileState]]:
        """The state of every file that this thread has digested meanwhile, before it was read, by path."""
        before = getattr(self._noted, "seen", None)
        seen: dict[str, FileState] = {}
        self._noted.seen = seen
        try:
            yield seen
        finally:
            self._noted.seen = before
            if before is not None:
                before |= seen

    def of(self, path: str, *, without_first_line: bool = False) -> str:
        """The digest of a regular file (links are followed), if asked without its first line. Never blocks on a pipe.

        Raises OSError if there is no such file, it may not be read, is something else, or has more than FILE_MAX bytes.
        """
        if known := self._known(path, without_first_line):
            return known
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb", buffering=0) as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(f"{path} is not a regular file")
            if found.st_size > FILE_MAX:
                raise OSError(f"{path} has {found.st_size:,} bytes, over the limit of {FILE_MAX:,}")
            if without_first_line and found.st_size > PROGRAM_MAX:
                raise OSError(f"{path} has {found.st_size:,} bytes, which is too much for a program of an installer")
            before = state(found)
            self._note(path, before)
            if without_first_line:
                digest = hashlib.sha256(file.read(PROGRAM_MAX).partition(b"\n")[2]).hexdigest()
            else:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.fstat(fd)
        if state(after) != before:
            raise OSError(f"{path} changed while it was read")
        if is_settled(before, time.time_ns()):
            self._keep((before, without_first_line), digest)
        return digest

    def _known(self, path: str, without_first_line: bool) -> str | None:
        """What is kept of the file that is there now. Raises OSError if there is none."""
        now = state(os.stat(path))  # noqa: PTH116 - for each of thousands of files
        with self._lock:
            digest = self._kept.get((now, without_first_line))
        if digest:
            self._note(path, now)
        return digest

    def note(self, states: Mapping[str, FileState]) -> None:
        """Files that were digested before and are as they were then: they count as digested by this thread."""
        seen: dict[str, FileState] | None = getattr(self._noted, "seen", None)
        if seen is not None:
            seen |= states

    def _note(self, path: str, state: FileState) -> None:
        self.note({path: state})

    def _keep(self, key: tuple[FileState, bool], digest: str) -> None:
        with self._lock:
            while len(self._kept) >= KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = digest


def state_of(path: str) -> FileState | None:
    """The state of the file at this path (links are followed); None if there is none."""
    try:
        return state(os.stat(path))  # noqa: PTH116 - for each of thousands of files
    except (OSError, ValueError):
        return None


def state(found: os.stat_result) -> FileState:
    """What of a file is another after each change."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def is_settled(state: FileState, now: int) -> bool:
    """Would a change of a file in this state, from `now` (nanoseconds) on, be seen by its times?"""
    return now - max(state[3:]) > _SETTLED


def of_words(kind: str, *words: str) -> str:
    """One digest over several texts, none of which can reach into the next; `kind` keeps the uses apart."""
    total = hashlib.sha256(f"callgate {kind}\0".encode())
    for word in words:
        data = os.fsencode(word) if _is_encodable(word) else word.encode("utf-8", "surrogatepass")
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


def _is_encodable(word: str) -> bool:
    try:
        os.fsencode(word)
    except UnicodeEncodeError:
        return False
    return True


def is_file(path: str) -> bool:
    """Is there a regular file at this path? False for everything that cannot be looked at."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
