"""The device's signing key: made once, kept in a file that is ours alone, handed over to a new one on request."""

from __future__ import annotations

import base64
import contextlib
import os
import stat
import tempfile
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
from callgate.system.files import read_capped, replace_file
from callgate.system.paths import Folders

KEY_MAX = 4096
"""Bytes of a key file; ours have 119."""


def private_key(where: Folders) -> Ed25519PrivateKey:
    """The device's key, made at the first use. Raises AuditError."""
    path = where.device_key
    try:
        if not path.exists():
            _make(path)
        found = _read(path)
        public = _encoded(found)
        if _said(_beside(path)) != public:
            replace_file(_beside(path), public)
        return found
    except OSError as error:
        raise AuditError(str(path), f"cannot be used ({error.strerror})", "check the folder's rights") from error


def public_key(where: Folders) -> bytes | None:
    """The public half, where there is one."""
    try:
        raw = base64.b64decode(_said(_beside(where.device_key)).strip(), validate=True)
    except ValueError:
        return None
    return raw if len(raw) == 32 else None


def successor(where: Folders) -> Ed25519PrivateKey:
    """The key that is to follow: kept, but not used before `hand_over`. Raises AuditError."""
    path = _next(where)
    try:
        path.unlink(missing_ok=True)
        _make(path)
        return _read(path)
    except OSError as error:
        raise AuditError(str(path), f"cannot be made ({error.strerror})", "check the folder's rights") from error


def hand_over(where: Folders) -> None:
    """Put the key that is to follow in the place of the present one. Raises AuditError."""
    try:
        _next(where).replace(where.device_key)
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


def _make(path: Path) -> None:
    """A new key, or the one that another process made at the same moment: whoever links first wins."""
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".key-") as folder:
        fresh = Path(folder) / "key"
        replace_file(fresh, made)
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(fresh)


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        data, rights = read_capped(path, KEY_MAX), path.stat()
        found = load_pem_private_key(data, None)
    except (FileRefusedError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuditError(str(path), f"is no key of ours ({error})", "put the right one back from a backup") from error
    if stat.S_IMODE(rights.st_mode) & 0o077 or rights.st_uid != os.geteuid():
        raise AuditError(str(path), "can be read by other users", f"chmod 600 {path}, and rotate the key")
    if not isinstance(found, Ed25519PrivateKey):
        raise AuditError(str(path), "is not an Ed25519 key", "put the right one back from a backup")
    return found


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
