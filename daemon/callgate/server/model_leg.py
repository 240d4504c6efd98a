"""The model leg: an agent's request to its model comes in by the loopback port, is judged, and its answer passes by."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from callgate.model.call import Effect, Verdict
from callgate.modelproxy.dialects.recognise import recognise
from callgate.modelproxy.dialects.turn import Asked, Dialect, Said, ToolUse
from callgate.modelproxy.reading import Reading, request_body
from callgate.system.sockets import Peer

log = logging.getLogger(__name__)

CONNECT_TIME = 30.0
"""Seconds to reach the model's API."""
SILENCE_MAX = 900.0
"""Seconds without a byte after which an answer counts as dead; models think for minutes."""
CONNECTIONS = 200
"""Requests to models at the same time; the next one waits."""
REFUSED = 403
UNREACHABLE = 502
NO_SOCKET = 426
"""`Upgrade Required`: agents that try a WebSocket first fall back to plain requests."""

_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"),
        *("transfer-encoding", "upgrade", "host", "content-length"),
    )
)
"""Headers that belong to one connection, or that the HTTP library states itself."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where requests with one token go."""

    token: str = field(repr=False)
    agent: str
    """Id of the agent whose file or environment holds the token."""
    upstream: str
    """The model API's own address: scheme, host, and a path that the request's path is put after."""

    @property
    def host(self) -> str:
        """The API's host, as rules name it."""
        return URL(self.upstream).host or ""


@dataclass(slots=True)
class Turn:
    """One request to a model and its answer, as they become rows."""

    uid: str
    route: Route
    peer: Peer
    dialect: Dialect
    asked: Asked | None
    """None where the request could not be read."""
    body: Mapping[str, object] | None
    unread: str
    size: int
    began: float
    first: float = 0.0
    """When the first byte of the answer came."""
    status: int = 0


class _AgentGoneError(Exception):
    """The agent has closed its connection."""


class Judge(Protocol):
    """Decides and writes down. Its methods block and run on threads of a pool."""

    def judge(self, turn: Turn) -> Verdict:
        """What applies to a request, after its row is durable."""

    def heard(self, turn: Turn, uses: Sequence[ToolUse]) -> None:
        """The calls that the model has asked for so far, before they reach the agent. Does not block."""

    def answered(self, turn: Turn, said: Said, size: int, problem: str) -> None:
        """An answer has passed, or as much of it as came."""

    def next_uid(self) -> str:
        """An id for a turn."""


class ModelLeg:
    """Serves the requests of all routes. `routes` is the current table by token; it is only read here."""

    def __init__(self, routes: Mapping[str, Route], judge: Judge, own_port: int) -> None:
        self._routes = routes
        self._judge = judge
        self._own_port = own_port
        self._session: aiohttp.ClientSession | None = None
        self.open = 0
        """Requests that are being served."""

    async def serve(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        """Judge one request, pass it on, and its answer back: unbuffered, byte for byte."""
        route = self._routes.get(request.match_info["token"])
        if route is None:
            return web.Response(status=REFUSED, text="Callgate does not serve this request.\n")
        rest = request.raw_path.partition(f"/{route.token}")[2]
        dialect = recognise(request.method, rest)
        if "upgrade" in request.headers.get("Connection", "").lower():
            return web.Response(status=NO_SOCKET, text="Callgate passes plain requests to this model.\n")
        self.open += 1
        try:
            if dialect is None:
                return await self._pass(request, route, rest, await _body(request), None)
            return await self._turn(request, peer, route, rest, dialect)
        finally:
            self.open -= 1

    async def close(self) -> None:
        """End what goes on. Called on the loop that serves."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _turn(
        self, request: web.Request, peer: Peer, route: Route, rest: str, dialect: Dialect
    ) -> web.StreamResponse:
        body = await request.read()
        began = time.monotonic()
        document, unread = request_body(body, request.headers.get("Content-Encoding", ""))
        asked = None if document is None else dialect.asked(rest, document)
        uid = self._judge.next_uid()
        turn = Turn(uid, route, peer, dialect, asked, document, unread, len(body), began)
        verdict = await asyncio.to_thread(self._judge.judge, turn)
        if verdict.effect is not Effect.ALLOW:
            reason = f"Callgate refused this request: {verdict.reason} (rule: {verdict.rule})."
            return web.json_response(dialect.refusal(reason), status=REFUSED)
        return await self._pass(request, route, rest, body, turn)

    async def _pass(
        self, request: web.Request, route: Route, rest: str, body: bytes | None, turn: Turn | None
    ) -> web.StreamResponse:
        problem = ""
        reading: Reading | None = None
        try:
            async with self._ask(request, route, rest, body, turn is not None) as answer:
                if turn is not None:
                    kind = answer.headers.get("Content-Type", "")
                    reading = Reading(turn.dialect, kind, answer.headers.get("Content-Encoding", ""))
                    turn.status = answer.status
                return await self._forward(request, answer, turn, reading)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            problem = f"the model's API at {route.host} cannot be reached ({type(error).__name__}: {error})"
            if reading is not None and reading.size:
                raise  # the agent has a part of the answer: it sees the stream break off
            dialect = turn.dialect if turn else None
            said = dialect.refusal(f"Callgate: {problem}") if dialect else {"error": problem}
            return web.json_response(said, status=UNREACHABLE)
        except (asyncio.CancelledError, _AgentGoneError):
            problem = "the agent hung up"
            raise
        finally:
            if turn is not None:
                said_so_far = reading.end() if reading else Said()
                unread = reading.unread if reading else ""
                size = reading.size if reading else 0
                note = asyncio.to_thread(self._judge.answered, turn, said_so_far, size, problem or unread)
                await asyncio.shield(asyncio.ensure_future(note))

    def _ask(
        self, request: web.Request, route: Route, rest: str, body: bytes | None, read: bool
    ) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        url = URL(route.upstream.rstrip("/") + rest, encoded=True)
        if url.host in ("127.0.0.1", "localhost", "::1") and url.port == self._own_port:
            raise aiohttp.ClientError("that is Callgate's own port")
        headers = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in _HOP)
        if read and "Accept-Encoding" in headers:  # only what can be read along
            headers["Accept-Encoding"] = "gzip" if "gzip" in headers["Accept-Encoding"].lower() else "identity"
        return self._upstream().request(
            request.method, url, headers=headers, data=body, allow_redirects=False, compress=None, expect100=False
        )

    async def _forward(
        self, request: web.Request, answer: aiohttp.ClientResponse, turn: Turn | None, reading: Reading | None
    ) -> web.StreamResponse:
        if answer.status in (301, 302, 303, 307, 308):  # it would lead the agent round this leg
            raise aiohttp.ClientError(f"it redirects to {answer.headers.get('Location', '?')[:200]}")
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP:
                response.headers.add(name, value)
        if answer.content_length is not None:
            response.content_length = answer.content_length
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            if turn is not None and reading is not None:
                turn.first = turn.first or time.monotonic()
                reading.feed(chunk)
                whole = reading.size == answer.content_length
                self._judge.heard(turn, reading.uses(whole=whole))  # before the agent can act on it
            try:
                await response.write(chunk)
            except ConnectionError as error:
                raise _AgentGoneError from error
        await response.write_eof()
        return response

    def _upstream(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIME, sock_read=SILENCE_MAX),
                auto_decompress=False,
                trust_env=True,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        return self._session


async def _body(request: web.Request) -> bytes | None:
    return await request.read() if request.can_read_body else None
