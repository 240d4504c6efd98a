"""What a signed call looks like: the profile of RFC 9421 that the daemon signs by and servers check by."""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256

TAG = "callgate-call"
"""The signature's `tag`: signatures of other makers may stand beside it."""
LABEL = "callgate"
"""How the signature is labelled in its headers. A label proves nothing; the tag is signed."""
POLICY = "Callgate-Policy"
"""The header that names the rules in force, as the audit log does."""
ALWAYS = ("@method", "@target-uri", "callgate-policy")
"""What every signature covers."""
DIGEST = "content-digest"
"""Covered where there is a body (RFC 9530)."""
WHERE_PRESENT = (
    "content-type", "content-encoding", "authorization", "last-event-id", "mcp-protocol-version", "mcp-session-id",
    "mcp-method", "mcp-name",
)  # fmt: skip
"""Headers that change what a request does: covered where they are present, so that none can be put in or exchanged."""
LIFETIME = 60
"""Seconds from `created` to `expires`."""
_KEY = 32
"""Bytes of an Ed25519 public key."""
_ED25519 = 1
"""The first byte of such a key in a C2SP verifier key."""


def covered(present: set[str], body: bytes | None) -> tuple[str, ...]:
    """What a signature over a request with these headers (in lower case) covers."""
    digest = (DIGEST,) if body else ()
    return (*ALWAYS, *digest, *(name for name in WHERE_PRESENT if name in present))


def key_id(public: bytes) -> str:
    """How a signature names its key: the JWK thumbprint of RFC 7638 and RFC 8037."""
    x = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
    return (
        base64.urlsafe_b64encode(sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())
        .rstrip(b"=")
        .decode()
    )


def public_key(text: str) -> bytes:
    """The key in a line as `callgate checkpoint show` prints it (`name+id+base64`). Raises ValueError."""
    encoded = text.strip().split("+", 2)[-1]
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not the key of a device: see `callgate checkpoint show`") from error
    if text.count("+") < 2 or len(raw) != _KEY + 1 or raw[0] != _ED25519:
        raise ValueError("not the key of a device: see `callgate checkpoint show`")
    return raw[1:]
