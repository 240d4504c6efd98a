"""This machine's own key for redaction marks and payload digests: never leaves it, never appears anywhere."""

from __future__ import annotations

import secrets

from callgate.model.errors import SettingsError
from callgate.system.files import read_capped, replace_file
from callgate.system.paths import Folders

KEY_BYTES = 32


def payload_key(where: Folders) -> bytes:
    """The key, made at the first use. Raises SettingsError if the file holds something else."""
    path = where.data / "payload.key"
    try:
        key = read_capped(path, KEY_BYTES)
    except FileNotFoundError:
        key = secrets.token_bytes(KEY_BYTES)
        replace_file(path, key)
    if len(key) != KEY_BYTES:
        raise SettingsError(str(path), "is not a key of ours", "delete it: marks of equal secrets differ from then on")
    return key
