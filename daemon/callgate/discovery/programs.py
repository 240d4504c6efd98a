"""Find the program that a command starts, and tell whether it is what its name says."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from callgate.discovery.digest import is_file
from callgate.discovery.launch.shells import POSIX
from callgate.discovery.launch.words import program
from callgate.model.errors import SettingsError
from callgate.system.paths import account_home, folders

PATH_MAX = 200
"""Folders of one PATH that are looked at."""
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
_ALIASES: dict[str, frozenset[str]] = {
    "npx": frozenset({"npx-cli.js", "npx.js"}),
    "npm": frozenset({"npm-cli.js", "npm.js"}),
    "pnpm": frozenset({"pnpm.cjs", "pnpm.js", "pnpm.mjs"}),
    "pnpx": frozenset({"pnpx.cjs", "pnpm.cjs"}),
    "yarn": frozenset({"yarn.js", "yarn.cjs", "yarnpkg.js"}),
    "bunx": frozenset({"bun"}),
    "nodejs": frozenset({"node"}),
    "docker": frozenset({"podman", "com.docker.cli"}),
    "tsx": frozenset({"cli.mjs", "cli.cjs"}),
    "ts-node": frozenset({"bin.js"}),
}
_MANY = frozenset({"busybox", "coreutils", "toybox", "volta-shim", "mise", "snap", "proto-shim"})
"""Programs that go by many names."""
_BREW = frozenset({"/opt/homebrew", "/usr/local", "/usr/local/Homebrew", "/home/linuxbrew/.linuxbrew"})
_TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/")  # noqa: S108 - named to be distrusted


@dataclass(frozen=True, slots=True)
class Place:
    """Where a launch looks for its programs."""

    cwd: str
    path: str
    home: str
    own: tuple[str, ...] = ()
    """Folders of our launchers: nothing in them counts as a program."""

    def absolute(self, path: str) -> str:
        """The path as the starting process would take it.

        Raises ValueError where the kernel and programs that shorten paths themselves (node) would take two different
        files: behind a link, `link/..` is not the folder that the link lies in.
        """
        whole = os.path.join(self.cwd or "/", path)  # noqa: PTH118 - hostile text, no pathlib quirks
        short = os.path.normpath(whole)
        if ".." in whole.split("/") and os.path.realpath(whole) != os.path.realpath(short):
            raise ValueError(f"{path!r} leads to two places")
        return short


@dataclass(frozen=True, slots=True)
class Found:
    """A program: the path that would be started, and the file behind all links."""

    path: str
    real: str
    from_path: bool


def find(command: str, place: Place) -> Found | None:
    """The file that starting `command` would execute, or None if there is none."""
    if not command or "\0" in command:
        return None
    if "/" in command:
        candidates = [place.absolute(command)]
    else:
        folders = (place.path or _DEFAULT_PATH).split(os.pathsep)[:PATH_MAX]
        candidates = [os.path.join(place.absolute(folder), command) for folder in folders]  # noqa: PTH118
    for path in candidates:
        if path.startswith(tuple(folder + "/" for folder in place.own)):
            continue
        if is_file(path) and os.access(path, os.X_OK):
            return Found(path, os.path.realpath(path), "/" not in command)
    return None


def doubt(command: str, place: Place) -> str | None:
    """Why the program started by `command` may not be what its name says; None if it is.

    A program counts as what its name says when the file behind all links still bears that name, is not writable for
    everyone, and lies neither in the folder that the server is started in nor in a checkout nor in a temporary folder.
    A path inside the home must be on PATH or below one of the home's hidden folders, where version managers live.
    """
    found = find(command, place)
    if found is None:
        return f"{command} was not found"
    name, real = program(command), found.real
    if not _is_named(name, program(real), os.path.basename(real)):  # noqa: PTH119
        return f"{command} is a link to {real}"
    if project := _around(real, place):
        return f"{found.path} lies in the folder {project} itself"
    if checkout := _checkout(real, place):
        return f"{found.path} lies in the checkout {checkout}"
    try:
        mode = Path(real).stat().st_mode
    except OSError:
        return f"{real} cannot be looked at"
    if mode & stat.S_IWOTH:
        return f"everyone may write to {real}"
    in_home = real.startswith(place.home.rstrip("/") + "/")
    if not in_home and real.startswith(_TEMPORARY):
        return f"{real} lies in a temporary folder"
    below = real[len(place.home.rstrip("/")) + 1 :]
    if in_home and not (found.from_path or below.startswith((".", "bin/", "Library/"))):
        other = find(name, place)
        if other is None or other.real != real:
            return f"{real} lies in the home, but neither on PATH nor in a folder of tools"
    return None


def _is_named(name: str, real: str, file: str) -> bool:
    if name in POSIX and real in POSIX:
        return True
    if name.startswith("python") and real.startswith(("python", "pypy")):
        return True
    return real == name or file in _ALIASES.get(name, ()) or real in _ALIASES.get(name, ()) or real in _MANY


def _around(real: str, place: Place) -> str | None:
    """The folder that belongs to whoever wrote the project, if `real` lies in it: the cwd or the checkout around it.

    A cwd that is the home itself (or above it) belongs to the user, not to a project.
    """
    if "/node_modules/.bin/" in real:
        return real.partition("/node_modules/.bin/")[0]
    folder = os.path.realpath(place.cwd) if place.cwd else "/"
    home = os.path.realpath(place.home)
    for depth, project in enumerate((folder, *(str(parent) for parent in Path(folder).parents))):
        if project == "/" or home == project or home.startswith(project + "/"):
            return None
        is_checkout = depth == 0 or os.path.lexists(os.path.join(project, ".git"))  # noqa: PTH118
        if is_checkout and real.startswith(project + "/"):
            return project
    return None


def _checkout(real: str, place: Place) -> str | None:
    """The git checkout that `real` lies in, wherever the server is started: a PATH may lead there.

    Version managers are checkouts too: in a hidden folder of the home, or where Homebrew is.
    """
    home = os.path.realpath(place.home).rstrip("/")
    account = os.path.realpath(account_home() or home).rstrip(
        "/"
    )  # HOME may point elsewhere; the tools are still there
    if real.startswith((home + "/.", account + "/.")):
        return None
    for folder in map(str, Path(real).parents):
        if folder in _BREW or folder == "/" or (home + "/").startswith(folder + "/"):
            return None
        if os.path.lexists(os.path.join(folder, ".git")):  # noqa: PTH118
            return folder
    return None


def own_folders() -> tuple[str, ...]:
    """The folders of our launchers and shim, as this process's environment says; () if it does not say."""
    try:
        found = folders(os.environ)
    except SettingsError:
        return ()
    return (str(found.launchers), str(found.shim))
