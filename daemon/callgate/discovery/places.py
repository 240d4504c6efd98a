"""The files that agents' places name on this machine: those that exist, within limits."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from callgate.agents.adapter import Agent, Place, expand
from callgate.model.inventory import ConfigFile, Skipped, Surroundings

MATCHES_MAX = 500
"""Files that one pattern may name: a machine has tens of plugins."""
NAMES_MAX = 20_000
"""Names looked at for one pattern: the folders of plugins and extensions have some hundreds."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One config file that may be there, and the place that names it."""

    file: ConfigFile
    place: Place


def spots(agent: Agent, around: Surroundings, project: str | None = None) -> Iterator[Spot | Skipped]:
    """Where this agent's files are, or would be: without `project` the person's and the system's, else that project's.

    Files of a pattern are named only where they exist. Skipped for a pattern that names more than is looked at.
    """
    for place in agent.places:
        for path in expand(place, around, project):
            found: Iterable[str] = (path,)
            if place.is_pattern:
                found, whole = _matching(path)
                if not whole:
                    reason = f"more than {MATCHES_MAX} files, or {NAMES_MAX:,} names, match: the rest is not looked at"
                    yield Skipped(path, reason, agent.id)
            for each in found:
                file = ConfigFile(agent.id, place.scope, each, place.format, place.shape, project)
                yield Spot(file, place)


def _matching(pattern: str) -> tuple[list[str], bool]:
    """The paths that match, in order, and whether that is all of them."""
    found = [""]
    left = NAMES_MAX
    whole = True
    for part in pattern.split("/")[1:]:
        if not any(mark in part for mark in "*?["):
            found = [f"{folder}/{part}" for folder in found]
            continue
        deeper: list[str] = []
        for folder in found:
            names = list(islice(_names(folder), left + 1))
            whole = whole and len(names) <= left
            left = max(0, left - len(names))
            fits = (name for name in names if fnmatch.fnmatchcase(name, part))
            deeper += (f"{folder}/{name}" for name in fits if not name.startswith(".") or part.startswith("."))
        whole = whole and len(deeper) <= MATCHES_MAX
        found = sorted(deeper)[:MATCHES_MAX]
    return [path for path in found if os.path.lexists(path)], whole


def _names(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder or "/") as entries:
            for entry in entries:
                yield entry.name
    except OSError:
        return


def nearest_folder(path: str) -> str | None:
    """The folder that holds `path`, or the nearest one above it that exists; None where not even the root does."""
    folder = os.path.dirname(path)  # noqa: PTH120 - text of unknown origin, no pathlib quirks
    while not os.path.isdir(folder):  # noqa: PTH112
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder:
            return None
        folder = above
    return folder
