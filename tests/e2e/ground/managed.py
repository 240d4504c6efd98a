"""Managed settings as an agent finds them under /etc, in a mount namespace of its own: the machine's /etc stays."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

from ground.toolbox import absent

_MOUNT = 'mount -t overlay managed -o "lowerdir=$0:/etc" /etc && exec "$@"'


def under(tree: Path) -> list[str]:
    """What to put in front of a command line so that `tree`/etc lies over /etc for it; skips where that cannot be."""
    if problem := _problem():
        absent(f"no private mount namespace can be had here: {problem}")
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNT, str(tree / "etc")]


@functools.cache
def _problem() -> str:
    with tempfile.TemporaryDirectory() as tree:
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNT, tree, "true"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    return done.stderr.strip() if done.returncode else ""


_OWN = 'mount -t tmpfs etc "$0" && cp -a /etc/. "$0" && mount --bind "$0" /etc && exec "$@"'


def writable(folder: Path) -> list[str]:
    """What to put in front of a command line so that it has an /etc of its own that it may write to; skips likewise."""
    if problem := _problem():
        absent(f"no private mount namespace can be had here: {problem}")
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", _OWN, str(folder)]


def beside(pid: int, folder: Path) -> list[str]:
    """What to put in front of a command line so that it sees the /etc of that process."""
    return ["nsenter", "--target", str(pid), "--mount", f"--wd={folder}"]
