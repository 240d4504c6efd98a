"""Find the file that `python -m name` runs, without starting Python."""

from __future__ import annotations

import os
import re
from pathlib import Path

from callgate.discovery.digest import is_file
from callgate.discovery.programs import Found, Place

_VERSION = re.compile(r"python(\d+\.\d+)$")
_FOLDERS_MAX = 20
"""Python versions in one prefix that are looked at."""


def find_module(name: str, python: Found, place: Place) -> str | None:
    """The file behind `python -m name` in the interpreter's own folders, or None. The cwd is not looked at."""
    tail = name.replace(".", "/")
    for folder in _folders(python, place):
        if is_file(f"{folder}/{tail}/__main__.py"):
            return f"{folder}/{tail}/__main__.py"
        if is_file(f"{folder}/{tail}.py"):
            return f"{folder}/{tail}.py"
    return None


def _folders(python: Found, place: Place) -> list[str]:
    """Where this interpreter looks, in its order: standard library, the user's and the site's packages."""
    prefix = Path(python.path).parent.parent
    real = Path(python.real).parent.parent
    version = _VERSION.search(python.real)
    names = [f"python{version[1]}"] if version else _versions(real)
    is_venv = is_file(str(prefix / "pyvenv.cfg"))
    found = [real / "lib" / name for name in names]
    if not is_venv:
        found += [Path(place.home) / ".local/lib" / name / "site-packages" for name in names]
        found += [Path("/usr/local/lib") / name / "dist-packages" for name in names]
        found += [Path("/usr/lib/python3/dist-packages")] if str(real) == "/usr" else []
    found += [(prefix if is_venv else real) / "lib" / name / "site-packages" for name in names]
    return [str(folder) for folder in found]


def _versions(prefix: Path) -> list[str]:
    try:
        names = [name for name in os.listdir(prefix / "lib") if _VERSION.fullmatch(name)]  # noqa: PTH208
    except OSError:
        return []
    return sorted(names)[:_FOLDERS_MAX]
