"""The findings: each recorded once for its thing, counted, and listed from the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping

from aiohttp import web

from callgate.audit.kinds.record import KINDS
from callgate.audit.store import Filter
from callgate.evidence.rules import Finding
from callgate.model.errors import AuditError, CallgateError
from callgate.model.event import Row
from callgate.server.door import Json, Route
from callgate.service.part import Part
from callgate.service.running import Running
from callgate.service.usage import moment

log = logging.getLogger(__name__)

FINDINGS = tuple(kind for kind in KINDS if kind.startswith("finding."))
"""All kinds of findings."""
SHOWN_MAX = 1000
"""Findings in one answer, the newest."""
KNOWN_MAX = 10_000
"""Findings that are remembered as told; of older ones the log is asked."""
NEW_MAX = 200
"""New findings in one minute; an agent can make things to be found without end, and each is a row."""
MINUTE = 60.0


class Findings(Part):
    """Records what is found of processes and settings, and counts all findings. Answers `GET /v1/findings`."""

    name = "findings"

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._told: dict[str, None] = {}
        self._kinds: dict[str, int] = {}
        self._count_at = 0.0
        self._minute = (0.0, 0)
        self.left_out = 0
        """Findings that were too many for their minute: looked for again, so told later if they are still there."""

    def start(self) -> None:
        """Count those of the log."""
        self._count()

    def tick(self) -> None:
        """Count again now and then: other parts record findings too."""
        if time.monotonic() >= self._count_at:
            self._count()

    def _count(self) -> None:
        self._count_at = time.monotonic() + MINUTE
        try:
            self._kinds = {kind: sum(1 for _ in self._daemon.reader.recent(kind)) for kind in FINDINGS}
        except AuditError as error:
            raise CallgateError("findings", str(error)) from error

    def tell(self, found: Iterable[Finding]) -> None:
        """Record those that are new. May block; not for the gate's thread."""
        fresh: dict[str, Finding] = {}
        for one in found:
            if one.uid not in self._told and one.uid not in fresh and not self._is_known(one.uid):
                if self._is_full():
                    self.left_out += 1
                else:
                    fresh[one.uid] = one
        if fresh and self._daemon.record([one.event(time.time_ns()) for one in fresh.values()]):
            for one in fresh.values():
                self._remember(one.uid)
                self._kinds[one.kind] = self._kinds.get(one.kind, 0) + 1
                log.warning("%s: %s", one.kind, one.saw)

    def routes(self) -> Mapping[str, Route]:
        """Its place in the local API."""
        return {"GET /v1/findings": self._answer}

    def facts(self) -> Mapping[str, object]:
        """How many there are of each kind."""
        kinds = {kind: count for kind, count in sorted(self._kinds.items()) if count}
        return {"total": sum(kinds.values()), "kinds": kinds, "left_out": self.left_out}

    def _answer(self, request: web.Request, _: Json) -> Json:
        since = moment(request.query.get("since", "0"), "since")
        try:
            rows = [row for kind in FINDINGS for row in self._rows(kind, since)]
        except AuditError as error:
            raise CallgateError("findings", str(error)) from error
        rows.sort(key=lambda row: row.seq)
        found = [
            {
                "seq": row.seq,
                "time": row.event.time,
                "kind": row.event.kind,
                "agent": row.event.agent,
                "session": row.event.session,
                "entry": row.event.entry,
                "tool": row.event.tool,
                "saw": row.event.reason,
                "unseen": "",
                **row.event.detail,
            }
            for row in rows
        ]
        return {"findings": found[-SHOWN_MAX:], "left_out": max(0, len(found) - SHOWN_MAX)}

    def _rows(self, kind: str, since: int) -> list[Row]:
        wanted = Filter(kind=kind, since=since, limit=SHOWN_MAX + 1, newest_first=True)
        return list(self._daemon.reader.rows(wanted))

    def _is_known(self, uid: str) -> bool:
        """Was it told before this daemon began?"""
        try:
            known = any(self._daemon.reader.rows(Filter(uid=uid, limit=1)))
        except AuditError as error:
            log.error("whether a finding was told before cannot be read: %s", error)
            return False
        if known:
            self._remember(uid)
        return known

    def _remember(self, uid: str) -> None:
        self._told[uid] = None
        while len(self._told) > KNOWN_MAX:
            del self._told[next(iter(self._told))]

    def _is_full(self) -> bool:
        began, count = self._minute
        now = time.monotonic()
        if now - began > MINUTE:
            began, count = now, 0
        self._minute = began, count + 1
        return count >= NEW_MAX
