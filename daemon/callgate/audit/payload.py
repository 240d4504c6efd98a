"""Pure: what the log keeps of a call's arguments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one payload."""

    digest: str
    """Hex HMAC-SHA-256, under this machine's key, of the canonical JSON of all the arguments: equal arguments are
    recognised, but without the key a short payload cannot be guessed from it, as it could from a plain SHA-256."""
    size: int
    """Bytes of that canonical JSON."""
    text: str | None = None
    """What is stored: canonical JSON, with secrets marked when redacted; None when only the digest is kept."""
    redactions: int = 0
    cut: bool = False
    """`text` is only the beginning."""
    salt: bytes = b""
    """Stored and removed together with `text` (see audit.log.seal)."""
