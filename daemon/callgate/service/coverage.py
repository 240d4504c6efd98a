"""Coverage as a part of the daemon: tries canaries, keeps what they proved, and says when a proof is lost."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from callgate.agents import ALL
from callgate.audit.store import Filter
from callgate.coverage.attempt import Attempt
from callgate.coverage.matrix import PROVED, Cell, Channel, Proof, Standing, State, matrix, standing
from callgate.discovery.scan import scan
from callgate.model.errors import AuditError, CallgateError
from callgate.model.event import Event, Row
from callgate.model.inventory import Inventory
from callgate.policy import canary
from callgate.server.door import Json, Route
from callgate.service.part import Part
from callgate.service.running import Running
from callgate.service.ways import Trial, Ways, agents_of
from callgate.system import processes
from callgate.system.sockets import Peer

log = logging.getLogger(__name__)

LOOK = 10.0
"""Seconds between two looks whether something is to be tried."""
FULL = 300.0
"""Seconds after which all files are read, though no config has changed: launchers, hooks and addresses may have."""
SETTLE = 10.0
"""Seconds for which a way must have stood as it is before it is tried: files are often written several times."""
RENEW = 2 * 3600 * 10**9
"""Nanoseconds before the end of a proof at which it is renewed (a twelfth of its time, where that is less)."""
AGAIN = 600 * 10**9
"""Nanoseconds after a canary that failed, before it is tried again by itself."""
HOUR = 3600 * 10**9
STOP_TIME = 2.0
"""Seconds that the end of the daemon waits for a canary."""
NONCE = 12
"""Random bytes of a canary's name: nobody can guess it, and none is used twice."""

Key = tuple[str, str, str, str]


class Coverage(Part):
    """One for the daemon. Canaries run on a thread of its own, one at a time."""

    name = "coverage"

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._ways = Ways(daemon)
        self._proofs: dict[Key, Proof] = {}
        self._since: dict[tuple[Key, str], float] = {}
        self._cells: dict[tuple[str, Channel], State] = {}
        self._failed: dict[Key, str] = {}
        self._trying = False
        self._seen: tuple[object, ...] = ()
        self._full = 0.0
        self._pending = True
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="callgate-coverage", daemon=True)

    def start(self) -> None:
        """Look now and then from now on."""
        self._daemon.listener.desk.canary = self._is_ours
        self._thread.start()

    def stop(self) -> None:
        """Try no more."""
        self._stopped.set()
        self._thread.join(STOP_TIME)

    def routes(self) -> Mapping[str, Route]:
        """What the local API answers."""
        return {
            "GET /v1/coverage": lambda request, _: self.coverage_facts(),
            "POST /v1/coverage/prove": lambda request, _: self.prove(),
        }

    def facts(self) -> Mapping[str, object]:
        """How many cells are in which state, as of the last look."""
        states = [state for state in self._cells.values() if state is not State.NOTHING]
        return {state.value: states.count(state) for state in sorted(set(states))}

    def problems(self) -> list[str]:
        """The canaries that were not refused."""
        return [f"{said}: see `callgate coverage`" for said in self._failed.values()]

    def coverage_facts(self) -> Json:
        """The matrix as it is now, read anew from the files."""
        with self._lock:
            cells = self._judge(self._ways.all(self._fresh()))
        return self._described(cells)

    def prove(self) -> Json:
        """Try all canaries now; then the matrix."""
        with self._lock:
            trials = self._ways.all(self._fresh())
            for trial in trials:
                if trial.go is not None and not self._stopped.is_set():
                    self._try(trial)
            cells = self._judge(trials)
        return self._described(cells)

    def _fresh(self) -> Inventory:
        return scan(self._daemon.around, self._daemon.settings.scan, agents=ALL)

    def _run(self) -> None:
        while not self._stopped.wait(LOOK):
            try:
                self._look()
            except CallgateError as error:
                log.warning("coverage could not be looked at: %s", error)
            except Exception:  # a task edge: the next look may go well
                log.exception("coverage could not be looked at")

    def _look(self) -> None:
        """Try what is due, and say what has changed."""
        daemon, moment = self._daemon, time.monotonic()
        found = daemon.worker.inventory
        seen = (found.agents, found.entries, daemon.settings)
        if seen == self._seen and not self._pending and moment < self._full:
            return
        with self._lock:
            self._seen, self._full = seen, moment + FULL
            trials = self._ways.all(found)
            due = self._due(trials) if daemon.settings.coverage.prove else []
            for trial in due:
                if self._stopped.is_set():
                    return
                self._try(trial)
            self._judge(trials)

    def _due(self, trials: Sequence[Trial]) -> list[Trial]:
        now, moment = time.time_ns(), time.monotonic()
        stood = {(trial.way.key, trial.way.seal): moment for trial in trials if trial.go is not None}
        self._since = {one: self._since.get(one, moment) for one in stood}
        due = [trial for trial in trials if trial.go is not None and self._is_due(trial, now)]
        settled = [trial for trial in due if moment - self._since[trial.way.key, trial.way.seal] >= SETTLE]
        self._pending = len(settled) < len(due)
        return settled

    def _is_due(self, trial: Trial, now: int) -> bool:
        proof = self._proofs.get(trial.way.key)
        if proof is None or proof.seal != trial.way.seal:
            return True
        if proof.problem:
            return not 0 <= now - proof.time < AGAIN
        early = min(RENEW, self._valid // 12)
        return standing(trial.way, proof, now + early, self._valid, self._daemon.settings.mode).state not in PROVED

    @property
    def _valid(self) -> int:
        return int(self._daemon.settings.coverage.proof_valid * HOUR)

    def _try(self, trial: Trial) -> None:
        """Send one canary, look for its row, and keep what that proves."""
        assert trial.go is not None, "only what can be tried is tried"
        name = canary.PREFIX + secrets.token_hex(NONCE)
        mode = self._daemon.settings.mode
        self._trying = True
        try:
            done = trial.go(name)
        finally:
            self._trying = False
        row, problem = self._row(trial, name, done)
        self._proofs[trial.way.key] = Proof(
            trial.way.seal, mode, time.time_ns(), row if not problem else 0, problem, "callgate up" if problem else ""
        )
        if problem:
            self._tell_failed(trial, problem)
        else:
            self._failed.pop(trial.way.key, None)

    def _row(self, trial: Trial, name: str, done: Attempt) -> tuple[int, str]:
        """The row of a canary, and why it proves nothing; empty if it does."""
        try:
            rows = list(self._daemon.reader.rows(Filter(kind="canary.refused", tool=name, limit=1, newest_first=True)))
        except AuditError as error:
            return 0, f"the log cannot be read ({error})"
        if done.problem:
            return 0, done.problem
        if not rows:
            return 0, "something refused it, and it was not the gate: no row is in the log"
        return rows[0].seq, _mismatch(rows[0], trial, done)

    def _tell_failed(self, trial: Trial, problem: str) -> None:
        way = trial.way
        said = f"coverage of {way.agent}, {way.channel} {way.name}: {problem}"
        if self._failed.get(way.key) != said:
            detail = {"channel": way.channel.value, "file": way.file}
            self._daemon.record(
                [
                    Event(
                        "coverage.failed",
                        time.time_ns(),
                        agent=way.agent,
                        entry=way.name,
                        reason=problem,
                        detail=detail,
                    )
                ]
            )
        self._failed[way.key] = said

    def _judge(self, trials: Sequence[Trial]) -> list[Cell]:
        """What holds now. A channel whose proof was lost, or is there again, gets its row in the log."""
        now, mode = time.time_ns(), self._daemon.settings.mode
        keys = {trial.way.key for trial in trials}
        self._proofs = {key: proof for key, proof in self._proofs.items() if key in keys}
        self._failed = {key: said for key, said in self._failed.items() if key in keys}
        held: list[Standing] = [
            standing(trial.way, self._proofs.get(trial.way.key), now, self._valid, mode) for trial in trials
        ]
        cells = matrix(agents_of(trials), held)
        self._tell_changes(cells)
        self._cells = {(cell.agent, cell.channel): cell.state for cell in cells}
        return cells

    def _tell_changes(self, cells: Sequence[Cell]) -> None:
        events = []
        for cell in cells:
            before = self._cells.get((cell.agent, cell.channel), cell.state)
            if before is not cell.state and (before in PROVED or cell.state in PROVED):
                detail = {"channel": cell.channel.value, "before": before.value, "after": cell.state.value}
                events.append(
                    Event(
                        "coverage.changed", time.time_ns(), agent=cell.agent, reason=cell.evidence[:500], detail=detail
                    )
                )
        if events:
            self._daemon.record(events)

    def _described(self, cells: Sequence[Cell]) -> Json:
        settings = self._daemon.settings
        return {
            "mode": settings.mode.value,
            "proof_valid": settings.coverage.proof_valid,
            "cells": [_said(cell) for cell in cells],
            "failed": sorted(self._failed.values()),
        }

    def _is_ours(self, peer: Peer) -> bool:
        """Is it this daemon that asks, or a shim that it has just started?"""
        if not self._trying:
            return False
        if peer.pid == os.getpid():
            return True
        found = processes.process(peer.pid)
        return found is not None and found.ppid == os.getpid()


def _mismatch(row: Row, trial: Trial, done: Attempt) -> str:
    """What in a canary's row is not as it must be if it went the way that it was sent."""
    event = row.event
    if (event.effect, event.rule) != (canary.VERDICT.effect.word, canary.RULE):
        return f"row {row.seq} does not say that it was refused"
    if event.detail.get("channel") != trial.channel:
        return f"it came in by another channel, {event.detail.get('channel')}"
    if trial.checks_pid and event.detail.get("pid") != done.pid:
        return f"another process asked in its place, {event.detail.get('pid')}"
    return ""


def _said(cell: Cell) -> dict[str, Any]:
    return {
        "agent": cell.agent,
        "channel": cell.channel.value,
        "state": cell.state.value,
        "time": cell.time,
        "evidence": cell.evidence,
        "step": cell.step,
        "ways": [
            {
                "name": one.way.name,
                "file": one.way.file,
                "state": one.state.value,
                "time": one.time,
                "row": one.row,
                "evidence": one.evidence,
                "step": one.step,
            }
            for one in cell.ways
        ],
    }
