"""Warns before the approvals of servers that run on this machine end, and says when they have."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

from callgate.audit.store import Filter
from callgate.model.event import Event
from callgate.model.identity import ServerIdentity
from callgate.policy.allowlist import Allowlist, Approval
from callgate.service.part import Part
from callgate.service.running import Running

DAY = 24 * 3600
WARN = 14 * DAY
"""Seconds before an approval's end: time enough to ask its owner."""
RECENT = 30 * DAY
"""Seconds: a server that was not started for so long is nobody's loss."""
PAUSE = 3600.0
"""Seconds between two looks at unchanged rules: a look reads the log's launches."""


def ending(rules: Allowlist, ran: Iterable[str], now: float) -> list[tuple[str, Approval]]:
    """The servers (by identity) whose approvals all end within WARN or have ended, each with the longest of them."""
    found = []
    for text in sorted(set(ran)):
        matching = rules.of(ServerIdentity.parse(text))
        last = max(matching, key=lambda approval: approval.terms.ends, default=None)
        if last is not None and last.terms.ends <= now + WARN:
            found.append((text, last))
    return found


class Endings(Part):
    """The part that warns. One event for each server and end, a problem as long as it is so."""

    name = "endings"

    def __init__(self, daemon: Running, now: Callable[[], float] = time.time) -> None:
        self._daemon, self._now = daemon, now
        self._looked_at: Allowlist | None = None
        self._next = 0.0
        self._told: set[tuple[str, float]] = set()
        self._problems: list[str] = []

    def tick(self) -> None:
        """Look again if the rules have changed, or it is time."""
        rules, now = self._daemon.registry.rules, self._now()
        if rules is self._looked_at and now < self._next:
            return
        self._looked_at, self._next = rules, now + PAUSE
        if rules is None or all(math.isinf(one.terms.ends) for one in rules.approvals):
            self._problems = []
            return
        found = ending(rules, self._ran(now), now)
        self._problems = [_said(server, one, now) for server, one in found]
        fresh = [(server, one) for server, one in found if (server, one.terms.ends) not in self._told]
        if fresh and self._daemon.record([_event(server, one, now) for server, one in fresh]):
            self._told |= {(server, one.terms.ends) for server, one in fresh}

    def problems(self) -> list[str]:
        """The approvals that end soon or have ended."""
        return list(self._problems)

    def _ran(self, now: float) -> set[str]:
        wanted = Filter(kind="server.launched", since=max(0, int((now - RECENT) * 10**9)))
        return {row.event.server for row in self._daemon.reader.rows(wanted) if row.event.server}


def _said(server: str, one: Approval, now: float) -> str:
    verb = "ended" if one.terms.ends <= now else "ends"
    whom = one.terms.owner or "the registry's owner"
    return f"the approval of {server} as {one.name} {verb} on {one.terms.until}; ask {whom} to renew it"


def _event(server: str, one: Approval, now: float) -> Event:
    detail = {"approval": one.name, "owner": one.terms.owner, "until": one.terms.until}
    return Event("approval.ending", time.time_ns(), server=server, reason=_said(server, one, now), detail=detail)
