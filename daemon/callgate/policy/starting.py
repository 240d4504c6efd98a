"""Pure: what an approval says of how its server is started: which files, arguments and variables. JSON <-> values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callgate.policy import patterns

FILES_MAX = 4096
"""Files and folders that one approval may pin."""
PATH_MAX = 1024
"""Characters of one path."""
LINES_MAX = 64
"""Lines of arguments that one approval may allow."""
NAMES_MAX = 256
"""Names of variables that one approval may allow."""
VERSIONS_MAX = 256
"""Versions that one approval may name."""
SCRIPTS = "{scripts}/"
"""Beginning of a path: the folder of programs that a Python environment has. Of those files the first line, which
names the interpreter of that machine, is left out."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KNOWN = {"versions", "files", "arguments", "environment"}
_WORD_SHOWN = 80
"""Characters of a word that a reason shows."""


@dataclass(frozen=True, slots=True)
class Starting:
    """The conditions of one approval. What is left out is not limited."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Digest (`sha256:` and hex) by path: absolute, or below the folder that holds the package. A path that ends with
    `/` is a folder: one digest over all that is below it."""
    arguments: tuple[tuple[str, ...], ...] | None = None
    """The lines of patterns (policy/patterns.py) of which one must match what the server is given."""
    environment: tuple[str, ...] | None = None
    """Patterns for the names of variables that its entry or its command line may set."""


ANY_START = Starting()


def read(stated: object) -> tuple[Starting, tuple[str, ...]]:
    """What is in `launch` of an approval, and the exact versions it names. Raises ValueError, naming the member."""
    if stated is None:
        return ANY_START, ()
    if not isinstance(stated, Mapping):
        raise ValueError("`launch` is not an object")
    if unknown := set(stated) - _KNOWN:
        raise ValueError(
            f"`launch` has an unknown member {min(map(str, unknown))!r} (known: {', '.join(sorted(_KNOWN))})"
        )
    versions = _texts(stated.get("versions", []), "versions", VERSIONS_MAX)
    if bad := [one for one in versions if not one or one != one.strip() or "@" in one]:
        raise ValueError(f"`launch.versions`: {bad[0]!r} is no version")
    lines, names = stated.get("arguments"), stated.get("environment")
    how = Starting(
        _files(stated.get("files", {})),
        None if lines is None else _lines(lines),
        None if names is None else _patterns(_texts(names, "environment", NAMES_MAX)),
    )
    return how, tuple(versions)


def written(how: Starting, versions: Sequence[str] = ()) -> dict[str, Any]:
    """The same as JSON."""
    found: dict[str, Any] = {}
    if versions:
        found["versions"] = list(versions)
    if how.files:
        found["files"] = dict(sorted(how.files.items()))
    if how.arguments is not None:
        found["arguments"] = [list(line) for line in how.arguments]
    if how.environment is not None:
        found["environment"] = list(how.environment)
    return found


def argument_objection(how: Starting, words: Sequence[str] | None) -> str | None:
    """What of the server's arguments is not allowed; None if all of it is. `words` is None when they are not known."""
    if how.arguments is None:
        return None
    if words is None:
        return "what it is given cannot be told from its command line"
    if not how.arguments:
        return f"it may be given no arguments, and is given {_shown(words[0])}" if words else None
    missed = [patterns.unmatched(line, words) for line in how.arguments]
    if None in missed:
        return None
    number = max(found for found in missed if found is not None)  # where the line that fits best no longer does
    if number < len(words):
        return f"the argument {_shown(words[number])} is not among those that are allowed"
    line = how.arguments[missed.index(number)]
    return f"it must be given {_shown(line[number])} after its other arguments"


def environment_objection(how: Starting, names: Sequence[str] | None) -> str | None:
    """Which variable is not allowed; None if all are. `names` is None when it is not known what is set."""
    if how.environment is None:
        return None
    if names is None:
        return "which variables are set for it cannot be told"
    bad = sorted(name for name in names if not any(patterns.matches(one, name) for one in how.environment))
    return f"the variable {_shown(bad[0])} is not among those that may be set for it" if bad else None


def _shown(word: str) -> str:
    """A word of a stranger, as a part of a sentence."""
    kept = word if len(word) <= _WORD_SHOWN else word[: _WORD_SHOWN - 3] + "..."
    return "'" + "".join(letter if letter.isprintable() else "?" for letter in kept) + "'"


def _files(stated: object) -> dict[str, str]:
    if not isinstance(stated, Mapping) or len(stated) > FILES_MAX:
        raise ValueError(f"`launch.files` is not an object of at most {FILES_MAX} paths")
    for path, digest in stated.items():
        if problem := _path_problem(path):
            raise ValueError(f"`launch.files`: {path[:_WORD_SHOWN]!r} {problem}")
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise ValueError(f"`launch.files`: {path[:_WORD_SHOWN]!r} has no digest of the form sha256:...")
    return dict(stated)


def _path_problem(path: str) -> str | None:
    if not path or len(path) > PATH_MAX or "\0" in path:
        return f"is no path of 1 to {PATH_MAX} characters"
    bare = path.removeprefix("/").removesuffix("/")
    if any(part in ("", ".", "..") for part in bare.split("/")):
        return "is no plain path: it has an empty part, `.` or `..`"
    return None


def _lines(stated: object) -> tuple[tuple[str, ...], ...]:
    if not isinstance(stated, list) or len(stated) > LINES_MAX:
        raise ValueError(f"`launch.arguments` is not a list of at most {LINES_MAX} lines")
    for line in stated:
        if problem := patterns.line_problem(line):
            raise ValueError(f"`launch.arguments`: {problem}")
    return tuple(tuple(line) for line in stated)


def _patterns(stated: Sequence[str]) -> tuple[str, ...]:
    for one in stated:
        if problem := patterns.problem(one):
            raise ValueError(f"`launch.environment`: {problem}")
    return tuple(stated)


def _texts(stated: object, name: str, most: int) -> list[str]:
    if not isinstance(stated, list) or len(stated) > most or not all(isinstance(one, str) for one in stated):
        raise ValueError(f"`launch.{name}` is not a list of at most {most} texts")
    return stated
