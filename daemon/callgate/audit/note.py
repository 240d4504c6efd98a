"""Pure: signed notes and checkpoints as C2SP has them (signed-note, tlog-checkpoint, tlog-cosignature; Ed25519)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NOTE_MAX = 64 * 1024
"""Characters of a note that is read; one of ours has some 300."""
SIGNATURES_MAX = 64
"""Signatures of a note that are looked at."""
SIZE_MAX = 2**63 - 1

PLAIN = 1
"""The kind of a key that signs a note's text."""
COSIGNER = 4
"""The kind of a witness's key, whose signatures carry a time."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key with its name: who may have signed. As text it is a C2SP verifier key: `name+id+base64`."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes by which a signature names its key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key alone, whatever its name: for people to compare."""
        return sha256(self.public).hexdigest()

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """Raises ValueError."""
        name, _, rest = text.strip().partition("+")
        said, _, encoded = rest.partition("+")
        material = _bytes(encoded)
        if len(material) != 33 or material[0] not in (PLAIN, COSIGNER) or not is_name(name):
            raise ValueError("not the key of a signed note: name+id+base64, Ed25519")
        key = cls(name, material[0], material[1:])
        if key.id.hex() != said.lower():
            raise ValueError("not the key of a signed note: its id does not fit it")
        return key

    def holds(self, signature: bytes, text: str) -> int | None:
        """Does the signature hold for that text? The time that it states (0 where it has none), or None."""
        if self.kind == COSIGNER:
            time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = _timed(text, time)
        else:
            time, message = 0, text.encode()
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return None
        return time


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name."""

    name: str
    private: Ed25519PrivateKey
    kind: int = PLAIN

    @property
    def key(self) -> Key:
        """What others need to check its signatures."""
        return Key(self.name, self.kind, self.private.public_key().public_bytes_raw())

    def sign(self, text: str, time: int = 0) -> str:
        """The signature line for that text, newline included; `time` in seconds, for a witness."""
        if self.kind == COSIGNER:
            signature = time.to_bytes(8, "big") + self.private.sign(_timed(text, time))
        else:
            signature = self.private.sign(text.encode())
        return f"— {self.name} {base64.b64encode(self.key.id + signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signature lines, none of them checked yet."""

    text: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(self.lines)}"

    @classmethod
    def parse(cls, text: str) -> Note:
        """Raises ValueError."""
        body, gap, signatures = text.rpartition("\n\n")
        lines = signatures.split("\n")
        if len(text) > NOTE_MAX or not gap or lines.pop() != "" or not 0 < len(lines) <= SIGNATURES_MAX:
            raise ValueError("not a signed note: a text, an empty line, signatures")
        if any(ord(sign) < 32 and sign != "\n" for sign in text) or any(_signature(line) is None for line in lines):
            raise ValueError("not a signed note: a line is not a signature")
        return cls(body + "\n", tuple(line + "\n" for line in lines))

    def signed_by(self, keys: Iterable[Key]) -> dict[Key, int]:
        """Which of these keys have signed it, each with the time it stated. Raises ValueError where a signature names
        one of them and does not hold."""
        known = {(key.name, key.id): key for key in keys}
        found = {}
        for line in self.lines:
            name, signature = _signature(line.rstrip("\n")) or ("", b"")
            key = known.get((name, signature[:4]))
            if key is None:
                continue
            time = key.holds(signature[4:], self.text)
            if time is None:
                raise ValueError(f"the signature of {name} does not hold")
            found[key] = time
        return found


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: the log of that name had so many rows, with that root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """As it is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Lines after the third are passed over. Raises ValueError."""
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0] or not is_size(lines[1]):
            raise ValueError("not a checkpoint: name, size and root of a log")
        root = _bytes(lines[2])
        if len(root) != 32:
            raise ValueError("not a checkpoint: its root is no SHA-256")
        return cls(lines[0], int(lines[1]), root)


def is_size(text: str) -> bool:
    """A number of rows as checkpoints write it: decimal, without leading zeros."""
    plain = text.isascii() and text.isdigit() and len(text) < 20 and (text == "0" or text[0] != "0")
    return plain and int(text) <= SIZE_MAX


def is_name(text: str) -> bool:
    """Can it name a key?"""
    return bool(text) and "+" not in text and not any(sign.isspace() or not sign.isprintable() for sign in text)


def _timed(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _signature(line: str) -> tuple[str, bytes] | None:
    """The name of the key, and its id with the signature."""
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—" or not is_name(parts[1]):
        return None
    try:
        signature = _bytes(parts[2])
    except ValueError:
        return None
    return (parts[1], signature) if len(signature) > 4 else None


def _bytes(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
