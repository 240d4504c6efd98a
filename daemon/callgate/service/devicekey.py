"""The device's signing key: made once, kept in a file that is ours alone or in the keychain, handed over on request.

The file `device.key` is there in either case: it holds the key, or says under which name the keychain has it. So which
key is in force is decided by one file, which is replaced as a whole.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from callgate.audit import checkpoints
from callgate.audit.merkle import root_of
from callgate.audit.note import PLAIN, Key
from callgate.audit.opening import Signed
from callgate.audit.signed import sealed_by, trusted
from callgate.model.errors import AuditError, FileRefusedError
from callgate.service import keychain
from callgate.settings import KeyPlace
from callgate.system.files import read_capped, replace_file
from callgate.system.paths import Folders

KEY_MAX = 4096
"""Bytes of a key file; ours have 119."""


_KEPT = b"keychain:"
"""How a file begins that only says under which name the keychain has the key."""


@dataclass(frozen=True, slots=True)
class Held:
    """A key, and what is to be said of the place that it is kept in."""

    key: Ed25519PrivateKey
    problem: str = ""


def private_key(where: Folders, place: KeyPlace = KeyPlace.FILE) -> Held:
    """The device's key, made at the first use, moved if it lies in the other place. Where a keychain cannot be used,
    the key is made or stays in the file, and `problem` says so; a key that a keychain has is not replaced by
    another one because that cannot be asked. Raises AuditError.
    """
    path, problem = where.device_key, ""
    try:
        if not path.exists():
            problem = _make(path, place)
        found = _read(path)
        if not problem:
            problem = _move(path, found, place)
        public = _encoded(found)
        if _said(_beside(path)) != public:
            replace_file(_beside(path), public)
        return Held(found, problem)
    except OSError as error:
        raise AuditError(str(path), f"cannot be used ({error.strerror})", "check the folder's rights") from error


def public_key(where: Folders) -> bytes | None:
    """The public half, where there is one."""
    try:
        raw = base64.b64decode(_said(_beside(where.device_key)).strip(), validate=True)
    except ValueError:
        return None
    return raw if len(raw) == 32 else None


def successor(where: Folders, place: KeyPlace = KeyPlace.FILE) -> Held:
    """The key that is to follow: kept, but not used before `hand_over`. Raises AuditError."""
    path = _next(where)
    try:
        _discard(path)
        problem = _make(path, place)
        return Held(_read(path), problem)
    except OSError as error:
        raise AuditError(str(path), f"cannot be made ({error.strerror})", "check the folder's rights") from error


def hand_over(where: Folders) -> None:
    """Put the key that is to follow in the place of the present one. Raises AuditError."""
    try:
        old = _name(_said(where.device_key))
        _next(where).replace(where.device_key)
        _forget(old)
        replace_file(_beside(where.device_key), _encoded(_read(where.device_key)))
    except OSError as error:
        raise AuditError(
            str(where.device_key), f"cannot be replaced ({error.strerror})", "check the folder's rights"
        ) from error


def finish_rotation(where: Folders) -> bool:
    """Complete what a crash interrupted: the next key comes into force if the present one has handed over to it."""
    waiting, public = _next(where), public_key(where)
    if not waiting.exists() or public is None:
        return False
    with contextlib.suppress(AuditError, OSError):
        book, fresh = checkpoints.read(where.audit), _read(waiting).public_key().public_bytes_raw()
        for note in book.rotations:
            keys, _ = trusted([Key.parse(note.text.split("\n")[3])], [note])
            if {key.public for key in keys} == {public, fresh}:
                hand_over(where)
                return True
    return False


def newest_signed(where: Folders) -> Signed | None:
    """What the newest checkpoint that this device signed knows of its log. Raises AuditError if that cannot be read."""
    book, public = checkpoints.read(where.audit), public_key(where)
    if public is None or not book.sealed:
        return None
    origin = book.sealed[-1].checkpoint.origin
    keys, _ = trusted([Key(origin, PLAIN, public)], book.rotations)
    sealed, _ = sealed_by(book, origin, keys)
    whole = [one for one, _ in sealed if root_of(one.frontier) == one.checkpoint.root]
    if not whole:
        return None
    best = max(whole, key=lambda one: one.checkpoint.size)
    return Signed(origin, (best.checkpoint.size, best.last), best.frontier)


def _make(path: Path, place: KeyPlace) -> str:
    """A new key, or the one that another process made at the same moment: whoever links first wins. Says why the key is
    not in the place that it should be in."""
    made, problem = _pem(Ed25519PrivateKey.generate()), ""
    if place is KeyPlace.KEYCHAIN:
        try:
            made = _into_keychain(made)
        except AuditError as error:
            problem = _in_file(path, error)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".key-") as folder:
        fresh = Path(folder) / "key"
        replace_file(fresh, made)
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            _forget(_name(made))
    return problem


def _move(path: Path, key: Ed25519PrivateKey, place: KeyPlace) -> str:
    """Bring the key to its place. Says why that could not be. Raises OSError."""
    name = _name(_said(path))
    if (place is KeyPlace.KEYCHAIN) is bool(name):
        return ""
    if place is KeyPlace.FILE:
        replace_file(path, _pem(key))
        _forget(name)
        return ""
    try:
        replace_file(path, _into_keychain(_pem(key)))
    except AuditError as error:
        return _in_file(path, error)
    return ""


def _into_keychain(pem: bytes) -> bytes:
    """What a file says whose key is in the keychain. Raises AuditError."""
    name = f"device-key-{secrets.token_hex(8)}"
    keychain.write(name, pem.decode())
    return _KEPT + name.encode() + b"\n"


def _in_file(path: Path, error: AuditError) -> str:
    return f"the device's key lies in {path}, not in the keychain as audit.device_key wants it: {error}"


def _name(said: bytes) -> str:
    """Under which name the keychain has the key of a file that says this; empty if the key is in the file."""
    return said.removeprefix(_KEPT).strip().decode("ascii", "replace") if said.startswith(_KEPT) else ""


def _forget(name: str) -> None:
    """Take a key that is in force no longer out of the keychain; one that stays there does no harm."""
    if name:
        with contextlib.suppress(AuditError):
            keychain.remove(name)


def _discard(path: Path) -> None:
    name = _name(_said(path))
    path.unlink(missing_ok=True)
    _forget(name)


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        data, rights = read_capped(path, KEY_MAX), path.stat()
        if name := _name(data):
            kept = keychain.read(name)
            if kept is None:
                raise AuditError("the keychain", f"has no {name}", f"put it back, or remove {path} for a new key")
            data = kept.encode()
        found = load_pem_private_key(data, None)
    except (FileRefusedError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuditError(str(path), f"is no key of ours ({error})", "put the right one back from a backup") from error
    if stat.S_IMODE(rights.st_mode) & 0o077 or rights.st_uid != os.geteuid():
        raise AuditError(str(path), "can be read by other users", f"chmod 600 {path}, and rotate the key")
    if not isinstance(found, Ed25519PrivateKey):
        raise AuditError(str(path), "is not an Ed25519 key", "put the right one back from a backup")
    return found


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _encoded(key: Ed25519PrivateKey) -> bytes:
    return base64.b64encode(key.public_key().public_bytes_raw()) + b"\n"


def _said(path: Path) -> bytes:
    try:
        return read_capped(path, KEY_MAX)
    except (OSError, FileRefusedError):
        return b""


def _beside(path: Path) -> Path:
    return path.with_suffix(".pub")


def _next(where: Folders) -> Path:
    return where.device_key.with_suffix(".next")
