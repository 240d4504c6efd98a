"""Look at one config file before it is written: its bytes, where links lead, whose it is, whether we may change it."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from callgate.model.errors import FileRefusedError
from callgate.model.inventory import ConfigFile
from callgate.system.files import read_capped
from callgate.wrap.plan import Seen, Why
from callgate.wrap.vcs import under_version_control

LOCK_FRESH = 10.0
"""Seconds. Programs that lock by a file or folder beside the config touch it every few seconds while they hold it, and
take one over that is older than ten; so do we."""


def look(file: ConfigFile, home: Path, limit: int) -> Seen:
    """What stands at the file's path now; `obstacle` says why it must not be written. Never raises."""
    path = Path(file.path)
    try:
        target = path.resolve(strict=True)
        found = target.stat()
        owner = home.stat().st_uid
        inside = path.is_relative_to(home)
        home = home.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: links that go round in a circle
        return Seen(file.path, obstacle=(Why.CHANGED, f"the file cannot be reached ({error})"))
    reason = _obstacle(target, found, home, owner)
    if reason is None and (inside or path.is_symlink()) and not target.is_relative_to(home):
        reason = (Why.PLACE, f"it is reached by a link that leads out of the home, to {target}")
    if reason is None and (under := under_version_control(target, file.scope, home)):
        reason = (Why.VCS, f"the file {under}")
    try:
        return Seen(str(target), read_capped(target, limit), reason)
    except (FileNotFoundError, FileRefusedError) as error:
        return Seen(str(target), obstacle=reason or (Why.UNREADABLE, str(error)))


def in_use(target: Path) -> str | None:
    """The lock beside the file by which another program says that it is writing it, or None."""
    for name in (f"{target.name}.lock", f".{target.name}.lock", ".mcp-writer.lock"):
        lock = target.with_name(name)
        try:
            age = time.time() - lock.lstat().st_mtime
        except OSError:
            continue
        if abs(age) < LOCK_FRESH:
            return str(lock)
    return None


def _obstacle(target: Path, found: os.stat_result, home: Path, owner: int) -> tuple[Why, str] | None:
    if not stat.S_ISREG(found.st_mode):
        return Why.UNREADABLE, "it is not a regular file"
    if found.st_uid != owner:
        return Why.PLACE, f"the file belongs to user {found.st_uid}, not to the owner of {home}"
    if found.st_nlink > 1:
        return Why.PLACE, "the file has a second name (a hard link), which replacing it would cut off"
    if not found.st_mode & stat.S_IWUSR or not os.access(target, os.W_OK):
        return Why.PLACE, "the file is read-only"
    if not target.parent.stat().st_mode & stat.S_IWUSR or not os.access(target.parent, os.W_OK):
        return Why.PLACE, f"the folder {target.parent} is read-only"
    return None
