"""Many shims at once, a long session, and the daemon at rest: what must not grow."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import machine
from answers import Call
from contender import Ready
from driver import Failed, Session
from measure import median, percentile

BLOCK = 1000
"""Calls of the first and the last part of a long session that are compared."""
SILENT = 60.0
"""Seconds without any answer after which many shims at once are given up."""


@dataclass(slots=True)
class Crowd:
    """Many sessions at once. Times are microseconds unless named, memory is bytes."""

    count: int = 0
    failed: str = ""
    started_s: float = 0.0
    """From the first spawn until each has its tools/list."""
    alone_p50: float = 0.0
    """One call at a time in the whole machine, going round the sessions."""
    alone_p99: float = 0.0
    together_p50: float = 0.0
    """One call outstanding in each session."""
    together_p99: float = 0.0
    rate: float = 0.0
    shims: machine.Memory = field(default_factory=machine.Memory)
    daemon: machine.Memory = field(default_factory=machine.Memory)
    daemon_cpu: float = 0.0
    """Microseconds of processor a call."""
    wrong: int = 0
    stray: int = 0


@dataclass(slots=True)
class Long:
    """One long session. Times are microseconds, memory is bytes."""

    calls: int = 0
    failed: str = ""
    first_p50: float = 0.0
    last_p50: float = 0.0
    shim_before: machine.Memory = field(default_factory=machine.Memory)
    shim_after: machine.Memory = field(default_factory=machine.Memory)
    daemon_before: machine.Memory = field(default_factory=machine.Memory)
    daemon_after: machine.Memory = field(default_factory=machine.Memory)


@dataclass(slots=True)
class Rest:
    """The daemon while nobody asks it anything."""

    seconds: float = 0.0
    memory: machine.Memory = field(default_factory=machine.Memory)
    core: float = 0.0
    """Share of one core."""


def crowd(ready: Ready, count: int, calls: int) -> Crowd:
    """`count` sessions at once, each making `calls` calls twice: alone, then together."""
    result = Crowd(count)
    sessions: list[Session] = []
    try:
        begin = time.perf_counter()
        for _ in range(count):
            sessions.append(Session.spawn(ready.argv, ready.env, ready.cwd))
        for session in sessions:
            session.handshake()
        result.started_s = time.perf_counter() - begin
        taken: list[int] = []
        for _ in range(calls):
            for session in sessions:
                taken += session.series(session.prepare(1), 5.0)
        result.alone_p50, result.alone_p99 = percentile(taken, 0.5) / 1e3, percentile(taken, 0.99) / 1e3
        before = machine.cpu_ns(ready.daemons)
        begin = time.perf_counter()
        taken = _together(sessions, calls)
        result.rate = len(taken) / (time.perf_counter() - begin)
        result.daemon_cpu = (machine.cpu_ns(ready.daemons) - before) / 1e3 / len(taken)
        result.together_p50, result.together_p99 = percentile(taken, 0.5) / 1e3, percentile(taken, 0.99) / 1e3
        result.shims = machine.memory({pid for session in sessions for pid in session.between()})
        result.daemon = machine.memory(ready.daemons)
    except (Failed, OSError) as error:
        result.failed = str(error)
    finally:
        for session in sessions:
            session.close()
            result.wrong += session.tally.wrong
            result.stray += session.tally.stray
    return result


def _together(sessions: Sequence[Session], calls: int) -> list[int]:
    """Each session has one call outstanding until it made `calls`: nanoseconds of each. Raises Failed."""
    ready = select.poll()
    plans: dict[int, tuple[Session, list[Call]]] = {}
    begun: dict[int, int] = {}
    parts: dict[int, bytes] = {}
    for session in sessions:
        _into, out = session.fds()
        plans[out] = (session, session.prepare(calls))
        ready.register(out, select.POLLIN)
    for out in plans:
        _next(out, plans, begun, parts)
    taken: list[int] = []
    while begun:
        events = ready.poll(SILENT * 1000)
        if not events:
            raise Failed(f"{len(begun)} sessions silent for {SILENT:.0f} s")
        for out, _event in events:
            data = os.read(out, 65536)
            if not data:
                raise Failed("closed its stdout")
            parts[out] += data
            if data[-1:] == b"\n":
                session, plan = plans[out]
                if session.tally.closes([parts[out]], plan[0]):
                    taken.append(time.perf_counter_ns() - begun.pop(out))
                    plan.pop(0)
                    _next(out, plans, begun, parts)
    return taken


def _next(
    out: int, plans: dict[int, tuple[Session, list[Call]]], begun: dict[int, int], parts: dict[int, bytes]
) -> None:
    session, plan = plans[out]
    if plan:
        parts[out] = b""
        begun[out] = time.perf_counter_ns()
        os.write(session.fds()[0], plan[0].message)


def long(ready: Ready, calls: int) -> Long:
    """One session of `calls` calls, one after the other."""
    result = Long(calls)
    try:
        session = Session.start(ready.argv, ready.env, ready.cwd)
    except Failed as error:
        result.failed = str(error)
        return result
    try:
        session.series(session.prepare(50), 30.0)
        between = session.between()
        result.shim_before, result.daemon_before = machine.memory(between), machine.memory(ready.daemons)
        blocks = [session.series(session.prepare(BLOCK), 120.0) for _ in range(calls // BLOCK)]
        result.first_p50, result.last_p50 = median(blocks[0]) / 1e3, median(blocks[-1]) / 1e3
        result.shim_after, result.daemon_after = machine.memory(between), machine.memory(ready.daemons)
    except (Failed, OSError) as error:
        result.failed = str(error)
    finally:
        session.close()
    return result


def rest(ready: Ready, seconds: float) -> Rest:
    """The daemon during `seconds` without a session."""
    before, begin = machine.cpu_ns(ready.daemons), time.perf_counter()
    time.sleep(seconds)
    taken = time.perf_counter() - begin
    spent = (machine.cpu_ns(ready.daemons) - before) / 1e9
    return Rest(taken, machine.memory(ready.daemons), spent / taken)
