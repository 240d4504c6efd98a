"""Pure: from the command line that an agent starts to what it launches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from callgate.discovery.launch import containers, interpreters, packages, shells
from callgate.discovery.launch.target import Launched, unknown
from callgate.discovery.launch.words import program

LAYERS_MAX = 12
"""Wrappers around one command; real lines have at most four."""


def read_launch(argv: tuple[str, ...], own: Iterable[str] = ()) -> Launched:
    """What `argv` launches, through every wrapper that is understood without doubt.

    `own` are the folders of our launchers and shim: a command from there is taken off up to its `--`.
    """
    whole = argv
    tools: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    own = tuple(folder.rstrip("/\\") for folder in own if folder.rstrip("/\\"))
    for _ in range(LAYERS_MAX):
        if not argv or not argv[0]:
            return unknown(whole, "there is no command")
        if any("\0" in word for word in argv):
            return unknown(whole, "a word holds a NUL byte, so the command cannot be started as written")
        inner = behind_ours(argv, own)
        if inner is not None:
            argv = inner
            continue
        found = shells.unwrap(argv)
        if isinstance(found, tuple):
            tools, caveats, argv = (*tools, argv[0]), caveats + found[1], found[0]
            continue
        launched = found or packages.start(argv) or interpreters.start(argv) or containers.start(argv)
        if isinstance(launched, tuple):
            tools, argv = (*tools, argv[0]), launched
            continue
        launched = launched or interpreters.executable(argv)
        place = launched.place_matters or bool(caveats)
        return replace(
            launched, tools=(*tools, *launched.tools), caveats=caveats + launched.caveats, place_matters=place
        )
    return unknown(whole, f"more than {LAYERS_MAX} wrappers around one command")


def behind_ours(argv: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...] | None:
    """The command line after the `--` of a launcher of ours, else None. Nothing may stand between the two."""
    return argv[2:] if argv[1:2] == ("--",) and _inside(argv[0], own) else None


def behind_shim(argv: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...] | None:
    """The command line behind a process that looks like a shim of ours, else None. For showing what runs, never for
    deciding: a process writes its own command line, and its interpreter is only a name here.
    """
    if not argv or "--" not in argv or not program(argv[0]).startswith("python"):
        return None
    words = [word for word in argv[1:] if word not in ("-I", "-S", "-E")]
    return argv[argv.index("--") + 1 :] if _inside(words[0], own) else None


def _inside(path: str, folders: tuple[str, ...]) -> bool:
    parts = path.replace("\\", "/").split("/")
    return ".." not in parts and any(path.startswith((folder + "/", folder + "\\")) for folder in folders)
