"""Find the folders in which agents keep project files: a bounded walk below the home."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from callgate.agents.adapter import Agent, expand
from callgate.discovery.launch.words import words
from callgate.model.inventory import Skipped, Surroundings
from callgate.settings import Scan

KNOWN_MAX = 2000
"""Project folders taken from agents' own lists; such lists grow with every folder ever opened."""
_CHEAP = 0.05
"""Seconds; a walk that took less is done anew each time."""
_REST = 100
"""A longer walk is repeated only after so many times its own duration: 1 % of a core at most."""
_NEVER = words(
    "node_modules __pycache__ site-packages venv env Library AppData Trash snap go anaconda3 miniconda3 lost+found "
    "proc sys vendor bower_components target Applications"
)
"""Folders that hold other people's code, or none."""


@dataclass(frozen=True, slots=True)
class Projects:
    """Project folders, and where was not looked for them."""

    folders: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()


def walk(around: Surroundings, limits: Scan, agents: Iterable[Agent]) -> Projects:
    """Folders below the home (not the home itself) that hold a project file of one of the agents.

    Nearest first, within the limits; links, other file systems, hidden folders and folders of installed code are not
    entered. A walk that took long is answered from memory for a while: new projects of a large home are seen later.
    """
    wanted = markers(around, agents)
    key = (around, limits, wanted)
    known = _walks.get(around.home)
    if known and known.key == key and time.monotonic() < known.until:
        return known.projects
    began = time.monotonic()
    found = _Walk(around.home, limits, wanted, began + limits.seconds).run()
    took = time.monotonic() - began
    if took > _CHEAP:
        _walks[around.home] = _Kept(key, time.monotonic() + took * _REST, found)
    return found


def markers(around: Surroundings, agents: Iterable[Agent]) -> Mapping[str, tuple[str, ...]]:
    """First name in a project folder -> the paths below that name whose presence makes it a project."""
    found: dict[str, list[str]] = {}
    for agent in agents:
        for place in agent.places:
            for path in expand(place, around, "/"):
                relative = path.lstrip("/")
                first = relative.split("/", 1)[0]
                if "*" not in first:
                    found.setdefault(first, []).append(relative.partition("*")[0].rstrip("/"))
    return {name: tuple(sorted(set(paths))) for name, paths in found.items()}


def listed(document: object) -> list[str]:
    """Folders that a state file lists: several agents keep those they worked in as the keys of `projects`."""
    known = document.get("projects") if isinstance(document, Mapping) else None
    if not isinstance(known, Mapping):
        return []
    paths = (path for path in known if isinstance(path, str) and path.startswith("/") and "\0" not in path)
    return sorted({os.path.normpath(path) for path in paths})[:KNOWN_MAX]


@dataclass(frozen=True, slots=True)
class _Kept:
    key: object
    until: float
    projects: Projects


_walks: dict[str, _Kept] = {}


class _Walk:
    """One walk, breadth first, so that limits cut off what is deepest."""

    def __init__(self, home: str, limits: Scan, wanted: Mapping[str, tuple[str, ...]], until: float) -> None:
        self._home = home
        self._limits = limits
        self._wanted = wanted
        self._until = until
        self._found: list[str] = []
        self._skipped: list[Skipped] = []
        self._too_deep: list[str] = []

    def run(self) -> Projects:
        """Walk."""
        try:
            device = os.stat(self._home).st_dev  # noqa: PTH116
        except (OSError, ValueError) as error:
            return Projects((), (Skipped(self._home, f"the home cannot be looked at ({error}); check its rights"),))
        queue = deque([(self._home, 0)])
        visited = 0
        while queue:
            reason = self._limit(visited)
            if reason:
                self._cut([folder for folder, _ in queue], reason)
                break
            folder, depth = queue.popleft()
            visited += 1
            for below in self._visit(folder, device):
                if depth < self._limits.depth:
                    queue.append((below, depth + 1))
                else:
                    self._too_deep.append(below)
        if self._too_deep:
            self._cut(self._too_deep, f"deeper than {self._limits.depth} folders below the home (scan.depth)")
        return Projects(tuple(self._found), tuple(self._skipped))

    def _limit(self, visited: int) -> str | None:
        if visited >= self._limits.folders_max:
            return f"the limit of {self._limits.folders_max:,} folders was reached (scan.folders_max)"
        if time.monotonic() > self._until:
            return f"the limit of {self._limits.seconds:g} seconds was reached (scan.seconds)"
        return None

    def _cut(self, folders: list[str], reason: str) -> None:
        more = f" and {len(folders) - 1:,} more" if len(folders) > 1 else ""
        self._skipped.append(Skipped(self._short(folders[0]) + more, f"not looked at for projects: {reason}"))

    def _visit(self, folder: str, device: int) -> list[str]:
        below: list[str] = []
        names: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name in self._wanted:
                        names.append(entry.name)
                    if not entry.name.startswith(".") and entry.name not in _NEVER and self._is_ours(entry, device):
                        below.append(entry.path)
        except OSError as error:
            self._skipped.append(Skipped(self._short(folder), f"cannot be looked at ({error.strerror})"))
            return []
        if folder != self._home and any(
            os.path.lexists(f"{folder}/{path}") for name in names for path in self._wanted[name]
        ):
            self._found.append(folder)
        return sorted(below)

    def _is_ours(self, entry: os.DirEntry[str], device: int) -> bool:
        try:
            return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_dev == device
        except OSError:
            return False

    def _short(self, path: str) -> str:
        return "~" + path[len(self._home.rstrip("/")) :] if path.startswith(self._home) else path
