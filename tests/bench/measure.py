"""One round of one contender: start it, call it, weigh it, stop it. All results are plain numbers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import machine
from contender import Contender, Ready
from driver import Failed, Session

WINDOW = 512
"""Calls outstanding in the pipelined part."""
SLOW = 150
"""Milliseconds of the slow call that a fast one must not wait for."""
KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Effort:
    """How much one round does. A series also ends after `seconds`, so that a slow peer does not cost an hour."""

    starts: int = 3
    small: int = 1000
    medium: int = 400
    large: int = 20
    pipelined: int = 5000
    seconds: float = 3.0


@dataclass(slots=True)
class Round:
    """What one round of one contender gave. Times of calls are nanoseconds, memory is bytes."""

    failed: str = ""
    init_ms: list[float] = field(default_factory=list)
    list_ms: list[float] = field(default_factory=list)
    exit_s: list[float] = field(default_factory=list)
    not_exited: int = 0
    calls: dict[str, list[int]] = field(default_factory=dict)
    shim_cpu: dict[str, float] = field(default_factory=dict)
    """Microseconds of processor a call, of the processes between client and server."""
    daemon_cpu: dict[str, float] = field(default_factory=dict)
    rate: float = 0.0
    overtake_ms: float = 0.0
    processes: int = 0
    idle: machine.Memory = field(default_factory=machine.Memory)
    loaded: machine.Memory = field(default_factory=machine.Memory)
    daemon: machine.Memory = field(default_factory=machine.Memory)
    answers: int = 0
    wrong: int = 0
    stray: int = 0
    rewritten: int = 0


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of `values` lie; 0 of none."""
    ordered = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * share))]) if ordered else 0.0


def median(values: Sequence[float]) -> float:
    """The median; 0 of none."""
    return float(statistics.median(values)) if values else 0.0


def one_round(contender: Contender, ready: Ready, effort: Effort) -> Round:
    """A round of `contender`. A failure is a result, not an exception."""
    result = Round()
    try:
        for number in range(effort.starts):
            session = Session.start(ready.argv, ready.env, ready.cwd)
            try:
                _session(session, ready, effort, result, full=number == effort.starts - 1)
            finally:
                taken = session.close()
                if taken is None:
                    result.not_exited += 1
                else:
                    result.exit_s.append(taken)
                tally = session.tally
                result.answers += tally.answers
                result.wrong += tally.wrong
                result.stray += tally.stray
                result.rewritten += tally.rewritten
    except (Failed, OSError) as error:
        result.failed = f"{contender.name}: {error}"
    return result


def _session(session: Session, ready: Ready, effort: Effort, result: Round, *, full: bool) -> None:
    """One session; only the last of a round does more than small calls."""
    result.init_ms.append(session.init_ms)
    result.list_ms.append(session.list_ms)
    between = session.between() | ready.beside
    if full:
        result.processes = len(between)
        result.idle = machine.memory(between)
    session.series(session.prepare(50), effort.seconds)  # warm
    _series(session, ready, result, "100 B", effort.small // effort.starts, effort.seconds)
    if not full:
        return
    _series(session, ready, result, "10 KB arguments", effort.medium, effort.seconds, pad=10 * KIB)
    _series(session, ready, result, "10 KB result", effort.medium, effort.seconds, size=10 * KIB)
    _series(session, ready, result, "1 MB result", effort.large, effort.seconds, size=MIB)
    before = _cpu(session, ready)
    calls = session.prepare(effort.pipelined)
    answered = session.tally.answers
    result.rate = session.pipelined(calls, WINDOW, effort.seconds)
    _spent(session, ready, result, "pipelined", before, session.tally.answers - answered)
    result.overtake_ms = session.overtake(SLOW)
    result.loaded = machine.memory(session.between() | ready.beside)
    result.daemon = machine.memory(ready.daemons)


def _series(
    session: Session, ready: Ready, result: Round, name: str, count: int, seconds: float, *, pad: int = 0, size: int = 0
) -> None:
    calls = session.prepare(count, pad, size)
    before = _cpu(session, ready)
    taken = session.series(calls, seconds)
    result.calls.setdefault(name, []).extend(taken)
    _spent(session, ready, result, name, before, len(taken))


def _cpu(session: Session, ready: Ready) -> tuple[int, int]:
    return machine.cpu_ns(session.between() | ready.beside), machine.cpu_ns(ready.daemons)


def _spent(session: Session, ready: Ready, result: Round, name: str, before: tuple[int, int], calls: int) -> None:
    after = _cpu(session, ready)
    result.shim_cpu[name] = (after[0] - before[0]) / 1000 / max(calls, 1)
    result.daemon_cpu[name] = (after[1] - before[1]) / 1000 / max(calls, 1)
