"""The HTTP shim as a part of the daemon: mounted at the loopback port, its questions put to the gate."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callgate.audit.argv import redact_url
from callgate.httpshim.line import Line
from callgate.httpshim.lines import Lines
from callgate.httpshim.passing import Passage
from callgate.httpshim.signing import Signing
from callgate.httpshim.upstream import Upstream
from callgate.model.call import Effect, Mode
from callgate.model.route import Route
from callgate.server.inside import Inside
from callgate.service.part import Part
from callgate.service.running import Running
from callgate.settings import MESSAGE_MAX
from callgate.shim.jsonrpc import dumps
from callgate.shim.relay import Terms
from callgate.shim.spool import Spool
from callgate.system.sockets import Peer
from callgate.wrap.addresses import NAME
from callgate.wrap.routes import Routes

log = logging.getLogger(__name__)

SWEEP = 30
"""Ticks between two looks for conversations whose agent has ended."""


class HttpShim(Part):
    """Serves the routes of wrapped HTTP entries."""

    name = "http"

    def __init__(self, daemon: Running, routes: Routes, key: Callable[[], Ed25519PrivateKey | None]) -> None:
        """`key` gives the device's, None while there is none."""
        self._daemon = daemon
        self._routes = routes
        self._lines = Lines(self._begin)
        self._upstream: Upstream | None = None
        self._ticks = 0
        self._key = key
        self._passage = Passage(
            routes.find,
            self._lines,
            self._connection,
            lambda token, rest: daemon.loopback.url(NAME, token, rest),
            self._challenged,
            Signing(self._signing_key, lambda: daemon.registry.basis).sign,
        )
        daemon.loopback.mount(NAME, lambda token: routes.find(token) is not None, self._serve)

    def start(self) -> None:
        """Open the port where entries lead to it."""
        if self._routes.all():
            self._daemon.loopback.open()

    def tick(self) -> None:
        """Forget the conversations of agents that have ended."""
        self._ticks += 1
        loop = self._daemon.loopback.loop
        if loop is not None and self._ticks % SWEEP == 0:
            loop.call_soon_threadsafe(self._lines.sweep)

    def stop(self) -> None:
        """End all conversations."""
        loop = self._daemon.loopback.loop
        if loop is not None:
            asyncio.run_coroutine_threadsafe(self._end(), loop).result(5.0)

    def facts(self) -> Mapping[str, object]:
        """How many entries and conversations there are."""
        count = len(self._routes.all())
        return {"entries": count, "conversations": len(self._lines)} if count else {}

    def _signing_key(self) -> Ed25519PrivateKey | None:
        """Nothing is signed in observe mode: what leaves there need not have been approved."""
        settings = self._daemon.settings
        return self._key() if settings.http.sign and settings.mode is Mode.ENFORCE else None

    def _challenged(self, route: Route, challenge: str) -> None:
        if self._routes.challenged(route.url, challenge):
            log.warning(
                "the server of entry %s of %s asks for a token: its entry gets its address back",
                route.entry,
                route.agent,
            )
            self._daemon.worker.wake()

    async def _end(self) -> None:
        self._lines.end()
        if self._upstream is not None:
            await self._upstream.close()
            self._upstream = None

    async def _serve(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return await self._passage.serve(request, peer)

    def _connection(self) -> Upstream:
        if self._upstream is None:
            path = self._daemon.settings.http.ca_path(self._daemon.folders.config)
            self._upstream = Upstream((self._daemon.loopback.port,), path)
        return self._upstream

    async def _begin(self, route: Route, peer: Peer, start: float) -> Line:
        """A new conversation: who is it, and may the server be reached?"""
        daemon, loop = self._daemon, asyncio.get_running_loop()
        uid = secrets.token_hex(8)
        settings = daemon.settings
        session = await loop.run_in_executor(
            daemon.workers, daemon.survey.meet_remote, uid, peer, route.agent, route.entry, route.url
        )
        terms = Terms(uid, settings.mode is Mode.ENFORCE, int(settings.on_doubt), settings.deadline, MESSAGE_MAX)
        address = redact_url(route.url, daemon.key)
        hello = {"uid": uid, "launcher": route.agent, "entry": route.entry, "argv": [address]}
        spool = Spool(str(daemon.folders.spool), uid, settings.mode.value, dumps(hello))
        line = Line(terms, peer, start, spool.record)
        link = Inside(daemon.listener, session, loop, line.heard)
        line.link = link
        detail = {"pid": peer.pid, "caller": session.caller.agent_evidence, "transport": "http"}
        if daemon.listener.desk.canary(peer):  # asks for nothing but a canary, which goes to no server
            return line
        verdict = await link.launch([address], detail)
        if verdict.effect is not Effect.ALLOW:
            line.talk.refuse({"rule": verdict.rule, "reason": verdict.reason})
        return line
