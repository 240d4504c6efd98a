"""Checks one request: signed by a known device, for this server, just now, for the first time, with just this body."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    SigningKey,
    VerificationKey,
)
from http_message_signatures.algorithms import ED25519

from callgate.verify import profile
from callgate.verify.nonces import MemoryNonces, Nonces

SKEW = 30.0
"""Seconds by which the clocks of device and server may differ."""
LIFETIME_MAX = 300
"""Seconds of validity that a signature may claim: so long is a nonce remembered at most, SKEW aside."""
NONCE_MAX = 128
"""Characters of a nonce."""
HEADER_MAX = 16 * 1024
"""Characters of the signature's headers together."""

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that passed a device's gate."""

    key: str
    """The id of the device's key."""
    policy: str
    """Names the rules by which it was approved, as in the device's audit log."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is not to be served."""

    reason: str


class _Lines:
    """Header lines as the library reads them."""

    def __init__(self, lines: Headers) -> None:
        self._lines = lines

    def items(self) -> Headers:
        return self._lines


@dataclass(frozen=True, slots=True)
class _Message:
    method: str
    url: str
    headers: _Lines


class _Keys(HTTPSignatureKeyResolver):
    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = {
            profile.key_id(raw): Ed25519PublicKey.from_public_bytes(raw) for raw in map(profile.public_key, keys)
        }

    def resolve_public_key(self, key_id: str) -> VerificationKey:
        if key_id not in self._keys:
            raise InvalidSignature("the key is not one of a known device")
        return self._keys[key_id]

    def resolve_private_key(self, key_id: str) -> SigningKey:
        raise InvalidSignature("nothing is signed here")


class Verifier:
    """Knows the keys of the devices that may call, and the address of this server. Safe to use from several threads,
    as far as `nonces` is.
    """

    def __init__(self, keys: Iterable[str], origin: str, *, nonces: Nonces | None = None, skew: float = SKEW) -> None:
        """`keys` as `callgate checkpoint show` prints them; `origin` is `https://host[:port]` as in the agents' configs
        (never taken from a request: else what was signed for another server would count here). Raises ValueError.
        """
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
            raise ValueError(f"{origin!r} is no origin: https://host[:port]")
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._nonces = MemoryNonces() if nonces is None else nonces
        self._skew = skew
        self._verifier = HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=_Keys(keys))
        self._verifier.max_clock_skew = timedelta(seconds=skew)

    def check(self, method: str, target: str, headers: Headers, body: bytes) -> Accepted | Refused:
        """One request: its method, its path with the query as they came, all lines of its header, its whole body."""
        said = [value for name, value in headers if name.lower() in ("signature", "signature-input")]
        if not said:
            return Refused("it is not signed")
        if sum(map(len, said)) > HEADER_MAX:
            return Refused("the headers of its signature are too long")
        message = _Message(method, self._origin + target, _Lines(headers))
        present = {name.lower() for name, _ in headers}
        try:
            found = self._verifier.verify(
                message,
                max_age=timedelta(seconds=LIFETIME_MAX),
                expect_tag=profile.TAG,
                require_components=profile.covered(present, body),
                body=body,
            )
        except (InvalidSignature, HTTPMessageSignaturesException) as error:
            return Refused(str(error) or "its signature does not hold")
        if len(found) != 1:
            return Refused("it is signed more than once")
        return self._for_the_first_time(found[0].parameters, found[0].covered_components)

    def _for_the_first_time(self, said: dict[str, int | str], covered: dict[str, str]) -> Accepted | Refused:
        created, expires, nonce = said.get("created"), said.get("expires"), said.get("nonce")
        if not isinstance(created, int) or not isinstance(expires, int) or expires - created > LIFETIME_MAX:
            return Refused("its signature does not say that it ends soon")
        if not isinstance(nonce, str) or not 0 < len(nonce) <= NONCE_MAX:
            return Refused("its signature has no nonce")
        key = str(said["keyid"])
        if not self._nonces.take(f"{key} {nonce}", expires + 2 * self._skew):
            return Refused("its signature was seen before, or there were too many in a short time")
        return Accepted(key, covered['"callgate-policy"'])
