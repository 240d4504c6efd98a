"""A descriptor that is written to without ever blocking: what does not fit waits here."""

from __future__ import annotations

import posix

JOIN_MAX = 64 * 1024
"""Bytes up to which several pieces become one write: what a pipe holds."""


class Sink:
    """Owns nothing but the queue; the descriptor must be non-blocking."""

    __slots__ = ("_queue", "broken", "fd", "size")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._queue: list[bytes | memoryview] = []
        self.size = 0
        """Bytes that wait."""
        self.broken = False
        """Nobody reads any more; everything is thrown away."""

    def push(self, pieces: list[bytes]) -> None:
        """Write `pieces` in order, as much of them as fits now."""
        if self.broken:
            return
        size = len(pieces[0]) if len(pieces) == 1 else sum(map(len, pieces))
        idle = not self._queue
        self.size += size
        self._queue += [b"".join(pieces)] if size <= JOIN_MAX else pieces
        if idle:
            self.flush()

    def flush(self) -> None:
        """Go on writing."""
        queue = self._queue
        try:
            while queue:
                written = posix.write(self.fd, queue[0])
                self.size -= written
                if written == len(queue[0]):
                    del queue[0]
                else:
                    queue[0] = memoryview(queue[0])[written:]
        except BlockingIOError:
            pass
        except OSError:
            self.broken = True
            self._queue = []
            self.size = 0
