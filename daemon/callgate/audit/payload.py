"""Pure: what the log keeps of a call's arguments."""

from __future__ import annotations

import hmac
from _json import encode_basestring_ascii, make_encoder
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from callgate.audit.patterns import may_hold
from callgate.audit.redact import OVERLAP, redact
from callgate.settings import Payload, Personal


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one payload."""

    digest: str
    """Hex HMAC-SHA-256, under this machine's key, of the canonical JSON of all the arguments: equal arguments are
    recognised, but without the key a short payload cannot be guessed from it, as it could from a plain SHA-256."""
    size: int
    """Bytes of that canonical JSON."""
    text: str | None = None
    """What is stored: canonical JSON (ASCII), with secrets marked when redacted; None when only the digest is kept."""
    redactions: int = 0
    cut: bool = False
    """`text` is only the beginning."""
    salt: bytes = b""
    """Stored and removed together with `text` (see audit.log.seal)."""


def keep(
    arguments: Mapping[str, object] | None, policy: Payload, cap: int, key: bytes, personal: Personal = Personal.MARK
) -> Kept | None:
    """What `policy` keeps of `arguments`: nothing (None), their digest, or at most `cap` bytes of their text as well.
    `personal` says whether a redacted text still shows personal data.

    `key` is this machine's own: digests of other machines cannot be compared with it. Never fails on parsed JSON.
    """
    if policy is Payload.NONE or arguments is None:
        return None
    try:
        whole = _canonical(arguments)
    except (ValueError, RecursionError, TypeError):
        return Kept("", 0, cut=True)
    mac = _keyed(key).copy()
    mac.update(whole.encode("ascii"))
    digest = mac.digest()
    if policy is Payload.DIGEST:
        return Kept(digest.hex(), len(whole))
    text, redactions = whole, 0
    people = personal is Personal.MARK
    if policy is Payload.REDACTED and may_hold(whole[: cap + OVERLAP].encode("ascii"), people=people):
        plain, redactions = redact(arguments, key, cap, people=people)
        text = _canonical(plain)
    salt = sha256(b"callgate.salt\x00" + digest + key).digest()[:16]
    return Kept(digest.hex(), len(whole), text[:cap], redactions, len(text) > cap or len(whole) > cap, salt)


@lru_cache(maxsize=4)
def _keyed(key: bytes) -> hmac.HMAC:
    """The beginning of each digest under this key; to set up a key takes longer than to digest a small payload."""
    return hmac.new(key, b"callgate.payload\x00", "sha256")


def _canonical(value: object) -> str:
    return "".join(_write(value, 0))


def _unwritable(value: object) -> None:
    raise TypeError(f"{type(value).__name__} is no JSON")


_write = make_encoder(None, _unwritable, encode_basestring_ascii, None, ":", ",", True, False, True)
