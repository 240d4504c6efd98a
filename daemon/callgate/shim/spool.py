"""The files in which a shim keeps what it decided without the gate, until the daemon takes it in."""

from __future__ import annotations

import fcntl
import posix
import time

from callgate.shim.jsonrpc import dumps

ENDINGS = ("", "-1", "-2", "-3", "-4")
"""Of the files that are tried before we call it a failure: one may vanish under our hands (the daemon takes it in), or
be locked. We never wait for a lock: who holds it may be stopped, and the session must go on.
"""


class Spool:
    """`folder/uid.jsonl` (or `uid-1.jsonl`, ...): who this is in the first line, then one decision a line, each one
    write under a lock.
    """

    __slots__ = ("_hello", "_path", "mode")

    def __init__(self, folder: str, uid: str, mode: str, hello: bytes) -> None:
        self._path = f"{folder}/{uid}"
        self.mode = mode
        """The mode in which the next decision is taken."""
        self._hello = hello

    def record(self, entry: dict[str, object]) -> bool:
        """Append one decision. False if it cannot be kept (disk full, no folder)."""
        line = dumps({"t": time.time_ns(), "mode": self.mode, **entry}) + b"\n"
        try:
            return any(self._append(line, self._path + end + ".jsonl") for end in ENDINGS)
        except OSError:
            return False

    def _append(self, line: bytes, path: str) -> bool:
        """False if somebody has locked the file, or the daemon has just removed the one that we opened."""
        flags = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
        fd = posix.open(path, flags, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
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
