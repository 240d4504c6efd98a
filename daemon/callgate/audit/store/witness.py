"""The small file beside the log: locked by its one writer, and a second opinion on where the log ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from callgate.model.errors import AuditError

_LINE = 20 + 1 + 64 + 1


def beside(log: Path) -> Path:
    """The witness of the log at `log`."""
    return log.with_name(log.name + ".head")


def read(path: Path) -> tuple[int, bytes] | None:
    """The last committed row as the witness knows it, or None if there is none (or it makes no sense).

    It is written in place while we read: only what was read twice alike counts.
    """
    last = b""
    for _ in range(5):
        try:
            line = _read(path)
        except OSError:
            return None
        if line == last:
            break
        last = line
    with contextlib.suppress(ValueError):
        seq, _, digest = last.decode("ascii").rstrip("\n").partition(" ")
        if len(last) == _LINE and seq.isdigit():
            return int(seq), bytes.fromhex(digest)
    return None


def _read(path: Path) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return os.read(fd, _LINE)
    finally:
        os.close(fd)


class Witness:
    """The open, locked witness: as long as it lives, no second writer can open the log."""

    __slots__ = ("_fd",)

    def __init__(self, path: Path) -> None:
        """Raises AuditError if another process holds it or it cannot be made."""
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise AuditError(str(path), f"cannot be opened ({error.strerror})", "check the folder's rights") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise AuditError(str(path), "another daemon is writing this log", "stop it first") from error

    def write(self, seq: int, digest: bytes) -> None:
        """Note the last committed row. A full disk leaves an older note, which only makes for weaker evidence."""
        with contextlib.suppress(OSError):
            os.pwrite(self._fd, b"%020d %s\n" % (seq, digest.hex().encode()), 0)

    def close(self) -> None:
        """Let the next writer in."""
        os.close(self._fd)
