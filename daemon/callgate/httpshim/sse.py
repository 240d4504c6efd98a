"""Pure: server-sent events as bytes: cut where they end, read without being changed (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

import re

GLIMPSE = 4096
"""Bytes kept of an event that is too large, to tell whose it is."""
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
"""A line's end and an empty line. Ends may be mixed."""
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)?")
_BOM = b"\xef\xbb\xbf"
_OVERLAP = 3
"""Bytes before a chunk that an end of an event may begin in."""


class Event:
    """One event: the bytes that came, and the message in it."""

    __slots__ = ("data", "kind", "oversize", "raw")

    def __init__(self, raw: bytes, *, oversize: bool = False) -> None:
        self.raw = raw
        self.oversize = oversize
        """It is larger than what is relayed: `raw` holds its first bytes only."""
        self.kind = b"message"
        self.data: bytes | None = None
        """The text of its `data` lines; None for comments and the like."""
        data = []
        for line in _lines(raw):
            name, _, value = line.rstrip(b"\r\n").partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                data.append(value)
            elif name == b"event":
                self.kind = value or b"message"
        if data:
            self.data = b"\n".join(data)

    def with_data(self, data: bytes) -> bytes:
        """The bytes of this event with another message in it; its other lines stay as they are."""
        out: list[bytes] = []
        placed = False
        for line in _lines(self.raw):
            body = line.rstrip(b"\r\n")
            if body.partition(b":")[0] != b"data":
                out.append(line)
            elif not placed:
                placed = True
                end = line[len(body) :] or b"\n"
                out += [b"data: " + part + end for part in data.split(b"\n")]
        return b"".join(out)


class Events:
    """Feed it chunks as they are read; it returns whole events in order. Comments between events come at once."""

    __slots__ = ("_begun", "_buffer", "_limit", "_looked", "_split", "_tail")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._looked = 0
        self._split = False
        """The last event ended with a carriage return: a line feed that follows belongs to it."""
        self._begun = False
        self._tail = False
        """The rest of an event that is too large is being thrown away."""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes."""
        found: list[Event] = []
        if self._split and chunk:
            self._split = False
            if chunk[:1] == b"\n":
                found.append(Event(b"\n"))
                chunk = chunk[1:]
        self._buffer += chunk
        at = 0
        while (end := _END.search(self._buffer, max(at, self._looked))) is not None:
            self._complete(bytes(self._buffer[at : end.end()]), found)
            at = self._looked = end.end()
            if at == len(self._buffer) and self._buffer[-1:] == b"\r":
                self._split = True
        del self._buffer[:at]
        self._looked = max(0, len(self._buffer) - _OVERLAP)
        self._comments(found)
        if len(self._buffer) > self._limit:
            if not self._tail:
                found.append(Event(bytes(self._buffer[:GLIMPSE]), oversize=True))
            self._tail = True
            del self._buffer[:-_OVERLAP]
            self._looked = 0
        return found

    def _complete(self, raw: bytes, found: list[Event]) -> None:
        if self._tail:
            self._tail = False
            return
        if not self._begun and raw.startswith(_BOM):
            event = Event(raw[len(_BOM) :])
            event.raw = raw
        else:
            event = Event(raw)
        self._begun = True
        found.append(event)

    def _comments(self, found: list[Event]) -> None:
        """Whole comment lines in front of an event need not wait for it: they keep the connection alive."""
        while not self._tail and self._buffer[:1] == b":":
            line = _LINE.match(self._buffer)
            assert line is not None
            end = line.end()
            if self._buffer[end - 1 : end] not in (bytearray(b"\n"), bytearray(b"\r")) or (
                end == len(self._buffer) and self._buffer[end - 1 : end] == b"\r"
            ):
                return
            found.append(Event(bytes(self._buffer[:end])))
            del self._buffer[:end]
            self._looked = 0


def _lines(raw: bytes) -> list[bytes]:
    return [line for line in _LINE.findall(raw) if line]
