"""The organisation's settings, in a file that only an administrator may write: what it names, no user changes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from callgate.model.errors import FileRefusedError, SettingsError
from callgate.system.files import read_capped

SETTINGS_MAX = 256 * 1024
"""Bytes of a settings file."""


def read(path: Path) -> dict[str, Any]:
    """The document in a settings file, empty if there is none. Raises SettingsError that names the file."""
    try:
        return tomllib.loads(read_capped(path, SETTINGS_MAX).decode())
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise SettingsError(str(path), "is not UTF-8", "save it as UTF-8") from error
    except FileRefusedError as error:
        raise SettingsError(error.thing, error.problem, "check the file and its rights") from error
    except ValueError as error:
        raise SettingsError(str(path), str(error), "see docs/settings.md") from error


def named(document: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The settings that a document names, as `registry.url`."""
    found: list[str] = []
    for key, value in document.items():
        found += named(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [prefix + key]
    return found


def joined(own: Mapping[str, Any], managed: Mapping[str, Any]) -> dict[str, Any]:
    """The user's document with everything that the organisation's names put in its place."""
    made = dict(own)
    for key, value in managed.items():
        before = made.get(key)
        made[key] = joined(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return made
