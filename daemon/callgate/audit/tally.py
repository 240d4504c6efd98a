"""Pure: what many rows come to: how often each combination of who, what and how was decided, and what it took."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from callgate.model.event import Event

AWAITED_MAX = 50_000
"""Calls whose answers are still to come that are remembered; an older one is looked up in the log."""

QUESTIONS = ("call.asked", "model.asked")
ANSWERS = ("call.answered", "model.answered")
"""Kinds of rows that have the uid of the question that they answer. A hook that sees the same call as a shim writes
kinds of its own (`hook.asked`), so that a call counts once."""
MODEL_MAX = 200
"""Characters of a model's name that are told apart."""

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
    model: str
    """Of a question to a model, and of its answer: the model that was asked for, or that answered."""


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
    tokens_in: int = 0
    """Tokens that models were given, as their answers count them."""
    tokens_out: int = 0
    """Tokens that they answered."""

    def add(self, other: Sums) -> None:
        """Take in what other rows of the combination come to."""
        self.rows += other.rows
        self.answers += other.answers
        self.errors += other.errors
        self.asked += other.asked
        self.answered += other.answered
        self.micros += other.micros
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out


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
        if event.kind in QUESTIONS:
            sums.asked += int(_number(event.detail, "bytes"))
            self.awaited.asked(event.uid, which)
        elif event.kind in ANSWERS and (question := self.awaited.answered(event.uid)):
            sums = self._sums(question)
            sums.answers += 1
            sums.errors += _failed(event.detail)
            sums.tokens_in += int(_number(event.detail, "input_tokens"))
            sums.tokens_out += int(_number(event.detail, "output_tokens"))
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
        model=_model(event),
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


def _model(event: Event) -> str:
    name = event.detail.get("model") if event.kind in ("model.asked", "model.answered") else ""
    return plain(name[:MODEL_MAX]) if isinstance(name, str) else ""


def _failed(detail: Mapping[str, object]) -> bool:
    """Was it an error of the tool, of the model's API, or could it not be had?"""
    return bool(detail.get("error") or detail.get("problem"))


def _number(detail: Mapping[str, object], name: str) -> float:
    """A number of the detail that may be counted; what a shim could claim beyond all reason is none."""
    value = detail.get(name)
    return value if type(value) in (int, float) and 0 <= value < 2**40 else 0  # type: ignore[operator, return-value]
