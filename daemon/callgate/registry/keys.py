"""Private keys of the registry's roles as files: made, found, and refused where others could read them."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from callgate.model.errors import RegistryError
from callgate.system.files import read_capped, replace_file

KEY_MAX = 16 * 1024
"""Bytes of one key file; an Ed25519 key in PEM needs 200, an encrypted one 400."""
SUFFIX = ".pem"


def make(folder: Path, name: str, passphrase: bytes | None = None) -> CryptoSigner:
    """A new Ed25519 key in `folder/name.pem` (0600, encrypted if there is a passphrase). Never overwrites one.

    Raises RegistryError.
    """
    path = folder / f"{name}{SUFFIX}"
    if path.exists():
        raise RegistryError(str(path), "exists already", "name another folder, or move that key away")
    private = Ed25519PrivateKey.generate()
    locking: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locking), mode=0o600)
    except OSError as error:
        raise RegistryError(str(path), f"cannot be written ({error.strerror})", "check its folder") from error
    return CryptoSigner(private)


def find(places: Sequence[Path], passphrase: bytes | None = None) -> dict[str, CryptoSigner]:
    """The keys in these files and folders (*.pem), by key id. Raises RegistryError for a key that cannot be used."""
    found = {}
    for place in places:
        if not place.exists():
            raise RegistryError(str(place), "does not exist", "name the folder that holds the keys")
        for path in sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]:
            signer = load(path, passphrase)
            found[signer.public_key.keyid] = signer
    return found


def load(path: Path, passphrase: bytes | None = None) -> CryptoSigner:
    """The key in one file. Raises RegistryError; a key that other users could read is refused."""
    try:
        data = read_capped(path, KEY_MAX)
        rights = path.stat()
    except OSError as error:
        raise RegistryError(str(path), f"cannot be read ({error.strerror})", "check the path") from error
    if stat.S_IMODE(rights.st_mode) & 0o077 or rights.st_uid not in (os.geteuid(), 0):
        raise RegistryError(str(path), "can be read by other users", f"chmod 600 {path}, and think of rotating the key")
    try:
        private = load_pem_private_key(data, passphrase)
    except TypeError as error:
        step = "give its passphrase by --passphrase-fd" if passphrase is None else "leave the passphrase out"
        raise RegistryError(str(path), "is encrypted" if passphrase is None else "is not encrypted", step) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        what = "is not a private key in PEM, or the passphrase is wrong"
        raise RegistryError(str(path), what, "name the right file and passphrase") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise RegistryError(str(path), "is not an Ed25519 key", "make keys by `callgate registry init` or `rotate`")
    return CryptoSigner(private)
