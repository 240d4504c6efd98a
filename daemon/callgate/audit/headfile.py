"""The small file beside the log: locked by its one writer, and a second opinion on where the log ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from callgate.model.errors import AuditError

_LINE = 20 + 1 + 64 + 1


def read(log: Path) -> tuple[int, bytes] | None:
    """The last committed row of the log at `log` as the file beside it knows it; None if that makes no sense.

    It is written in place while we read: only what was read twice alike counts.
    """
    last = b""
    for _ in range(5):
        try:
            line = _read(_beside(log))
        except OSError:
            return None
        if line == last:
            break
        last = line
    return _parse(last)


class HeadFile:
    """The open, locked file: as long as it is open, no second writer can open the log."""

    __slots__ = ("_fd",)

    def __init__(self, log: Path) -> None:
        """Lock the log at `log`. Raises AuditError if another process has it, or the file cannot be made."""
        path = _beside(log)
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise AuditError(str(path), f"cannot be opened ({error.strerror})", "check the folder's rights") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise AuditError(str(log), "another daemon has this log open", "stop that one first") from error

    def read(self) -> tuple[int, bytes] | None:
        """The last committed row, if it was noted."""
        with contextlib.suppress(OSError):
            return _parse(os.pread(self._fd, _LINE, 0))
        return None

    def write(self, seq: int, digest: bytes) -> None:
        """Note the last committed row. A full disk leaves an older note, which only makes for weaker evidence."""
        with contextlib.suppress(OSError):
            os.pwrite(self._fd, b"%020d %s\n" % (seq, digest.hex().encode()), 0)

    def close(self) -> None:
        """Let the next writer in."""
        os.close(self._fd)


def _beside(log: Path) -> Path:
    return log.with_name(log.name + ".head")


def _read(path: Path) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return os.read(fd, _LINE)
    finally:
        os.close(fd)


def _parse(line: bytes) -> tuple[int, bytes] | None:
    seq, _, digest = line.partition(b" ")
    with contextlib.suppress(ValueError):
        if len(line) == _LINE and seq.isdigit():
            return int(seq), bytes.fromhex(digest.decode("ascii"))
    return None
