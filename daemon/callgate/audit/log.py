"""Pure: what a row of the log says as bytes, and the link that ties it to all rows before it."""

from __future__ import annotations

import json
from _json import encode_basestring_ascii, make_encoder
from collections.abc import Mapping
from hashlib import sha256

from callgate.model.event import SCHEMA, Event

GENESIS = sha256(b"callgate.log.1").digest()
"""What the first row of a log follows."""
SEQ_MAX = 2**53 - 1
"""The largest sequence number, and the largest integer that every JSON reader keeps exact."""
TEXT_MAX = 4096
"""Characters of one string in a row: names and reasons are short, and a hostile one must not fill the disk."""
DETAIL_MAX = 64 * 1024
"""Characters of all of a row's detail, for the same reason."""
DEPTH_MAX = 16
"""Levels of a row's detail; the encoder of the standard library is recursive."""

_DOMAIN = b"callgate.row.1\x00"
_FIELDS = ("uid", "session", "agent", "server", "entry", "tool", "effect", "rule", "reason", "mode", "user", "basis")
_write = make_encoder(None, repr, encode_basestring_ascii, None, ":", ",", True, False, False)
"""The C encoder that `json` makes anew for each value, which takes longer than to write a row with it."""


def encode(event: Event, seq: int, extra: Mapping[str, object] | None = None) -> str:
    """The body of row `seq`: canonical JSON (sorted keys, compact, ASCII). `extra` is added to the event's detail.

    Integers from 2**53 up and the time are written as decimal strings, NaN and infinities by name; empty fields are
    left out; what is too long or too deep is cut and says so. Never fails on a JSON value, whatever it holds.
    """
    detail = {**event.detail, **extra} if extra else event.detail
    members = (
        _member("agent", event.agent),
        _member("basis", event.basis),
        '"detail":' + "".join(_write(_plain(detail, DEPTH_MAX, [DETAIL_MAX]), 0)) + "," if detail else "",
        _member("effect", event.effect),
        _member("entry", event.entry),
        f'"kind":{quoted(_clip(event.kind))},',
        _member("mode", event.mode),
        _member("reason", event.reason),
        _member("rule", event.rule),
        f'"seq":{seq},',
        _member("server", event.server),
        _member("session", event.session),
        f'"time":"{event.time}",',
        _member("tool", event.tool),
        _member("uid", event.uid),
        _member("user", event.user),
    )
    return f'{{{"".join(members)}"v":{SCHEMA}}}'


def quoted(text: str) -> str:
    """`text` as it stands in a row's body."""
    return encode_basestring_ascii(text)


def decode(body: bytes) -> Event:
    """The event in a row's body; unknown fields are left out. Raises ValueError if it is not one of ours."""
    try:
        document = json.loads(body)
        kind, time, detail = document["kind"], int(document["time"]), document.get("detail", {})
        texts = {name: document.get(name, "") for name in _FIELDS}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a row of the audit log: {error}") from error
    if type(kind) is not str or type(detail) is not dict or any(type(text) is not str for text in texts.values()):
        raise ValueError("not a row of the audit log: a field has the wrong type")
    return Event(kind, time, detail=detail, **texts)


Index = tuple[int | None, str | None, str | None]
"""What of a row is kept a second time, to search by: time, uid, effect."""


def index(event: Event) -> Index:
    """The event's time, uid and effect, or None for what is empty or what SQL could not ask for anyway."""
    time = event.time if -(2**63) <= event.time < 2**63 else None
    uid = event.uid if event.uid.isascii() and 0 < len(event.uid) <= TEXT_MAX else None
    effect = event.effect if event.effect.isascii() and 0 < len(event.effect) <= TEXT_MAX else None
    return time, uid, effect


def link(previous: bytes, body: bytes) -> bytes:
    """The hash of a row: SHA-256 over a label of our own, the hash of the row before it, and its body."""
    return sha256(_DOMAIN + previous + body).digest()


def seal(salt: bytes, kept: bytes) -> str:
    """What a row's body says of its payload: the payload can be checked while it is there and, because salt and
    payload go together, cannot be guessed once both are removed."""
    return sha256(b"callgate.payload.1\x00" + salt + kept).hexdigest()


def _member(name: str, text: str) -> str:
    """One member of a row's body and the comma after it; nothing if the text is empty."""
    return f'"{name}":{encode_basestring_ascii(text if len(text) <= TEXT_MAX else _clip(text))},' if text else ""


def _clip(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}...[{len(text) - TEXT_MAX} characters cut]"


def _plain(value: object, depth: int, room: list[int]) -> object:
    """`value` with only what canonical JSON can hold; `room` is how many characters are left."""
    room[0] -= 8
    if type(value) is not str:
        if value is None or value is True or value is False:
            return value
        if type(value) is int:
            return value if -SEQ_MAX <= value <= SEQ_MAX else _digits(value)
        if type(value) is float:
            return value if value - value == 0 else str(value)  # NaN and infinity are no JSON
        if type(value) is dict or isinstance(value, Mapping):  # the second takes long
            return _plain_map(value, depth - 1, room) if depth else "[cut]"
        if isinstance(value, (list, tuple)):
            return [_plain(item, depth - 1, room) for item in value[: max(0, room[0] // 8)]] if depth else "[cut]"
    text = _clip(str(value))
    room[0] -= len(text)
    return text if room[0] >= 0 else "[cut]"


def _plain_map(value: Mapping[object, object], depth: int, room: list[int]) -> dict[str, object]:
    plain: dict[str, object] = {}
    for key, item in value.items():
        if room[0] < 0:
            plain["[cut]"] = True
            break
        name = _clip(str(key))
        room[0] -= len(name)
        plain[name] = _plain(item, depth, room)
    return plain


def _digits(value: int) -> str:
    """A large integer as text; the decimal form of a huge one takes quadratic time."""
    bits = value.bit_length()
    return str(value) if bits <= 1024 else f"[integer of {bits} bits]"
