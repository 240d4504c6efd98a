"""Signs what leaves for a server, so that the server can tell that it passed this device's gate (RFC 9421)."""

from __future__ import annotations

import base64
import datetime
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSignaturesException, HTTPMessageSigner
from http_message_signatures.algorithms import ED25519

from callgate.httpshim.headers import Pairs
from callgate.verify import profile

log = logging.getLogger(__name__)

NONCE = 16
"""Random bytes of a nonce."""
_OURS = frozenset((profile.POLICY.lower(), profile.DIGEST))
"""Headers that only we set on a signed request."""


class _Lines(dict[str, str]):
    """Headers as the library reads them, with every line of those that stand there more than once."""

    def __init__(self, lines: Pairs) -> None:
        super().__init__()
        for name, value in lines:
            self[name.lower()] = f"{self[name.lower()]}, {value}" if name.lower() in self else value


@dataclass(frozen=True, slots=True)
class _Message:
    method: str
    url: str
    headers: _Lines


class Signing:
    """Signs with the key that `key` gives; while there is none, requests leave as they are."""

    def __init__(self, key: Callable[[], Ed25519PrivateKey | None], basis: Callable[[], str]) -> None:
        """`basis` names the rules in force."""
        self._key = key
        self._basis = basis
        self._signer = HTTPMessageSigner(signature_algorithm=ED25519)
        self._known: tuple[Ed25519PrivateKey, str] | None = None

    def sign(self, method: str, url: str, headers: Pairs, body: bytes | None) -> Pairs:
        """The headers that this request leaves with."""
        key = self._key()
        if key is None:
            return headers
        sent = [(name, value) for name, value in headers if name.lower() not in _OURS]
        sent.append((profile.POLICY, self._basis() or "none"))
        message = _Message(method, url.partition("#")[0], _Lines(sent))
        now = int(time.time())
        try:
            made = self._signer.prepare(
                message,
                key_id=self._id(key),
                created=datetime.datetime.fromtimestamp(now, datetime.UTC),
                expires=datetime.datetime.fromtimestamp(now + profile.LIFETIME, datetime.UTC),
                nonce=secrets.token_urlsafe(NONCE),
                label=profile.LABEL,
                tag=profile.TAG,
                covered_component_ids=profile.covered(set(message.headers), None),
                body=body or None,
            )
        except HTTPMessageSignaturesException as error:
            log.warning("a request leaves without a signature: %s", error)
            return headers
        signature = base64.b64encode(key.sign(made.signature_base)).decode()
        if body:
            sent.append(("Content-Digest", message.headers["Content-Digest"]))
        return [
            *sent,
            ("Signature-Input", f"{profile.LABEL}={made.signature_params}"),
            ("Signature", f"{profile.LABEL}=:{signature}:"),
        ]

    def _id(self, key: Ed25519PrivateKey) -> str:
        if self._known is None or self._known[0] is not key:
            self._known = (key, profile.key_id(key.public_key().public_bytes_raw()))
        return self._known[1]
