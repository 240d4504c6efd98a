"""A file of JSON lines that is rotated by size, for a forwarder on this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from callgate.export.formats.record import Message
from callgate.export.sinks.sink import Sent
from callgate.settings_export import SinkSettings
from callgate.system.files import sync_folder


class FileSink:
    """Appends to `path`; a full file becomes `path.1`, the one before it `path.2`, and so on. Each batch is synced.

    A line that a crash left unfinished is ended before the next one is written, so it spoils no other.
    """

    confirm_rows = 1

    def __init__(self, settings: SinkSettings) -> None:
        self._path = Path(settings.url)
        self._max, self._keep = settings.file_max, settings.keep
        self._fd: int | None = None

    def send(self, batch: Sequence[Message]) -> Sent:
        """As Sink.send. A disk that is full takes nothing: what was written of the batch is taken back."""
        data = b"".join(one.body + b"\n" for one in batch)
        try:
            fd, size = self._open(len(data))
        except OSError as error:
            return self._failed(error)
        try:
            written = 0
            while written < len(data):
                written += os.write(fd, data[written:])
            os.fsync(fd)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(fd, size)
            return self._failed(error)
        return Sent(len(batch), said=f"{len(data):,} bytes written to {self._path}")

    def confirm(self) -> str:
        """Each batch was synced already."""
        return ""

    def close(self) -> None:
        """As Sink.close."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self, coming: int) -> tuple[int, int]:
        """The file to append to and its size. It is looked up anew each time: another program may have moved it."""
        with contextlib.suppress(FileNotFoundError):
            if (size := self._path.stat().st_size) and size + coming > self._max:
                self._rotate()
        self.close()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = self._fd = os.open(self._path, flags, 0o600)
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            os.write(fd, b"\n")
            size += 1
        return fd, size

    def _rotate(self) -> None:
        for number in range(self._keep, 0, -1):
            older = self._numbered(number)
            newer = self._numbered(number - 1) if number > 1 else self._path
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)
        sync_folder(self._path.parent)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _failed(self, error: OSError) -> Sent:
        self.close()
        return Sent(0, problem=f"{self._path} cannot be written ({error.strerror or error})")
