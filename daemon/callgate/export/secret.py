"""Secrets of sinks: read from a private file or the system's keyring when they are needed, never kept in settings."""

from __future__ import annotations

import os
from pathlib import Path

from callgate.model.errors import CallgateError
from callgate.system.files import read_capped

SECRET_MAX = 64 * 1024
"""Bytes of one secret."""


def read(reference: str, thing: str) -> str:
    """The secret that `file:PATH` or `keyring:SERVICE/NAME` leads to; empty for an empty reference.

    Raises CallgateError, which never holds the secret: it is missing, or others can read the file.
    """
    if not reference:
        return ""
    scheme, _, rest = reference.partition(":")
    found = _of_file(rest, thing) if scheme == "file" else _of_keyring(rest, thing)
    if not found or not found.isprintable():
        raise CallgateError(thing, f"the secret at {reference} is empty or no line of text", "write it there again")
    return found


def _of_file(name: str, thing: str) -> str:
    path = Path(name)
    try:
        found = path.stat()
        if found.st_uid not in (os.geteuid(), 0) or found.st_mode & 0o077:
            raise CallgateError(thing, f"the secret in {path} can be read by others", f"chmod 600 {path}")
        return read_capped(path, SECRET_MAX).decode("utf-8").strip()
    except OSError as error:
        raise CallgateError(
            thing, f"the secret cannot be read from {path} ({error.strerror})", "write it there"
        ) from error
    except UnicodeDecodeError:
        raise CallgateError(thing, f"the secret in {path} is no text", "write it there again") from None


def _of_keyring(name: str, thing: str) -> str:
    import keyring  # it looks for backends for some 100 ms
    import keyring.errors

    service, _, user = name.rpartition("/")
    try:
        found = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise CallgateError(thing, f"the keyring cannot be asked ({type(error).__name__})", "use file:PATH") from error
    if found is None:
        raise CallgateError(thing, f"the keyring has no secret {name}", f"`keyring set {service} {user}`")
    return found.strip()
