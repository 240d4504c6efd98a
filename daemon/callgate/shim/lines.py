"""Pure: newline-framed bytes, cut into lines without copying more than once and without growing without bound."""

from __future__ import annotations

GLIMPSE = 4096
"""Bytes kept from the front and from the end of a line that is too long, to tell whose it is."""


class Oversize:
    """A line over the limit, of which only a glimpse is kept. One comes out when the limit is passed, with the first
    bytes of the line, and a second one when its end is reached, with its last bytes.
    """

    __slots__ = ("ended", "glimpse")

    def __init__(self, glimpse: bytes, ended: bool) -> None:
        self.glimpse = glimpse
        self.ended = ended


class Lines:
    """Feed it chunks as they are read; it returns whole lines, their newline included, in order."""

    __slots__ = ("_limit", "_parts", "_tail", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._tail: bytes | None = None  # the end of a line that is being thrown away
        self.size = 0
        """Bytes held of the unfinished line."""

    def feed(self, chunk: bytes) -> list[bytes | Oversize]:
        """The lines that `chunk` completes."""
        end = chunk.find(b"\n") + 1
        if end == len(chunk) <= self._limit and not self._parts and self._tail is None:
            return [chunk]  # one whole line: the usual case
        out: list[bytes | Oversize] = []
        at = 0
        while end:
            self._add(chunk[at:end], out)
            if self._tail is not None:
                out.append(Oversize(self._tail, ended=True))
                self._tail = None
            else:
                out.append(self.rest())
            at = end
            end = chunk.find(b"\n", at) + 1
        if at < len(chunk):
            self._add(chunk[at:], out)
        return out

    def rest(self) -> bytes:
        """What has come since the last newline, to be asked for at the end of the stream; empty when it is too long."""
        rest = b"".join(self._parts)
        self._parts, self.size = [], 0
        return rest

    def _add(self, piece: bytes, out: list[bytes | Oversize]) -> None:
        if self._tail is not None:
            self._tail = (self._tail + piece)[-GLIMPSE:]
            return
        self._parts.append(piece)
        self.size += len(piece)
        if self.size > self._limit:
            whole = self.rest()
            self._tail = whole[-GLIMPSE:]
            out.append(Oversize(whole[:GLIMPSE], ended=False))
