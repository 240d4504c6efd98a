"""This machine's own key for redaction marks and payload digests: never leaves it, never appears anywhere."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from pathlib import Path

from callgate.model.errors import SettingsError
from callgate.system.files import read_capped, replace_file
from callgate.system.paths import Folders

KEY_BYTES = 32
KEY_FILE = "payload.key"


def payload_key(where: Folders) -> bytes:
    """The key, made at the first use. Raises SettingsError if the file holds something else."""
    path = where.data / KEY_FILE
    try:
        key = read_capped(path, KEY_BYTES)
    except FileNotFoundError:
        key = _made(path)
    if len(key) != KEY_BYTES:
        raise SettingsError(str(path), "is not a key of ours", "delete it: marks of equal secrets differ from then on")
    return key


def _made(path: Path) -> bytes:
    """A new key, or the one that another process made at the same moment: whoever links first wins."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".key-") as folder:
        fresh = Path(folder) / "key"
        replace_file(fresh, secrets.token_bytes(KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(fresh)
    return read_capped(path, KEY_BYTES)
