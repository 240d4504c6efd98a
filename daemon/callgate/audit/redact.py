"""Pure: take secrets and personal data out of a call's arguments before they are stored."""

from __future__ import annotations

import hmac

from callgate.audit import patterns, personal

DEPTH_MAX = 64
"""Levels of nesting that are looked into; what lies deeper is left out."""
OVERLAP = 4096
"""Bytes read past the kept part of a long text, and then dropped: a secret cut in two would not be recognised."""


def redact(value: object, key: bytes, room: int, *, people: bool = True) -> tuple[object, int]:
    """`value` (parsed JSON) with what is secret and (with `people`) personal replaced by `[redacted:kind:3f2a9c]`, and
    how many places were.

    The last part is a short HMAC under this machine's `key`: equal secrets look equal, and cannot be guessed without
    the key. About `room` bytes are looked at, keys in sorted order; the rest is left out, marked "[cut]".
    """
    work = _Redaction(key, room, people)
    return work.value(value, DEPTH_MAX), work.count


def redact_text(text: str, key: bytes, *, people: bool = True) -> str:
    """The same for a sentence that a person, a program or a model has written."""
    raw = text.encode("utf-8", "surrogatepass")
    if not patterns.may_hold(raw, people=people):
        return text
    return str(redact(text, key, len(raw) + 8, people=people)[0])


class _Redaction:
    __slots__ = ("_key", "_people", "_room", "count")

    def __init__(self, key: bytes, room: int, people: bool) -> None:
        self._key = key
        self._people = people
        self._room = room
        self.count = 0

    def value(self, value: object, depth: int, secret: str = "") -> object:
        """`value` redacted; `secret` names the field whose value, whatever it is, must not be kept."""
        self._room -= 4
        if value is None or type(value) is bool:
            return value
        if self._room < 0 or not depth:
            return "[cut]"
        if isinstance(value, dict):
            return self._map(value, depth, secret)
        if isinstance(value, (list, tuple)):
            return [self.value(item, depth - 1, secret) for item in value[: self._room // 4 + 1]]
        if type(value) is str:
            return self._secret(secret, value) if secret else self._text(value)
        return self._number(value, secret)

    def _map(self, value: dict[str, object], depth: int, secret: str) -> dict[str, object]:
        plain: dict[str, object] = {}
        for name in sorted(value):
            if self._room < 0:
                plain["[cut]"] = True
                break
            word = secret or patterns.named(name)
            plain[self._text(name)] = self.value(value[name], depth - 1, word)
        return plain

    def _number(self, value: object, secret: str) -> object:
        if isinstance(value, int) and value.bit_length() > 64:
            return "[cut]" if secret else value
        text = str(value).encode()
        self._room -= len(text)
        if secret or (self._people and type(value) is int and personal.is_card(text)):
            return self._mark(secret or "card", text)
        return value

    def _text(self, text: str) -> str:
        limit = max(0, self._room)
        cut = len(text) > limit
        raw = text[: limit + OVERLAP].encode("utf-8", "surrogatepass")
        self._room -= len(raw)
        parts: list[bytes] = []
        end = 0
        for start, stop, kind in patterns.spans(raw, people=self._people):
            parts += raw[end:start], self._mark(kind, raw[start:stop]).encode()
            end = stop
        parts.append(raw[end:])
        plain = b"".join(parts).decode("utf-8", "replace") if end else text[: limit + OVERLAP]
        return plain[:-OVERLAP] + "[cut]" if cut else plain

    def _secret(self, kind: str, text: str) -> str:
        raw = text.encode("utf-8", "surrogatepass")
        return text if not raw or patterns.MARK.fullmatch(raw) else self._mark(kind, raw)

    def _mark(self, kind: str, secret: bytes) -> str:
        self.count += 1
        return f"[redacted:{kind}:{hmac.digest(self._key, b'callgate.secret' + secret, 'sha256')[:3].hex()}]"
