"""Pure: read along as the answer of a model passes: decompress a copy, split its events, build what was said."""

from __future__ import annotations

import json
import zlib
from typing import Any, Protocol

from callgate.modelproxy.dialects.sse import Events
from callgate.modelproxy.dialects.turn import Dialect, Said, ToolUse

BODY_MAX = 32 * 1024 * 1024
"""Bytes of an answer that is no stream, and of a request, that are read; a larger one passes unread."""
INFLATED_MAX = 64 * 1024 * 1024
"""Bytes that a compressed answer may grow to while it is read: a bomb passes to the agent, and harms only there."""
STEP = 64 * 1024
"""Bytes that are inflated at once."""


class _Inflater(Protocol):
    @property
    def unconsumed_tail(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


class Reading:
    """One answer. `feed` gets every piece once; nothing that it does can change or hold up what passes."""

    def __init__(self, dialect: Dialect, content_type: str, encoding: str) -> None:
        self._reply = dialect.reply()
        self._events = Events() if "event-stream" in content_type else None
        self._body = bytearray()
        self._inflater, self.unread = _inflater(encoding)
        """Why it cannot be read, empty while it can."""
        self._inflated = 0
        self.size = 0
        """Bytes that have passed."""

    def feed(self, chunk: bytes) -> None:
        """The next piece of the answer."""
        self.size += len(chunk)
        if self.unread:
            return
        for plain in self._plain(chunk):
            if self._events is not None:
                for name, data in self._events.feed(plain):
                    self._event(name, data)
                if self._events.lost:
                    self.unread = "an event is too large"
            elif len(self._body) + len(plain) > BODY_MAX:
                self.unread = f"it is larger than {BODY_MAX:,} bytes"
                self._body.clear()
            else:
                self._body += plain

    def uses(self, *, whole: bool) -> tuple[ToolUse, ...]:
        """The calls that the model has asked for so far. `whole`: all bytes of the answer have passed."""
        if whole and self._events is None and self._body:
            self._read_body()
        return self._reply.said().tool_uses

    def end(self) -> Said:
        """What was said, as far as it came and could be read."""
        if self._events is not None:
            for name, data in self._events.end():
                self._event(name, data)
        elif self._body:
            self._read_body()
        return self._reply.said()

    def _read_body(self) -> None:
        value = read_object(bytes(self._body))
        self._body.clear()
        for each in value if isinstance(value, list) else [value]:  # Google streams one list where SSE is not asked for
            if isinstance(each, dict):
                self._reply.whole(each)
            else:
                self.unread = self.unread or "it is not JSON"

    def _event(self, name: str, data: bytes) -> None:
        value = read_object(data)
        if isinstance(value, dict):
            self._reply.event(name, value)

    def _plain(self, chunk: bytes) -> list[bytes]:
        if self._inflater is None:
            return [chunk]
        found = []
        try:
            while chunk:
                found.append(self._inflater.decompress(chunk, STEP))
                chunk = self._inflater.unconsumed_tail
                self._inflated += len(found[-1])
                if self._inflated > INFLATED_MAX:
                    self.unread = f"it inflates to more than {INFLATED_MAX:,} bytes"
                    break
        except zlib.error as error:
            self.unread = f"its compression is broken ({error})"
        return found


def read_object(data: bytes) -> Any:
    """The JSON in some bytes, None if there is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def request_body(body: bytes, encoding: str) -> tuple[Any, str]:
    """The JSON of a request, and why it cannot be read (empty if it can)."""
    if len(body) > BODY_MAX:
        return None, f"it is larger than {BODY_MAX:,} bytes"
    inflater, problem = _inflater(encoding)
    if inflater is not None:
        try:
            body = inflater.decompress(body, BODY_MAX)
        except zlib.error as error:
            return None, f"its compression is broken ({error})"
        if inflater.unconsumed_tail:
            return None, f"it inflates to more than {BODY_MAX:,} bytes"
    if problem:
        return None, problem
    value = read_object(body)
    return (value, "") if isinstance(value, dict) else (None, "it is not a JSON object")


def _inflater(encoding: str) -> tuple[_Inflater | None, str]:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None, ""
    if encoding in ("gzip", "x-gzip"):
        return zlib.decompressobj(zlib.MAX_WBITS | 16), ""
    if encoding == "deflate":
        return zlib.decompressobj(), ""
    return None, f"it is compressed by {encoding[:40]!r}, which is not read"
