"""All files below a folder, within limits, and one digest over them."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Collection

from callgate.discovery.digest import Digests, is_settled, of_words
from callgate.model.startup import FileState

FILES_MAX = 20_000
"""Files below one folder that are looked at: large packages have some thousands."""
DEPTH_MAX = 40
"""Folders in one another."""
KEPT_MAX = 20_000
"""Files of folders whose digests are kept, some 8 MB: those of a few servers with all the packages that they need."""
NOT_COMPARED = ("node_modules", "__pycache__")
"""Folders that are no part of the digest of one that they lie in: other packages, and what Python makes by itself."""


def files_below(folder: str, *, without: Collection[str] = ()) -> tuple[list[str], str | None]:
    """The names of all files below a folder, sorted, and what there is odd: a link, or too much to look at.

    `without` are names of folders that are left out, wherever they lie. Links are not followed.
    """
    found: list[str] = []
    waiting = [("", 0)]
    while waiting:
        at, depth = waiting.pop()
        try:
            with os.scandir(f"{folder}/{at}") as entries:
                for entry in entries:
                    name = at + entry.name
                    if entry.is_symlink():
                        return found, f"{folder}/{name} is a link"
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in without:
                            waiting.append((name + "/", depth + 1))
                    else:
                        found.append(name)
        except OSError as error:
            return found, f"{folder}/{at} cannot be read ({error.strerror})"
        if len(found) > FILES_MAX or depth > DEPTH_MAX:
            return found, f"{folder} holds more than {FILES_MAX:,} files, or folders deeper than {DEPTH_MAX}"
    return sorted(found), None


class Trees:
    """One digest over the names and contents of all files below a folder, not computed twice while each of them stays
    as it is. Safe to use from several threads.
    """

    def __init__(self, digests: Digests) -> None:
        self._digests = digests
        self._kept: dict[str, tuple[dict[str, FileState], str]] = {}
        self._files = 0
        self._lock = threading.Lock()

    def digest(self, folder: str) -> str:
        """The digest of a folder, without the folders NOT_COMPARED below it. Raises OSError."""
        states, odd = states_below(folder)
        if odd:
            raise OSError(0, odd)
        with self._lock:
            kept = self._kept.get(folder)
        if kept is not None and kept[0] == states:
            self._digests.note(kept[0])
            return kept[1]
        now = time.time_ns()
        with self._digests.noting() as read:
            words = [word for path in sorted(states) for word in (path[len(folder) + 1 :], self._digests.of(path))]
        found = of_words("folder", *words)
        if read == states and all(is_settled(state, now) for state in states.values()):
            self._keep(folder, states, found)
        return found

    def _keep(self, folder: str, states: dict[str, FileState], digest: str) -> None:
        if len(states) > KEPT_MAX:
            return
        with self._lock:
            self._forget(folder)
            while self._files + len(states) > KEPT_MAX:
                self._forget(next(iter(self._kept)))
            self._kept[folder] = states, digest
            self._files += len(states)

    def _forget(self, folder: str) -> None:
        if (kept := self._kept.pop(folder, None)) is not None:
            self._files -= len(kept[0])


def states_below(folder: str) -> tuple[dict[str, FileState], str | None]:
    """The states of all files below a folder by their paths, and what there is odd, as `files_below`."""
    found: dict[str, FileState] = {}
    waiting = [(folder, 0)]
    while waiting:
        at, depth = waiting.pop()
        try:
            with os.scandir(at) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in NOT_COMPARED:
                            waiting.append((entry.path, depth + 1))
                        continue
                    now = entry.stat(follow_symlinks=False)
                    if stat.S_ISLNK(now.st_mode):
                        return found, f"{entry.path} is a link"
                    found[entry.path] = now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns
        except OSError as error:
            return found, f"{at} cannot be read ({error.strerror})"
        if len(found) > FILES_MAX or depth > DEPTH_MAX:
            return found, f"{folder} holds more than {FILES_MAX:,} files, or folders deeper than {DEPTH_MAX}"
    return found, None
