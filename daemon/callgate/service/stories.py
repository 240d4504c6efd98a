"""Runs of agents as the local API tells them, and what the channels disagree on as rows of the log."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from callgate.audit.store import Filter
from callgate.model.errors import CallgateError
from callgate.model.event import Event, Row
from callgate.server.door import Route
from callgate.service.part import Part
from callgate.service.running import Running
from callgate.session.disagreement import Finding, findings
from callgate.session.join import join
from callgate.session.story import tell
from callgate.session.witness import read

Json = dict[str, Any]

ROWS_MAX = 20_000
"""Rows of one run that are told; of a longer one, the newest."""
LISTED_ROWS = 20_000
"""Rows, newest first, in which runs are looked for."""
LISTED_MAX = 200
"""Runs in one list."""
PAUSE = 5.0
"""Seconds between two looks for disagreements."""
SESSIONS_MAX = 100
"""Runs that are looked after at a time: those that wrote rows last."""
QUIET = 15 * 60 * 10**9
"""Nanoseconds without a row after which a run is looked after no more."""
LOOKED_ROWS = 2_000
"""Newest rows of one run that are looked at for disagreements."""
SECOND_WITNESSES = ("model.answered", "hook.asked")
"""Kinds of rows that tell of a second channel: a run without any of them cannot disagree with itself."""
KINDS = ("finding.unasked", "finding.missing", "finding.changed", "finding.bypassed")


class Stories(Part):
    """Answers for runs of agents, and writes each disagreement between channels down once."""

    name = "stories"

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._next = 0.0
        self._read = 0
        self._live: OrderedDict[str, int] = OrderedDict()
        """Runs that a second channel told of lately, with the time of its last row."""
        self._told: set[tuple[str, str, int]] = set()

    def start(self) -> None:
        """Go on where the log ends; what was told before is not told again."""
        for kind in KINDS:
            for row in self._daemon.reader.recent(kind):
                about = row.event.detail.get("about")
                if type(about) is int:
                    self._told.add((kind, row.event.session, about))
        self._read = self._daemon.reader.first_and_last()[1]

    def tick(self) -> None:
        """Look at the runs that wrote rows lately: also at those whose calls may be overdue by now."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + PAUSE
            self.look()

    def look(self) -> None:
        """Judge the runs that wrote rows lately."""
        now = time.time_ns()
        newest = self._daemon.reader.first_and_last()[1]
        for kind in SECOND_WITNESSES:
            wanted = Filter(kind=kind, after=self._read, before=newest + 1, limit=ROWS_MAX)
            for row in self._daemon.reader.rows(wanted):
                if row.event.session:
                    self._live[row.event.session] = row.event.time
                    self._live.move_to_end(row.event.session)
        self._read = newest
        while len(self._live) > SESSIONS_MAX:
            self._live.popitem(last=False)
        for session, last in list(self._live.items()):
            self._judge(session, now)
            if now - last > QUIET:
                del self._live[session]

    def routes(self) -> Mapping[str, Route]:
        """What the local API answers."""
        return {
            "GET /v1/sessions": lambda request, _: self.listed(),
            "GET /v1/sessions/{session}": lambda request, _: self.story(request.match_info["session"]),
        }

    def listed(self) -> Json:
        """The runs in the newest rows, the last one first."""
        found: dict[str, Json] = {}
        for row in self._daemon.reader.rows(Filter(limit=LISTED_ROWS, newest_first=True)):
            event = row.event
            if not event.session:
                continue
            begin = {"session": event.session, "agent": "", "last": event.time, "calls": 0, "refused": 0, "findings": 0}
            one = found.setdefault(event.session, begin)
            one["agent"] = one["agent"] or event.agent
            one["begun"] = event.time
            one["calls"] += event.kind == "call.asked"
            one["refused"] += event.kind == "call.asked" and event.effect != "allow"
            one["findings"] += event.kind.startswith("finding.")
        return {"sessions": list(found.values())[:LISTED_MAX]}

    def story(self, session: str) -> Json:
        """One run, by its name or the beginning of it. Raises CallgateError."""
        rows = self._rows(session)
        if not rows:
            names = [one["session"] for one in self.listed()["sessions"] if one["session"].startswith(session)]
            if len(names) > 1:
                raise CallgateError(f"session {session}", "is the beginning of several", "give more of its name")
            rows = self._rows(names[0]) if names else []
        if not rows:
            raise CallgateError(f"session {session}", "is not in the log", "`callgate session` lists them")
        return {**tell(rows, time.time_ns()), "cut": len(rows) == ROWS_MAX}

    def _rows(self, session: str, most: int = ROWS_MAX) -> list[Row]:
        newest = self._daemon.reader.rows(Filter(session=session, limit=most, newest_first=True))
        return sorted(newest, key=lambda row: row.seq)

    def _judge(self, session: str, now: int) -> None:
        rows = self._rows(session, LOOKED_ROWS)
        seen = read(rows)
        fresh = [one for one in findings(seen, join(seen), now) if (one.kind, session, one.view.seq) not in self._told]
        agent = next((row.event.agent for row in rows if row.event.agent), "")
        if fresh and self._daemon.record([_event(one, session, agent, now) for one in fresh]):
            self._told |= {(one.kind, session, one.view.seq) for one in fresh}


def _event(one: Finding, session: str, agent: str, now: int) -> Event:
    detail = {"severity": one.severity, "about": one.view.seq, "channel": one.view.channel.value}
    return Event(
        one.kind, now, uid=one.view.uid, session=session, agent=agent, tool=one.view.name.strip(), reason=one.reason,
        detail=detail,
    )  # fmt: skip
