"""Running servers whose files are pinned: do these files still hold what was approved?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from callgate.discovery.digest import state_of
from callgate.model.call import Session
from callgate.model.startup import FileState
from callgate.server.questions import Hello
from callgate.service.part import Part
from callgate.service.running import Running

PERIOD = 5.0
"""Seconds between two looks, for code that is loaded late. One at 3,700 files takes some 12 ms of processor."""


class Vigil(Part):
    """Ends a server, with the reason, when what is pinned of it changes under it.

    A file in another state is digested again: uv and npm link the files of their caches to and fro, which changes their
    times and nothing else. What was changed and put back between two looks is not seen.
    """

    name = "vigil"

    def __init__(self, daemon: Running, now: Callable[[], float] = time.monotonic) -> None:
        self._daemon, self._now = daemon, now
        self._due = 0.0
        self._known: dict[str, Mapping[str, FileState]] = {}
        """By session: the states in which the files are known to hold what was approved."""

    def tick(self) -> None:
        """Look, when it is time."""
        if self._now() < self._due:
            return
        self._due = self._now() + PERIOD
        watched = self._watched()
        states: dict[str, FileState | None] = {}
        for hello, session, known in watched:
            for path in known:
                if path not in states:  # several agents run the same package
                    states[path] = state_of(path)
            changed = {path: states[path] for path, state in known.items() if states[path] != state}
            if changed:
                self._look(hello, session, {path: state for path in known if (state := states[path])})
        self._known = {session.uid: self._known.get(session.uid, known) for _, session, known in watched}

    def _watched(self) -> list[tuple[Hello, Session, Mapping[str, FileState]]]:
        found: list[tuple[Hello, Session]] = []
        desk = self._daemon.listener.desk

        def collect() -> None:
            for visit in desk.sessions.values():
                if visit.hello is not None and visit.session is not None and visit.session.barred is None:
                    found.append((visit.hello, visit.session))

        self._daemon.on_gate(collect)
        return [
            (hello, session, self._known.get(session.uid) or dict(session.startup.seen))
            for hello, session in found
            if session.startup is not None and session.startup.pinned and session.startup.refusal is None
        ]

    def _look(self, hello: Hello, session: Session, states: Mapping[str, FileState]) -> None:
        verdict = self._daemon.survey.still(hello, session)
        if verdict is None:
            self._known[session.uid] = states
        else:
            self._daemon.on_gate(partial(self._daemon.listener.desk.revoke_by, session.uid, verdict))
