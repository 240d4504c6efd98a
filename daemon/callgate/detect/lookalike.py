"""Pure: names that a hurried reader takes for another: one letter off, other separators, another scope, look-alikes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from callgate.detect.words import plain_name

SHORT = 6
"""Letters below which names are compared by their looks alone: too many short words are one letter apart."""
LONG = 12
"""Letters from which two edits count as alike."""
NAME_MAX = 300
"""Characters of a name that are compared."""
_ENDINGS = (".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".sh", ".exe", ".pyz", ".jar", ".rb", ".php")


@dataclass(frozen=True, slots=True)
class Known:
    """An approved name, and what is told of it."""

    name: str
    shown: str
    looks: str
    bare: str
    words: tuple[str, ...]


def known(name: str, shown: str) -> Known:
    """An approved name as it is compared."""
    name = name[:NAME_MAX]
    bare = _bare(name)
    return Known(name, shown, plain_name(name), plain_name(bare), _words(bare))


def resembles(name: str, approved: Iterable[Known]) -> tuple[Known, str] | None:
    """The approved name that `name` may be taken for, and why; None if there is none."""
    mine = known(name, "")
    if len(mine.bare) < 2:
        return None
    best: tuple[int, Known, str] | None = None
    for one in approved:
        found = _alike(mine, one)
        if found is not None and (best is None or found[0] < best[0]):
            best = (found[0], one, found[1])
    return best[1:] if best else None


def _alike(mine: Known, one: Known) -> tuple[int, str] | None:
    """How much and by what two names are alike; the smaller the number, the more."""
    if mine.name == one.name:
        return 0, "has the same name"
    if mine.looks == one.looks:
        return 1, "differs only in separators, case or letters that look alike"
    if mine.bare == one.bare and len(mine.bare) >= SHORT:
        return 2, "has the same name in another scope or folder"
    if len(mine.words) > 1 and mine.words == one.words:
        return 3, "has the same words in another order"
    for left, right in ((mine.looks, one.looks), (mine.bare, one.bare)):
        shorter = min(len(left), len(right))
        most = 0 if shorter < SHORT else 1 if shorter < LONG else 2
        if most and abs(len(left) - len(right)) <= most and (count := distance(left, right, most)) <= most:
            return 3 + count, f"differs in {'one letter' if count == 1 else 'two letters'}"
    return None


def alike_paths(path: str, approved: Sequence[str]) -> str | None:
    """The approved file whose path this one may be taken for: the same but for a folder or a name that is alike."""
    parts = path.split("/")
    for other in approved:
        theirs = other.split("/")
        if path == other or len(parts) != len(theirs):
            continue
        apart = [(a, b) for a, b in zip(parts, theirs, strict=True) if a != b]
        if len(apart) == 1 and _near(*apart[0]):
            return other
    return None


def _near(left: str, right: str) -> bool:
    """Two parts of a path that are told apart only by looking twice."""
    a, b = plain_name(left), plain_name(right)
    if a == b:
        return True
    shorter, longer = sorted((a, b), key=len)
    if len(shorter) >= 4 and longer.startswith(shorter) and len(longer) - len(shorter) <= 4:  # tools, tools-new
        return True
    return len(shorter) >= 4 and distance(a, b, 1) <= 1


def distance(left: str, right: str, most: int) -> int:
    """Letters that are added, left out, changed or swapped with their neighbour; `most` + 1 when there are more."""
    if abs(len(left) - len(right)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for at, letter in enumerate(left, 1):
        two, before, row = before, row, [at]
        for to, other in enumerate(right, 1):
            cost = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != other))
            if two and to > 1 and letter == right[to - 2] and left[at - 2] == other:
                cost = min(cost, two[to - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def _bare(name: str) -> str:
    """Without scope, registry, folders and the ending of a script."""
    bare = name.rstrip("/").rsplit("/", 1)[-1]
    return next((bare.removesuffix(end) for end in _ENDINGS if bare.endswith(end)), bare)


def _words(bare: str) -> tuple[str, ...]:
    return tuple(sorted(filter(None, map(plain_name, bare.replace("_", "-").replace(".", "-").split("-")))))
