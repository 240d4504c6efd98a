"""Whose signatures count on this machine: its own key, the witness of its settings, or a key that somebody names."""

from __future__ import annotations

from pathlib import Path

from callgate.audit.note import NOTE_MAX, PLAIN, Key
from callgate.audit.verdict import Trust
from callgate.model.errors import AuditError, FileRefusedError, SettingsError
from callgate.service import devicekey
from callgate.settings import load
from callgate.system.files import read_capped
from callgate.system.paths import Folders


def trust(where: Folders, key: str = "") -> Trust:
    """Trust in this machine's own key, or in `key` alone. Raises AuditError if that is none."""
    own = devicekey.public_key(where)
    keys = (named(key),) if key else (Key("", PLAIN, own),) if own else ()
    return Trust(keys, given=bool(key), witnesses=witnesses(where))


def witnesses(where: Folders) -> tuple[Key, ...]:
    """The key of the witness that the settings name."""
    try:
        said = load(where.settings).audit.witness.key
        return (Key.parse(said),) if said else ()
    except (SettingsError, ValueError):  # the daemon does not start with it and says why
        return ()


def named(key: str) -> Key:
    """The key that somebody gave as text. Raises AuditError."""
    try:
        return Key.parse(key)
    except ValueError as error:
        raise AuditError("--key", str(error), "`callgate checkpoint show` prints the key of a machine") from error


def read_note(path: Path) -> str:
    """The text of a signed note. Raises AuditError."""
    try:
        return read_capped(path, NOTE_MAX).decode()
    except (OSError, FileRefusedError, UnicodeDecodeError) as error:
        raise AuditError(str(path), f"cannot be read ({error})", "name the file with the checkpoint") from error
