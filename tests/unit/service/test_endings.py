"""Approvals that end are told before they do, of servers that run here, once in the log and as long as it is so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from callgate.audit.store import Reader, Writer
from callgate.model.call import Effect
from callgate.model.event import Event
from callgate.model.identity import ServerIdentity
from callgate.policy.allowlist import Allowlist, Approval
from callgate.policy.terms import Terms
from callgate.service.endings import DAY, PAUSE, RECENT, Endings
from callgate.settings import Durability

USED, UNUSED = "npm:used@1.0.0", "npm:unused@1.0.0"


def rules(*ends: float, server: str = USED) -> Allowlist:
    named = (ServerIdentity.parse(server),)
    return Allowlist(tuple(Approval("org/x", named, Effect.ALLOW, terms=Terms("Ann", "", one)) for one in ends))


class Desk:
    """The part over a real log, with a clock of its own."""

    def __init__(self, path: Path) -> None:
        self.now = time.time()
        self.writer = Writer.open(path, Durability.COMMIT)
        self.launch(USED, self.now - DAY)
        self.events: list[Event] = []
        self.daemon: Any = SimpleNamespace(
            registry=SimpleNamespace(rules=None), reader=Reader(path), record=self._record
        )
        self.part = Endings(self.daemon, lambda: self.now)

    def launch(self, server: str, at: float) -> None:
        self.writer.append(Event("server.launched", int(at * 10**9), server=server, effect="deny"))
        assert self.writer.commit() is None

    def look(self, found: Allowlist | None) -> list[str]:
        self.daemon.registry.rules = found
        self.part.tick()
        return self.part.problems()

    def _record(self, events: list[Event]) -> bool:
        self.events += events
        return True


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "audit.db")
    yield made
    made.writer.close()


def test_an_end_that_is_near_is_told_once_and_shown_until_it_is_renewed(desk: Desk) -> None:
    ends = desk.now + 3 * DAY
    (problem,) = desk.look(rules(ends))
    assert USED in problem and " ends on " in problem and "ask Ann to renew it" in problem
    desk.now += PAUSE + 1
    assert desk.look(desk.daemon.registry.rules) == [problem] and len(desk.events) == 1
    assert (desk.events[0].kind, desk.events[0].server) == ("approval.ending", USED)
    desk.now = ends + 1
    assert " ended on " in desk.look(desk.daemon.registry.rules)[0]
    assert desk.look(rules(desk.now + 90 * DAY)) == [] and len(desk.events) == 1


def test_what_is_far_or_not_used_here_or_approved_twice_is_nobodys_worry(desk: Desk) -> None:
    near, far = desk.now + DAY, desk.now + 90 * DAY
    desk.launch(UNUSED, desk.now - RECENT - DAY)
    for found in (rules(far), rules(near, server=UNUSED), rules(near, far), rules(near, float("inf")), None):
        assert desk.look(found) == []
    assert desk.events == []
