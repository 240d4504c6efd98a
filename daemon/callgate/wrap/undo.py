"""Pure: take our launchers out of one file, wherever they stand in it now, and keep what others changed since."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from callgate.agents.formats.document import Document, parse
from callgate.agents.shapes import SHAPES, RawEntry
from callgate.model.inventory import Drop, Edit, Format, KeyPath, Put, PutText
from callgate.wrap.plan import is_launcher
from callgate.wrap.record import Owned
from callgate.wrap.shadows import dropped

RESTORED = "the original text is back"
KEPT_EDIT = "changed since it was wrapped: only the launcher was taken out"
GONE = "the entry is gone or was unwrapped already: nothing to do"
COPIED = "a copy of a wrapped entry: only the launcher was taken out"
NO_WAY = "it starts our launcher in a way that we did not write: change it by hand"


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
    whole = Document(data, format)
    parsed = whole.value
    shapes = dict.fromkeys([*(each.file.shape for each in owned), *(shape for shape, _ in others)])
    found: dict[KeyPath, tuple[RawEntry, Owned | None]] = {}
    for raw in (raw for shape in shapes if shape in SHAPES for raw in SHAPES[shape].read(parsed).entries):
        mine = by_launcher.get(_front(raw))
        if mine or (others and raw.argv and is_launcher(raw.argv[0], launchers)):
            found.setdefault(raw.at, (raw, mine))
    met = {mine.launcher for _, mine in found.values() if mine}
    copies = sorted(
        ((raw, mine) for raw, mine in found.values() if mine and mine.follows), key=lambda each: each[1].made
    )
    entries = [_ways(parsed, raw, mine) for raw, mine in found.values() if not (mine and mine.follows)]
    whole, outcomes = _all(whole, entries)
    for raw, mine in copies:  # the one that stands in mappings which we made goes last, and they go with it
        whole, outcome = _all(whole, [_ways(whole.value, raw, mine)])
        outcomes += outcome
    return whole.data, outcomes + [
        Undone(each.name, each.file.agent, GONE, True, each.launcher) for each in owned if each.launcher not in met
    ]


def still_there(data: bytes, owned: Iterable[Owned]) -> set[str]:
    """Launchers of these entries that some entry of the file starts. Raises DocumentError."""
    owned = tuple(owned)
    if not owned:
        return set()
    parsed = parse(data, owned[0].file.format)
    shapes = {each.file.shape for each in owned} & SHAPES.keys()
    found = {_front(raw) for shape in shapes for raw in SHAPES[shape].read(parsed).entries}
    return found & {each.launcher for each in owned}


def _front(raw: RawEntry) -> str:
    """What stands first where an entry leads: its command, or its address."""
    return raw.argv[0] if raw.argv else raw.url or ""


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


def _all(whole: Document, wanted: Sequence[_Ways]) -> tuple[Document, list[Undone]]:
    """Each entry in the best way that works, all that can be at once."""
    outcomes = [Undone(each.raw.name, each.agent, NO_WAY, False, _front(each.raw)) for each in wanted]
    for rank in range(max((len(each.ways) for each in wanted), default=0)):
        open_ones = [place for place, each in enumerate(outcomes) if not each.done and len(wanted[place].ways) > rank]
        whole, errors = whole.edited([wanted[place].ways[rank][1] for place in open_ones])
        for place, error in zip(open_ones, errors, strict=True):
            reason = f"it cannot be edited without doubt ({error}): change it by hand"
            reason = wanted[place].ways[rank][0] if error is None else reason
            outcomes[place] = replace(outcomes[place], reason=reason, done=error is None)
    return whole, outcomes


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
    if mine is not None and raw.url_at and not raw.argv:
        return (Put(raw.url_at, mine.argv[0]),)
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
