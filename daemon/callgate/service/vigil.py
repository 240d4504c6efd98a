"""Running servers whose files are pinned: are these files still what was looked at before they were started?"""

from __future__ import annotations

import time
from functools import partial

from callgate.model.call import Effect, Session, Verdict
from callgate.model.startup import Startup
from callgate.service.part import Part
from callgate.service.running import Running
from callgate.service.survey import changed

PERIOD = 5.0
"""Seconds between two looks. A look at 3,000 files takes some 6 ms; code that is loaded late is seen by it."""


class Vigil(Part):
    """Ends a server, with the reason, when a pinned file of it changes under it."""

    name = "vigil"

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._due = 0.0

    def tick(self) -> None:
        """Look, when it is time."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + PERIOD
        watched: list[tuple[Session, Startup]] = []
        desk = self._daemon.listener.desk

        def collect() -> None:
            for visit in desk.sessions.values():
                session = visit.session
                if session is not None and session.startup is not None and session.barred is None:
                    watched.append((session, session.startup))

        self._daemon.on_gate(collect)
        for session, startup in watched:
            if startup.pinned and startup.refusal is None and (path := changed(startup)):
                why = f"{path} was changed while {session.server.server.short} ran"
                verdict = Verdict(Effect.DENY, "server.digest", why)
                self._daemon.on_gate(partial(desk.revoke_by, session.uid, verdict))
