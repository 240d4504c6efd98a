"""A machine's request to approve a server: written and signed here, read and checked by whoever decides."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.signer import CryptoSigner

from callgate.model.errors import CallgateError, RegistryError
from callgate.model.identity import ServerIdentity
from callgate.registry import keys
from callgate.system.files import read_capped, replace_file

REQUEST_MAX = 64 * 1024
"""Bytes of one request."""
WHY_MAX = 2000
"""Characters of a reason."""
REQUESTS_MAX = 10_000
"""Requests read from one folder."""
KEY_NAME = "device"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, by whom and why. Its signature proves that one machine wrote all of it, not who sat there."""

    identity: str
    name: str
    why: str
    user: str
    host: str
    time: int
    """Seconds since the epoch."""


def write(folder: Path, key_folder: Path, request: Request) -> Path:
    """Sign a request with this machine's key and keep it in `folder`. Raises RegistryError."""
    path = key_folder / f"{KEY_NAME}{keys.SUFFIX}"
    signer = keys.load(path) if path.exists() else keys.make(key_folder, KEY_NAME)
    payload = json.dumps(asdict(request), ensure_ascii=True)
    said = {"request": payload, "key": _public(signer), "signature": signer.sign(payload.encode()).signature}
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", request.name or request.identity).strip("-")[:60]
    there = folder / f"{request.time}-{slug}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(there, json.dumps(said, indent=2).encode() + b"\n", mode=0o644)
    except OSError as error:
        raise RegistryError(str(there), f"cannot be written ({error.strerror})", "check its folder") from error
    return there


def read(path: Path) -> tuple[Request, str]:
    """A request and the id of the key that signed it. Raises RegistryError if it is not whole or not signed."""
    try:
        said = json.loads(read_capped(path, REQUEST_MAX))
        key, signature, payload = (str(said[name]) for name in ("key", "signature", "request"))
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), payload.encode())
        told = json.loads(payload)
        texts = {name: str(told[name])[:WHY_MAX] for name in ("identity", "name", "why", "user", "host")}
        ServerIdentity.parse(texts["identity"])
        return Request(**texts, time=int(told["time"])), key[:16]
    except FileNotFoundError as error:
        raise RegistryError(str(path), "does not exist", "check the path") from error
    except InvalidSignature as error:
        raise RegistryError(str(path), "was changed after it was signed", "have it written anew") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RegistryError(str(path), f"is no request ({error})", "`callgate request` writes them") from error


def read_all(folder: Path) -> tuple[list[tuple[Path, Request, str]], list[str]]:
    """All requests in a folder, by file name, and in words those that are none: one machine's does not hold up the
    others'. Raises RegistryError if there is no such folder.
    """
    if not folder.is_dir():
        raise RegistryError(str(folder), "is no folder", "collect the machines' requests in one")
    paths = sorted(folder.glob("*.json"))
    if len(paths) > REQUESTS_MAX:
        raise RegistryError(str(folder), f"holds {len(paths):,} files", f"take {REQUESTS_MAX:,} at a time")
    found, skipped = [], []
    for path in paths:
        try:
            found.append((path, *read(path)))
        except CallgateError as error:
            skipped.append(str(error))
    return found, skipped


def _public(signer: CryptoSigner) -> str:
    return str(signer.public_key.keyval["public"])
