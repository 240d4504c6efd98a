"""Pure: what many rows come to: how often each combination of who, what and how was decided, and what it took."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from callgate.model.event import Event

AWAITED_MAX = 50_000
"""Calls whose answers are still to come that are remembered; an older one is looked up in the log."""

TIME_MAX = 2**63 - 1
"""Nanoseconds: what an edited row says beyond that is no time."""


class Combination(NamedTuple):
    """The fields of a row that few rows differ in: a log of millions of rows has some hundred combinations."""

    kind: str
    user: str
    agent: str
    server: str
    entry: str
    tool: str
    effect: str
    rule: str
    mode: str


@dataclass(slots=True)
class Sums:
    """What the rows of one combination come to. Answers count where their question does."""

    rows: int = 0
    answers: int = 0
    errors: int = 0
    asked: int = 0
    """Bytes of the questions."""
    answered: int = 0
    """Bytes of the answers."""
    micros: int = 0
    """Microseconds until the answers."""

    def add(self, other: Sums) -> None:
        """Take in what other rows of the combination come to."""
        self.rows += other.rows
        self.answers += other.answers
        self.errors += other.errors
        self.asked += other.asked
        self.answered += other.answered
        self.micros += other.micros


Cells = dict[Combination, Sums]


class Awaited:
    """The calls that were asked and have no answer yet, by their ids."""

    def __init__(self, look_up: Callable[[str], Event | None]) -> None:
        self._look_up = look_up
        self._calls: OrderedDict[str, Combination] = OrderedDict()

    def asked(self, uid: str, which: Combination) -> None:
        """A call was asked."""
        self._calls[uid] = which
        if len(self._calls) > AWAITED_MAX:
            self._calls.popitem(last=False)

    def answered(self, uid: str) -> Combination | None:
        """The call that this is the answer to; None if it is not in the log (any more)."""
        if found := self._calls.pop(uid, None):
            return found
        event = self._look_up(uid)
        return combination(event) if event else None


@dataclass(slots=True)
class Tally:
    """What a run of rows comes to."""

    awaited: Awaited
    cells: Cells = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    earliest: int = TIME_MAX
    latest: int = 0

    def add(self, event: Event) -> None:
        """Take in the next row."""
        which = combination(event)
        sums = self._sums(which)
        sums.rows += 1
        if event.session:
            self.sessions.add(plain(event.session))
        time = min(max(event.time, 0), TIME_MAX)
        self.earliest, self.latest = min(self.earliest, time), max(self.latest, time)
        if event.kind == "call.asked":
            sums.asked += int(_number(event.detail, "bytes"))
            self.awaited.asked(event.uid, which)
        elif event.kind == "call.answered" and (question := self.awaited.answered(event.uid)):
            sums = self._sums(question)
            sums.answers += 1
            sums.errors += event.detail.get("error") is True
            sums.answered += int(_number(event.detail, "bytes"))
            sums.micros += round(_number(event.detail, "ms") * 1000)

    def _sums(self, which: Combination) -> Sums:
        found = self.cells.get(which)
        if found is None:
            found = self.cells[which] = Sums()
        return found


def combination(event: Event) -> Combination:
    """That of one row."""
    return Combination(
        kind=plain(event.kind),
        user=plain(event.user),
        agent=plain(event.agent),
        server=plain(event.server),
        entry=plain(event.entry),
        tool=plain(event.tool),
        effect=plain(event.effect),
        rule=plain(event.rule),
        mode=plain(event.mode),
    )


def plain(text: str) -> str:
    """`text` as every database can hold it: a half of a surrogate pair, which JSON allows, is spelled out."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def merged(into: Cells, other: Mapping[Combination, Sums]) -> None:
    """Add the sums of other rows."""
    for which, sums in other.items():
        into.setdefault(which, Sums()).add(sums)


def _number(detail: Mapping[str, object], name: str) -> float:
    """A number of the detail that may be counted; what a shim could claim beyond all reason is none."""
    value = detail.get(name)
    return value if type(value) in (int, float) and 0 <= value < 2**40 else 0  # type: ignore[operator, return-value]
