"""Pure: a command line or an address without its secrets, fit to be stored and shown."""

from __future__ import annotations

from collections.abc import Sequence

from callgate.audit import patterns
from callgate.audit.redact import redact

ROOM = 32 * 1024
"""Bytes of a command line that are looked at; the rest is left out."""


def redact_argv(argv: Sequence[str], key: bytes) -> list[str]:
    """The words of a command line, with the values of options such as `--api-key` and all that looks secret marked."""
    shown: list[str] = []
    secret = False
    for word in argv:
        name, equals, value = word.partition("=")
        if secret and not word.startswith("-"):
            shown.append(_marked(word, key))
        elif equals and value and patterns.named(name.lstrip("-")):
            shown.append(f"{name}={_marked(value, key)}")
        else:
            shown.append(str(redact(word, key, ROOM)[0]))
        secret = word.startswith("-") and not equals and bool(patterns.named(word.lstrip("-")))
    return shown


def redact_url(url: str, key: bytes) -> str:
    """An address without what follows `?` (where keys travel), and with all else that looks secret marked."""
    return str(redact(url.split("?")[0], key, ROOM)[0])


def _marked(word: str, key: bytes) -> str:
    plain, _ = redact({"password": word}, key, ROOM)
    assert isinstance(plain, dict)
    return str(plain["password"])
