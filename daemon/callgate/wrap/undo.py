"""Pure: take our launchers out of one file, wherever they stand in it now, and keep what others changed since."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from callgate.agents.formats import document
from callgate.agents.shapes import SHAPES, RawEntry
from callgate.model.errors import DocumentError
from callgate.model.inventory import Drop, Edit, Format, KeyPath, Put, PutText
from callgate.wrap.plan import is_launcher
from callgate.wrap.record import Owned
from callgate.wrap.shadows import dropped

RESTORED = "the original text is back"
KEPT_EDIT = "changed since it was wrapped: only the launcher was taken out"
GONE = "the entry is gone or was unwrapped already: nothing to do"
COPIED = "a copy of a wrapped entry: only the launcher was taken out"


@dataclass(frozen=True, slots=True)
class Undone:
    """One entry that starts its server directly again, or why there was nothing to do (or it could not be done)."""

    name: str
    agent: str
    reason: str
    done: bool
    launcher: str


def undo(
    data: bytes, owned: Collection[Owned], launchers: str, others: Collection[tuple[str, Format]] = ()
) -> tuple[bytes, list[Undone]]:
    """The bytes without the launchers of `owned`, and what became of each entry.

    An entry is known by its launcher, so it may have been renamed, moved or copied. Where the values that we put still
    stand, the original text takes their place; where someone has changed them, the words after `--` do. With `others`
    (shapes in which the file is read), launchers of ours that no record knows are taken out as well.
    Raises DocumentError if the file does not parse.
    """
    by_launcher = {each.launcher: each for each in owned}
    format = next(iter([*(each.file.format for each in owned), *(format for _, format in others)]), Format.JSON)
    parsed = document.parse(data, format)
    shapes = dict.fromkeys([*(each.file.shape for each in owned), *(shape for shape, _ in others)])
    found: dict[KeyPath, tuple[RawEntry, Owned | None]] = {}
    for raw in (raw for shape in shapes if shape in SHAPES for raw in SHAPES[shape].read(parsed).entries):
        mine = by_launcher.get(raw.argv[0]) if raw.argv else None
        if mine or (others and raw.argv and is_launcher(raw.argv[0], launchers)):
            found.setdefault(raw.at, (raw, mine))
    met = {mine.launcher for _, mine in found.values() if mine}
    copies = sorted(
        ((raw, mine) for raw, mine in found.values() if mine and mine.follows), key=lambda each: each[1].made
    )
    data, outcomes = _all(data, format, [_ways(parsed, *each) for each in found.values() if each not in copies])
    for raw, mine in copies:  # the one that stands in mappings which we made goes last, and they go with it
        data, outcome = _one(data, format, _ways(document.parse(data, format), raw, mine))
        outcomes.append(outcome)
    return data, outcomes + [
        Undone(each.name, each.file.agent, GONE, True, each.launcher) for each in owned if each.launcher not in met
    ]


def still_there(data: bytes, owned: Iterable[Owned]) -> set[str]:
    """Launchers of these entries that some entry of the file starts. Raises DocumentError."""
    owned = tuple(owned)
    if not owned:
        return set()
    parsed = document.parse(data, owned[0].file.format)
    shapes = {each.file.shape for each in owned} & SHAPES.keys()
    found = {raw.argv[0] for shape in shapes for raw in SHAPES[shape].read(parsed).entries if raw.argv}
    return found & {each.launcher for each in owned}


@dataclass(frozen=True, slots=True)
class _Ways:
    """How one entry can be put back, the best way first."""

    raw: RawEntry
    agent: str
    ways: tuple[tuple[str, tuple[Edit, ...]], ...]


def _ways(parsed: object, raw: RawEntry, mine: Owned | None) -> _Ways:
    ways = []
    if mine is not None and (exact := _exact(parsed, raw, mine)):
        ways.append((RESTORED, exact))
    if words := _words(raw, mine):
        ways.append((KEPT_EDIT if mine else COPIED, words))
    return _Ways(raw, mine.file.agent if mine else "", tuple(ways))


def _all(data: bytes, format: Format, wanted: Collection[_Ways]) -> tuple[bytes, list[Undone]]:
    """All entries at once in their best way; if that fails, one after the other, each in the best way that works."""
    try:
        edits = [edit for each in wanted for edit in each.ways[0][1]]
        return document.edit(data, format, edits), [
            Undone(w.raw.name, w.agent, w.ways[0][0], True, w.raw.argv[0]) for w in wanted
        ]
    except (DocumentError, IndexError):
        outcomes = []
        for each in wanted:
            data, outcome = _one(data, format, each)
            outcomes.append(outcome)
        return data, outcomes


def _one(data: bytes, format: Format, wanted: _Ways) -> tuple[bytes, Undone]:
    problem = "it starts our launcher in a way that we did not write: change it by hand"
    for reason, edits in wanted.ways:
        try:
            return document.edit(data, format, edits), Undone(
                wanted.raw.name, wanted.agent, reason, True, wanted.raw.argv[0]
            )
        except DocumentError as error:
            problem = f"it cannot be edited without doubt ({error}): change it by hand"
    return data, Undone(wanted.raw.name, wanted.agent, problem, False, wanted.raw.argv[0])


def _exact(parsed: object, raw: RawEntry, mine: Owned) -> tuple[Edit, ...]:
    """The edits that bring the original text back; () if a value of ours does not stand any more."""
    edits: list[Edit] = []
    if mine.follows and raw.at == mine.at:
        return (dropped(parsed, mine)[0],) if _stands(parsed, raw.at, mine.undo[0].ours) else ()
    for item in mine.undo:
        at = (*raw.at, *item.at)
        if not _stands(parsed, at, item.ours):
            return ()
        edits.append(Drop(at) if item.text is None else PutText(at, item.text))
    return tuple(edits)


def _stands(parsed: object, at: KeyPath, ours: object) -> bool:
    for key in at:
        if isinstance(parsed, dict):
            if key not in parsed:
                return False
            parsed = parsed[key]
        elif isinstance(parsed, list) and isinstance(key, int) and key < len(parsed):
            parsed = parsed[key]
        else:
            return False
    return bool(parsed == ours)


def _words(raw: RawEntry, mine: Owned | None) -> tuple[Edit, ...]:
    """The edits that leave the command line as it stands, but for our launcher and `--`."""
    words = list(raw.argv[1:])
    if words[:1] == ["--"]:
        words = words[1:]
    elif mine is not None:
        words = [*mine.argv[:1], *words]  # someone replaced our arguments by their own: they meant the server's
    if not words or not raw.command_at:
        return ()
    if raw.args_at is None:
        return (Put(raw.command_at, words),)
    return (Put(raw.command_at, words[0]), Put(raw.args_at, words[1:]))
