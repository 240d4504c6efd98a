"""Pure: server-sent events from a stream of bytes, however it is cut. (WHATWG HTML, 9.2.6)"""

from __future__ import annotations

EVENT_MAX = 16 * 1024 * 1024
"""Bytes of one event that are read; a larger one is passed by and counted."""
_BOM = b"\xef\xbb\xbf"


class Events:
    """Splits a stream into events. The bytes themselves pass elsewhere: this only reads along."""

    __slots__ = ("_buffer", "_data", "_dropping", "_first", "_name", "_size", "lost")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._data: list[bytes] = []
        self._name = ""
        self._size = 0
        self._first = True
        self._dropping = False
        self.lost = 0
        """Events that were too large to be read."""

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """The events that this chunk completes, as (name, data). Lines may end in LF, CR LF or CR."""
        known = max(0, len(self._buffer) - 1)  # up to there is no end of line
        self._buffer += chunk
        found: list[tuple[str, bytes]] = []
        at = 0
        while True:
            end = self._line_end(max(at, known))
            if end is None:
                break
            self._line(bytes(self._buffer[at : end[0]]), found)
            at = end[1]
        del self._buffer[:at]
        if len(self._buffer) + self._size > EVENT_MAX:
            self._dropping = True
            self._buffer = self._buffer[-1:]  # a CR may be the first half of an end of line
            self._data, self._size = [], 0
        return found

    def end(self) -> list[tuple[str, bytes]]:
        """The event that the stream's end completes. The standard drops it; a model's last words count."""
        found: list[tuple[str, bytes]] = []
        if self._buffer:
            self._line(bytes(self._buffer).rstrip(b"\r"), found)
            self._buffer.clear()
        self._line(b"", found)
        return found

    def _line_end(self, at: int) -> tuple[int, int] | None:
        """Where the first line end from `at` on begins, and where the next line does."""
        buffer = self._buffer
        lf, cr = buffer.find(b"\n", at), buffer.find(b"\r", at)
        if cr >= 0 and (lf < 0 or cr < lf):
            if cr + 1 == len(buffer):
                return None  # the LF of a CR LF may follow
            return cr, cr + 2 if buffer[cr + 1] == 0x0A else cr + 1
        return None if lf < 0 else (lf, lf + 1)

    def _line(self, line: bytes, found: list[tuple[str, bytes]]) -> None:
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(found)
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data" and not self._dropping:
            self._data.append(value)
            self._size += len(value) + 1
            if self._size > EVENT_MAX:
                self._dropping, self._data, self._size = True, [], 0
        elif field == b"event":
            self._name = value[:256].decode("utf-8", "replace")

    def _dispatch(self, found: list[tuple[str, bytes]]) -> None:
        if self._dropping:
            self.lost += 1
        elif self._data:
            found.append((self._name, b"\n".join(self._data)))
        self._data, self._size, self._name, self._dropping = [], 0, "", False
