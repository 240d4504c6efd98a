"""All files below a folder, within limits, and one digest over them."""

from __future__ import annotations

import os
from collections.abc import Collection

from callgate.discovery.digest import Digests, of_words

FILES_MAX = 20_000
"""Files below one folder that are looked at: large packages have some thousands."""
DEPTH_MAX = 40
"""Folders in one another."""


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


def tree_digest(folder: str, digests: Digests, *, without: Collection[str] = ()) -> str:
    """One digest over the names and contents of all files below a folder. Raises OSError."""
    names, odd = files_below(folder, without=without)
    if odd:
        raise OSError(0, odd)
    words = [word for name in names for word in (name, digests.of(f"{folder}/{name}"))]
    return of_words("folder", *words)
