"""Pure: make many edits of one text at once, so that it is read once more and not once for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from callgate.agents.formats.span import Laid, Span, Splice, missing, spliced
from callgate.agents.formats.values import Values, holds_surrogate, same, value_at
from callgate.model.errors import DocumentError
from callgate.model.inventory import Drop, Edit, KeyPath, PutText

READINGS_MAX = 64
"""Times that one text is read again while the edits of it touch each other or cannot all be made."""

HALF = "holds half of a surrogate pair, which readers take differently"
_DOUBT = "cannot be edited without doubt"

Read = Callable[[str], Laid]


@dataclass(frozen=True, slots=True)
class State:
    """A text, and what was read in it."""

    text: str
    laid: Laid

    def located(self, at: KeyPath) -> Span | None:
        """Where the value stands, proved: its text, read alone, is the value that the whole document has there."""
        span = self.laid.find(at)
        if span is not None:
            alone = self.laid.meaning(self.text[span.start : span.end], span)
            if not same(alone, value_at(self.laid.value, at)):
                raise missing(at, "cannot be located without doubt")
        return span


@dataclass(frozen=True, slots=True)
class _Change:
    """One edit, ready to be made."""

    at: KeyPath
    splices: Sequence[Splice]
    value: object
    """What will stand there; the class Drop for nothing."""
    resizes: bool
    """It adds a key to its mapping or takes one out, so what stands between the keys depends on it."""


def edited(read: Read, state: State, groups: Sequence[Sequence[Edit]]) -> tuple[State, list[DocumentError | None]]:
    """The text with the edits of each group made, all of a group or none; for each group, why it could not be.

    Within a group the edits are made in their order.
    """
    errors: list[DocumentError | None] = [None] * len(groups)
    work = [list(range(len(groups)))]
    readings = 0
    while work:
        batch = work.pop()
        readings += 1
        if readings > READINGS_MAX:
            for place in batch:
                errors[place] = DocumentError("the document", "takes too many edits that meet", "edit it by hand")
            continue
        changes, refused, waiting = _prepared(state, {place: groups[place] for place in batch})
        try:
            if len(batch) == 1 and waiting:
                state, waiting = _one_by_one(read, state, groups[batch[0]]), []
            elif changes:
                state = _made(read, state, changes)
        except DocumentError as problem:
            if len(batch) == 1:
                errors[batch[0]] = problem
            else:
                work += _halves(batch)
            continue
        for place in refused:
            errors[place] = refused[place]
        if waiting:
            work += [waiting] if len(waiting) < len(batch) else _halves(waiting)
    return state, errors


def _halves(batch: list[int]) -> list[list[int]]:
    """The second half and the first, which is then taken first."""
    middle = len(batch) // 2
    return [batch[middle:], batch[:middle]]


def _one_by_one(read: Read, state: State, group: Iterable[Edit]) -> State:
    for each in group:
        state = _made(read, state, [_change(state, each)])
    return state


def _prepared(
    state: State, groups: Mapping[int, Sequence[Edit]]
) -> tuple[list[_Change], dict[int, DocumentError], list[int]]:
    """The changes that can be made at once, the groups that cannot be made, and those that have to wait for others."""
    paths = _Paths()
    changes: dict[int, list[_Change]] = {}
    refused: dict[int, DocumentError] = {}
    waiting = set()
    for place, group in groups.items():
        free = [paths.take(each.at) for each in group]
        if not all(free):
            waiting.add(place)
            continue
        try:
            changes[place] = [_change(state, each) for each in group]
        except DocumentError as error:
            refused[place] = error
    waiting |= _tangled(changes)
    return (
        [each for place, some in changes.items() if place not in waiting for each in some],
        refused,
        sorted(waiting),
    )


class _Paths:
    """Paths of which none leads through another."""

    def __init__(self) -> None:
        self._taken: set[KeyPath] = set()
        self._above: set[KeyPath] = set()

    def take(self, at: KeyPath) -> bool:
        """False if `at` is, or stands inside or around, a path that was taken before."""
        above = {at[:depth] for depth in range(len(at))}
        free = at not in self._taken and at not in self._above and not above & self._taken
        self._taken.add(at)
        self._above |= above
        return free


def _tangled(changes: Mapping[int, Sequence[_Change]]) -> set[int]:
    """Groups with a change that touches one of another edit: the same mapping gets smaller or larger, or texts meet."""
    found: set[int] = set()
    resized: set[KeyPath] = set()
    spans: list[tuple[int, int, int, int]] = []
    number = 0
    for place, group in changes.items():
        for each in group:
            number += 1
            spans += ((splice.start, splice.end, number, place) for splice in each.splices)
            if each.resizes:
                if each.at[:-1] in resized:
                    found.add(place)
                resized.add(each.at[:-1])
    start, reach, owner = -1, -1, 0
    for begin, end, number, place in sorted(spans):
        if number != owner and (begin < reach or begin == start):
            found.add(place)
        start, reach, owner = begin, max(reach, end), number
    return found


def _change(state: State, edit: Edit) -> _Change:
    """One edit, checked. Raises DocumentError if it cannot be made, or its outcome could not be undone."""
    laid = state.laid
    if isinstance(edit, Drop):
        return _Change(edit.at, laid.splices(edit), Drop, True)
    if isinstance(edit, PutText):
        span = laid.find(edit.at)
        if span is None:
            raise missing(edit.at)
        try:
            value = laid.meaning(edit.text.decode(), span)
        except (UnicodeDecodeError, DocumentError) as error:
            raise missing(edit.at, f"would get text that does not parse ({error})") from error
        return _Change(edit.at, laid.splices(edit), value, False)
    if holds_surrogate([edit.value, *edit.at, value_at(laid.value, edit.at)]):
        raise missing(edit.at, HALF, "take it out of the file")
    state.located(edit.at)  # what could not be put back is not replaced either
    return _Change(edit.at, laid.splices(edit), edit.value, laid.find(edit.at) is None)


def _made(read: Read, state: State, changes: Sequence[_Change]) -> State:
    """The text with the changes made, proved. Raises DocumentError if it is not exactly that, read again."""
    text = spliced(state.text, (splice for each in changes for splice in each.splices))
    wanted = Values(state.laid.value)
    for each in changes:
        if each.value is Drop:
            wanted.drop(each.at)
        else:
            wanted.put(each.at, each.value)
    try:
        laid = read(text)
    except DocumentError as error:
        raise DocumentError("the document", f"{_DOUBT} ({error})", "edit it by hand") from error
    if laid.value != wanted.whole or not all(
        same(value_at(laid.value, each.at), value_at(wanted.whole, each.at)) for each in changes
    ):
        raise DocumentError("the document", _DOUBT, "edit it by hand")
    return State(text, laid)
