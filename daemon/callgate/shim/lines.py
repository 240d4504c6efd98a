"""Pure: newline-framed bytes, cut into lines without needless copies and without growing without bound."""

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


Line = bytes | list[bytes] | Oversize
"""One line with its newline; a list when it came in several chunks: whoever needs it in one piece joins it."""


class Lines:
    """Feed it chunks as they are read; it returns whole lines in order."""

    __slots__ = ("_limit", "_parts", "_size", "_tail")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._tail: bytes | None = None  # the end of a line that is being thrown away
        self._size = 0

    def feed(self, chunk: bytes) -> list[Line]:
        """The lines that `chunk` completes."""
        end = chunk.find(b"\n") + 1
        if end == len(chunk) <= self._limit and not self._parts and self._tail is None:
            return [chunk]  # one whole line: the usual case
        out: list[Line] = []
        at = 0
        while end:
            self._add(chunk[at:end], out)
            if self._tail is not None:
                out.append(Oversize(self._tail, ended=True))
                self._tail = None
            else:
                out.append(self._parts if len(self._parts) > 1 else self._parts[0])
                self._parts, self._size = [], 0
            at = end
            end = chunk.find(b"\n", at) + 1
        if at < len(chunk):
            self._add(chunk[at:], out)
        return out

    def rest(self) -> bytes:
        """What has come since the last newline, to be asked for at the end of the stream; empty when it is too long."""
        rest = b"".join(self._parts)
        self._parts, self._size = [], 0
        return rest

    def _add(self, piece: bytes, out: list[Line]) -> None:
        if self._tail is not None:
            self._tail = (self._tail + piece)[-GLIMPSE:]
            return
        self._parts.append(piece)
        self._size += len(piece)
        if self._size > self._limit:
            whole = self.rest()
            self._tail = whole[-GLIMPSE:]
            out.append(Oversize(whole[:GLIMPSE], ended=False))
