"""Is a config file under version control? Answered by reading, never by running git, whose settings can run code."""

from __future__ import annotations

import os
from pathlib import Path

from callgate.model.errors import FileRefusedError
from callgate.model.inventory import Scope
from callgate.system.files import read_capped
from callgate.wrap.gitindex import may_track

MARKERS = (".git", ".hg", ".svn", ".jj")
"""What lies at the root of a worktree. `.git` is a file in linked worktrees and submodules."""
DETACHED = (".local/share/yadm/repo.git", ".config/yadm/repo.git", ".cfg", ".dotfiles")
"""Below the home: where dotfile tools and tutorials keep a bare git repository whose worktree is the home."""
INDEX_MAX = 64 * 1024 * 1024
"""Bytes of a git index that we read: some 600,000 files. A larger one counts as tracking the file."""
POINTER_MAX = 64 * 1024
"""Bytes of a `.git` file: one line with a path."""


def under_version_control(path: Path, scope: Scope, home: Path) -> str | None:
    """Why the file at `path` (links resolved) is not ours to change, or None.

    A project's file counts as soon as it lies in a worktree: even untracked it would turn up in someone's commit. A
    user's own file counts only when it is tracked (homes under git are common); what cannot be read counts as tracked.
    """
    for folder in path.parents:
        for marker in MARKERS:
            found = folder / marker
            if not _exists(found):
                continue
            if scope is Scope.PROJECT:
                return f"is in the worktree {folder} ({marker})"
            if marker != ".git" or _tracked(_git_folder(found), folder, path):
                return f"is under version control in {folder} ({marker})"
    if scope is not Scope.PROJECT and path.is_relative_to(home):
        for name in DETACHED:
            if _exists(home / name / "index") and _tracked(home / name, home, path):
                return f"is under version control in {home / name}"
    return None


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # there, but not for us to see: doubt
    return True


def _git_folder(found: Path) -> Path | None:
    """Where the index is: the folder itself, or the one that a `.git` file points to; None if it cannot be told."""
    if found.is_dir():
        return found
    try:
        line = read_capped(found, POINTER_MAX)
    except (FileNotFoundError, FileRefusedError):
        return None
    if not line.startswith(b"gitdir:") or b"\0" in line:
        return None
    return found.parent / os.fsdecode(line[7:].strip())


def _tracked(git: Path | None, worktree: Path, path: Path) -> bool:
    if git is None:
        return True
    try:
        index = read_capped(git / "index", INDEX_MAX)
    except FileNotFoundError:
        return not _exists(git)  # a new repository has no index yet; a pointer into nowhere is doubt
    except FileRefusedError:
        return True
    return may_track(index, os.fsencode(path.relative_to(worktree)))
