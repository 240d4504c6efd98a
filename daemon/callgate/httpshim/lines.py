"""All conversations over HTTP: which one a request belongs to, and when one is over."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

from callgate.httpshim.line import Line
from callgate.model.route import Route
from callgate.system import processes
from callgate.system.sockets import Peer

LINES_MAX = 4096
"""Conversations that are remembered; beyond it the one that was silent for longest is forgotten."""
IDLE = 3600.0
"""Seconds of silence after which a conversation is forgotten; what comes later begins a new one."""

REFUSED = 5.0
"""Seconds for which a refusal stands without asking again: a person may have approved the server meanwhile."""

Key = tuple[Route, int, float, str]
"""Route (a token may come to lead elsewhere), pid and start of the agent's process, MCP session id."""
Begin = Callable[[Route, Peer, float], Awaitable[Line]]
"""Meets the caller, asks the gate whether the server may be reached, and returns the line."""


class Lines:
    """The conversations of one loopback port. Belongs to its event loop."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._lines: dict[Key, Line] = {}
        self._endpoints: dict[str, tuple[Line, Route, str]] = {}
        self._one = asyncio.Lock()
        """One conversation begins at a time: two first requests of an agent belong to the same."""

    def __len__(self) -> int:
        return len(set(map(id, self._lines.values())))

    async def of(self, route: Route, peer: Peer, session: str, *, opens: bool) -> Line:
        """The conversation of this request. An opening begins a new one, unless the one that is there has seen nothing
        but openings (agents try several versions of the protocol).
        """
        start = processes.start_time(peer.pid)
        key = (route, peer.pid, start, session)
        line = self._lines.get(key)
        if line is not None and not (opens and line.asked) and not _outdated(line):
            line.used = time.monotonic()
            return line
        async with self._one:
            known = self._lines.get(key)
            if known is not None and known is not line:
                return known
            if line is not None:
                self.forget(line)
            line = self._lines[key] = await self._begin(route, peer, start)
        while len(self._lines) > LINES_MAX:
            self.forget(min(self._lines.values(), key=lambda one: one.used))
        return line

    def named(self, line: Line, route: Route, session: str) -> None:
        """The server has given this conversation a session id."""
        for key in [key for key, one in self._lines.items() if one is line]:
            del self._lines[key]
        self._lines[(route, line.peer.pid, line.start, session)] = line

    def endpoint(self, line: Line, route: Route, there: str) -> str:
        """A new name for `there`, where a conversation over HTTP+SSE takes messages."""
        name = secrets.token_urlsafe(12)
        self._endpoints[name] = (line, route, there)
        self.named(line, route, f"to {name}")
        return name

    def by_endpoint(self, name: str, route: Route) -> tuple[Line, str] | None:
        """The conversation that goes by this name, and where its server takes messages."""
        line, known, there = self._endpoints.get(name, (None, None, ""))
        return (line, there) if line is not None and known is not None and known.token == route.token else None

    def forget(self, line: Line) -> None:
        """A conversation is over."""
        for key in [key for key, one in self._lines.items() if one is line]:
            del self._lines[key]
        for name in [name for name, (one, _, _) in self._endpoints.items() if one is line]:
            del self._endpoints[name]
        line.end()

    def sweep(self) -> None:
        """Forget those whose agent has ended, or that were silent for long."""
        now = time.monotonic()
        for line in list({id(one): one for one in self._lines.values()}.values()):
            gone = line.peer.pid and not processes.is_same(line.peer.pid, line.start)
            if gone or (not line.streams and now - line.used > IDLE):
                self.forget(line)

    def end(self) -> None:
        """All are over."""
        for line in list({id(one): one for one in self._lines.values()}.values()):
            self.forget(line)


def _outdated(line: Line) -> bool:
    return bool(line.talk.refusal) and time.monotonic() - line.begun > REFUSED
