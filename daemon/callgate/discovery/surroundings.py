"""What is usual in the environment of this person's programs, so that it raises no doubt about what they start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from callgate.discovery import programs
from callgate.discovery.launch.environment import Usual, settings_of
from callgate.discovery.nearby import MANIFEST_MAX
from callgate.discovery.programs import Place
from callgate.model.errors import FileRefusedError
from callgate.system.files import read_capped


def usual(env: Mapping[str, str], place: Place) -> Usual:
    """What is usual where a program is started with `env`. Raises ValueError for a path that no path can be."""
    if not env:
        return Usual()
    homes = (place.home.rstrip("/"), _real(place.home).rstrip("/"))
    if not any(name.upper().startswith("NPM_CONFIG_") for name in env):
        return Usual(homes)
    node = programs.find("node", place)
    trees = tuple(os.path.dirname(os.path.dirname(path)) for path in (node.path, node.real)) if node else ()  # noqa: PTH120
    return Usual(homes, trees, _npmrc(place.home))


@lru_cache(maxsize=64)
def _real(home: str) -> str:
    return os.path.realpath(home)


def _npmrc(home: str) -> dict[str, str]:
    """The person's own npm settings; none if they cannot be read."""
    try:
        return settings_of(read_capped(Path(home) / ".npmrc", MANIFEST_MAX).decode())
    except (OSError, ValueError, FileRefusedError):
        return {}
