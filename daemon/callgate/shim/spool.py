"""The file in which a shim keeps what it decided without the gate, until the daemon takes it in."""

from __future__ import annotations

import fcntl
import posix
import time

from callgate.shim.jsonrpc import dumps

TRIES = 5
"""Times that a file may vanish under our hands (the daemon takes it in) before we call it a failure."""


class Spool:
    """`folder/uid.jsonl`: who this is in the first line, then one decision a line, each one write under a lock."""

    __slots__ = ("_hello", "_mode", "_path")

    def __init__(self, folder: str, uid: str, mode: str, hello: bytes) -> None:
        self._path = f"{folder}/{uid}.jsonl"
        self._mode = mode
        self._hello = hello

    def record(self, entry: dict[str, object]) -> bool:
        """Append one decision. False if it cannot be kept (disk full, no folder)."""
        line = dumps({"t": time.time_ns(), "mode": self._mode, **entry}) + b"\n"
        try:
            return any(self._append(line) for _ in range(TRIES))
        except OSError:
            return False

    def _append(self, line: bytes) -> bool:
        """False if the daemon has just removed the file that we opened."""
        flags = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
        fd = posix.open(self._path, flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            found = posix.fstat(fd)
            if not found.st_nlink:
                return False
            data = line if found.st_size else self._hello + b"\n" + line
            written = posix.write(fd, data)
            if written < len(data):
                posix.ftruncate(fd, found.st_size)  # the disk is full: leave no half line
                raise OSError("short write")
            return True
        finally:
            posix.close(fd)
