"""What an agent asks of a wrapped HTTP server: each request is decided, sent on, and its answer passed back."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp import web

from callgate.httpshim import headers
from callgate.httpshim.conversation import Asked, Exchange, Stream
from callgate.httpshim.line import Line
from callgate.httpshim.lines import Lines
from callgate.httpshim.sse import Event, Events
from callgate.httpshim.upstream import Upstream, UpstreamError, chunks, shown, unpacked
from callgate.model.route import Route
from callgate.settings import MESSAGE_MAX
from callgate.shim import mcp
from callgate.system.sockets import Peer

log = logging.getLogger(__name__)

JSON = "application/json"
EVENTS = "text/event-stream"
BAD_GATEWAY = 502
"""HTTP status, and JSON-RPC error code, where the server cannot be reached (ours: outside -32768..-32000)."""
ENDPOINT = b"endpoint"
"""The event by which a server of the old HTTP+SSE transport says where it takes messages."""
TO = "/to/"
"""In our own address: to the endpoint of the conversation that follows."""

Sign = Callable[[str, str, headers.Pairs, bytes | None], headers.Pairs]
"""Method, address, headers and body of a request -> the headers that it leaves with."""


class Passage:
    """Serves the routes of wrapped entries. Belongs to the event loop of the loopback port."""

    def __init__(
        self,
        route: Callable[[str], Route | None],
        lines: Lines,
        upstream: Callable[[], Upstream],
        own_url: Callable[[str, str], str],
        challenged: Callable[[Route, str], None],
        sign: Sign,
    ) -> None:
        self._route = route
        self._lines = lines
        self._upstream = upstream
        self._own_url = own_url
        """Token and rest -> our own address."""
        self._challenged = challenged
        """A server without credentials in its entry wants some: it has its own way to get them."""
        self._sign = sign

    async def serve(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        """One request of an agent."""
        route = self._route(request.match_info["token"])
        if route is None:
            return web.Response(status=404)
        rest = request.match_info["rest"]
        target, line = route.url, None
        if rest.startswith(TO):
            found = self._lines.by_endpoint(rest[len(TO) :], route)
            if found is None:
                return _problem(404, "null", 404, "this session is over: connect again")
            line, target = found
        elif rest not in ("", "/"):
            return web.Response(status=404, text="Not found\n")
        act: dict[str, Callable[..., Awaitable[web.StreamResponse]]] = {
            "POST": self._post,
            "GET": self._get,
            "DELETE": self._delete,
        }
        if request.method not in act:
            return web.Response(status=405, headers={"Allow": "GET, POST, DELETE"})
        try:
            return await act[request.method](request, peer, route, target, line)
        except UpstreamError as error:
            log.warning("%s (entry %s of %s)", error, route.entry, route.agent)
            return _problem(BAD_GATEWAY, "null", BAD_GATEWAY, f"Callgate: {error}")

    async def _post(
        self, request: web.Request, peer: Peer, route: Route, target: str, line: Line | None
    ) -> web.StreamResponse:
        raw = await request.read()
        body = unpacked(raw, request.headers.get("Content-Encoding", ""), MESSAGE_MAX)
        if body is None:
            return _problem(415, "null", 415, "Callgate cannot read this content coding, or it is too large")
        asked = Asked(body)
        if why := _mirrored(request, asked):
            return _problem(400, asked.ids[0] if asked.ids else "null", headers.HEADER_MISMATCH, f"Callgate: {why}")
        if line is None:
            session = request.headers.get(headers.SESSION, "")
            line = await self._lines.of(route, peer, session, opens=asked.opens)
        line.asked = line.asked or not asked.opens
        exchange = line.talk.exchange()
        exchange.ask(body, time.monotonic())
        await line.decided(exchange)
        forward = exchange.forward()
        if forward is None:
            return _own(exchange, asked)
        untouched = forward == body
        try:
            response = await self._send(request, route, target, raw if untouched else forward, plain=not untouched)
            return await self._exchange(request, route, line, exchange, response)
        except UpstreamError as error:
            log.warning("%s (entry %s of %s)", error, route.entry, route.agent)
            return web.Response(
                status=BAD_GATEWAY, body=asked.errors(BAD_GATEWAY, f"Callgate: {error}"), content_type=JSON
            )

    async def _exchange(
        self, request: web.Request, route: Route, line: Line, exchange: Exchange, response: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        async with response:
            session = response.headers.get(headers.SESSION, "")
            if session:
                self._lines.named(line, route, session)
            if session or request.headers.get(headers.SESSION) or response.status == 202:
                line.talk.share(exchange)
            if response.status == 404 and request.headers.get(headers.SESSION):
                self._lines.forget(line)
            if _kind(response) == EVENTS and response.status == 200:
                return await self._events(request, route, line, exchange, response)
            return await self._body(line, exchange, response)

    async def _get(
        self, request: web.Request, peer: Peer, route: Route, target: str, line: Line | None
    ) -> web.StreamResponse:
        session = request.headers.get(headers.SESSION, "")
        line = await self._lines.of(route, peer, session, opens=False)
        if line.talk.refusal:
            return web.Response(status=405, headers={"Allow": "POST"})
        stream = line.talk.stream()
        async with await self._send(request, route, target, None) as response:
            if response.status == 404 and session:
                self._lines.forget(line)
            if _kind(response) != EVENTS or response.status != 200:
                return await self._body(line, stream, response)
            line.talk.share(stream)
            return await self._events(request, route, line, stream, response)

    async def _delete(
        self, request: web.Request, peer: Peer, route: Route, target: str, line: Line | None
    ) -> web.StreamResponse:
        session = request.headers.get(headers.SESSION, "")
        line = await self._lines.of(route, peer, session, opens=False)
        if line.talk.refusal:
            return web.Response(status=405, headers={"Allow": "POST"})
        async with await self._send(request, route, target, None) as response:
            if session and response.status in (200, 202, 204, 404):
                self._lines.forget(line)
            return await self._body(line, line.talk.stream(), response)

    async def _send(
        self, request: web.Request, route: Route, target: str, body: bytes | None, *, plain: bool = False
    ) -> aiohttp.ClientResponse:
        sent = headers.outgoing(request.headers.items(), route.headers, plain=plain)
        response = await self._upstream().request(
            request.method, target, lambda url: self._sign(request.method, url, sent, body), body
        )
        if response.status == 401 and not route.headers and "Authorization" not in request.headers:
            self._challenged(route, response.headers.get("WWW-Authenticate", ""))
        return response

    async def _body(self, line: Line, stream: Stream, response: aiohttp.ClientResponse) -> web.StreamResponse:
        """An answer that is no stream of events: read as a whole, and passed on with what the gate hides left out."""
        parts: list[bytes] = []
        size = 0
        async for chunk in chunks(response):
            size += len(chunk)
            if size > MESSAGE_MAX:
                glimpse = b"".join(parts)[: mcp.HINT]
                stream.answers.take_glimpse(glimpse)
                parts = [_joined(stream.said())]
                break
            parts.append(chunk)
        body = b"".join(parts)
        if size <= MESSAGE_MAX and _kind(response) == JSON and body:
            stream.take(body, time.monotonic())
            await line.decided(stream)
            said = stream.said()
            body = said[0] if len(said) == 1 else _joined(said)
        return web.Response(status=response.status, body=body, headers=_multi(response))

    async def _events(
        self, request: web.Request, route: Route, line: Line, stream: Stream, response: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        """A stream of events, each passed on as it came as soon as it is whole and nothing in it waits for the gate."""
        answer = web.StreamResponse(status=response.status, headers=_multi(response))
        events = Events(MESSAGE_MAX)
        line.streams += 1
        try:
            await answer.prepare(request)
            async for chunk in chunks(response):
                out = [await self._event(event, route, line, stream) for event in events.feed(chunk)]
                if data := b"".join(out):
                    await answer.write(data)
        except (UpstreamError, ConnectionError) as error:
            log.info("a stream of %s was cut: %s", shown(route.url), error)
            if request.transport is not None:
                request.transport.abort()  # the agent is to see that it was cut, too
            return answer
        finally:
            line.streams -= 1
            line.settle()
        await answer.write_eof()
        return answer

    async def _event(self, event: Event, route: Route, line: Line, stream: Stream) -> bytes:
        if event.oversize:
            stream.answers.take_glimpse((event.data or b"")[: mcp.HINT])
            return b"".join(b"data: " + one.strip() + b"\n\n" for one in stream.said())
        if event.data is None or not event.data:
            return event.raw
        if event.kind == ENDPOINT:
            return event.with_data(self._endpoint(event.data, route, line).encode())
        stream.take(event.data, time.monotonic())
        await line.decided(stream)
        said = stream.said()
        if said == [event.data]:
            return event.raw
        return b"".join(event.with_data(one.strip()) for one in said)

    def _endpoint(self, data: bytes, route: Route, line: Line) -> str:
        """Our own address in the place of the one that a server takes messages at. It must be of the same origin."""
        there = urljoin(route.url, data.decode("utf-8", "replace").strip())
        one, two = urlsplit(route.url), urlsplit(there)
        if (one.scheme, one.netloc.lower()) != (two.scheme, two.netloc.lower()):
            raise UpstreamError(shown(route.url), f"wants messages at another place, {shown(there)}")
        return self._own_url(route.token, TO + self._lines.endpoint(line, route, there))


def _mirrored(request: web.Request, asked: Asked) -> str:
    if asked.is_batch or len(asked.messages) != 1:
        return ""
    message = asked.messages[0]
    params = message.params if isinstance(message.params, dict) else {}
    name = params.get("name") if message.method == mcp.CALL else None
    return headers.mismatch(request.headers.items(), message.method, name)


def _own(exchange: Exchange, asked: Asked) -> web.Response:
    """What we say ourselves, when nothing goes to the server."""
    said = exchange.said()
    if said:
        failed = not asked.messages or not asked.ids
        return web.Response(status=400 if failed else 200, body=_joined(said), content_type=JSON)
    if asked.ids:  # withdrawn by a cancellation that overtook the verdict
        return web.Response(body=asked.errors(499, "Callgate: cancelled before it was sent"), content_type=JSON)
    return web.Response(status=202)


def _joined(said: list[bytes]) -> bytes:
    """Several messages in one body."""
    if len(said) == 1:
        return said[0].strip()
    members = [one.strip() for one in said]
    members = [one[1:-1] if one[:1] == b"[" else one for one in members]
    return b"[" + b",".join(members) + b"]" if members else b""


def _kind(response: aiohttp.ClientResponse) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _multi(response: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    return headers.returned(response.headers.items())


def _problem(status: int, id_text: str, code: int, text: str) -> web.Response:
    return web.Response(status=status, text=mcp.error(id_text, code, text), content_type=JSON)
