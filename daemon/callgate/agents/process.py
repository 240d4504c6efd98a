"""Pure: recognise an agent's process by its executable, or by the script that an interpreter runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_INTERPRETER = re.compile(r"^(node|nodejs|bun|deno|electron|python[\d.]*|pythonw)$")
_TAKES_VALUE = frozenset({"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"})
_NO_SCRIPT = frozenset({"-e", "--eval", "-p", "--print", "-c", "-m", "-"})


def recognise(patterns: Sequence[str], exe: str, argv: Sequence[str]) -> str | None:
    """Does one of the patterns name this process? Returns the evidence as a sentence, or None.

    A pattern is one or more path parts, each a glob, that must follow each other in the path: `claude` is a file of
    that name, `bin/q` that file in a folder `bin`, `@openai/codex*/` anything inside such a folder. A pattern that
    begins with `!` excludes what it matches. The executable's path (from the operating system) decides; for an
    interpreter it is the script that it runs, or the title that the script gave itself; a process whose executable
    may not be read is judged by its own first argument. Windows paths and `.exe` are understood.
    """
    for path, sentence in _candidates(exe, argv):
        parts = _parts(path)
        if any(_matches(pattern[1:], parts) for pattern in patterns if pattern.startswith("!")):
            return None
        for pattern in patterns:
            if not pattern.startswith("!") and _matches(pattern, parts):
                return f"{sentence} {path} (matches {pattern})"
    return None


def _candidates(exe: str, argv: Sequence[str]) -> list[tuple[str, str]]:
    found = [(exe, "its executable is")] if exe else []
    title = argv[0] if argv else ""
    name = (_parts(exe or title) or [""])[-1]
    if not exe and title:
        found.append((title, "it calls itself"))
    if _INTERPRETER.match(name):
        if script := _script(argv):
            found.append((script, f"{name} runs"))
        elif exe and title and not _INTERPRETER.match((_parts(title) or [""])[-1]):
            found.append((title.split(" ")[0], f"{name} calls itself"))
    return found


def _script(argv: Sequence[str]) -> str | None:
    """The script among an interpreter's arguments: the first that is neither an option nor an option's value."""
    rest = iter(argv[1:])
    for argument in rest:
        if argument in _NO_SCRIPT:
            return None
        if argument in _TAKES_VALUE:
            next(rest, None)
        elif argument == "--":
            return next(rest, None)
        elif argument == "run" and _parts(argv[0])[-1:] in (["bun"], ["deno"]):
            continue
        elif not argument.startswith("-"):
            return argument
    return None


def _parts(path: str) -> list[str]:
    if re.match(r"[A-Za-z]:[\\/]|\\\\", path):
        path = path.replace("\\", "/")
    parts = [part for part in path.removesuffix(" (deleted)").split("/") if part]
    if parts and parts[-1].lower().endswith(".exe"):
        parts[-1] = parts[-1][:-4]
    return parts


def _matches(pattern: str, parts: Sequence[str]) -> bool:
    wanted = pattern.rstrip("/").split("/")
    starts = range(len(parts) - len(wanted) + (0 if pattern.endswith("/") else 1))
    if not pattern.endswith("/"):
        starts = starts[-1:]
    return any(
        all(fnmatchcase(part, want) for part, want in zip(parts[start:], wanted, strict=False)) for start in starts
    )
