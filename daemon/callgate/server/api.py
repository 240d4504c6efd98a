"""api.sock: the routes of the local API, and the door in front of them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from callgate.model.errors import CallgateError
from callgate.system import sockets

log = logging.getLogger(__name__)

PEER: ContextVar[int] = ContextVar("callgate_api_peer", default=0)
"""The pid of the program whose request is being answered, 0 outside of requests."""
BODY_MAX = 64 * 1024
"""Bytes of one request's body."""
SHUTDOWN = 2.0
"""Seconds that a request may still take when the daemon ends."""

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Backend(Protocol):
    """What the routes serve; each method may block and runs on a thread of its own. Raises CallgateError."""

    def status(self) -> Json: ...
    def inventory(self, fresh: bool) -> Json: ...
    def events(self, filters: Mapping[str, str]) -> Json: ...
    def event(self, ref: str) -> Json: ...
    def server(self, ref: str) -> Json: ...
    def verify(self) -> Json: ...
    def rule(self, server: str, tool: str | None, effect: str) -> Json: ...
    def policy(self) -> Json: ...
    def set_policy(self, file: str | None, force: bool) -> Json: ...
    def break_glass(self, minutes: int, why: str) -> Json: ...
    def pins(self) -> Json: ...
    def compare_pins(self, server: str, name: str | None) -> Json: ...
    def approve_pins(self, server: str, pins: Sequence[Mapping[str, object]]) -> Json: ...
    def forget_pins(self, server: str, name: str | None) -> Json: ...
    def wrap(self, agent: str | None) -> Json: ...
    def unwrap(self, agent: str | None) -> Json: ...
    def reload(self) -> Json: ...
    def stop(self) -> Json: ...


def routes(backend: Backend) -> dict[str, Callable[[web.Request, Json], Json]]:
    """`METHOD path` -> what answers it. The one list of all that the local API can do."""
    return {
        "GET /v1/events": lambda request, _: backend.events(dict(request.query)),
        "GET /v1/events/{ref}": lambda request, _: backend.event(request.match_info["ref"]),
        "GET /v1/inventory": lambda request, _: backend.inventory(request.query.get("fresh") == "1"),
        "GET /v1/servers/{ref}": lambda request, _: backend.server(request.match_info["ref"]),
        "GET /v1/status": lambda request, _: backend.status(),
        "GET /v1/verify": lambda request, _: backend.verify(),
        "GET /v1/policy": lambda request, _: backend.policy(),
        "POST /v1/policy": lambda _, body: backend.set_policy(_text_or_none(body, "file"), body.get("force") is True),
        "POST /v1/policy/break-glass": lambda _, body: backend.break_glass(
            _number(body, "minutes"), _text_or_none(body, "why") or ""
        ),
        "GET /v1/pins": lambda request, _: backend.pins(),
        "GET /v1/pins/{ref}": lambda request, _: backend.compare_pins(
            request.match_info["ref"], request.query.get("name")
        ),
        "POST /v1/pins/approve": lambda _, body: backend.approve_pins(_text(body, "server"), _objects(body, "pins")),
        "POST /v1/pins/forget": lambda _, body: backend.forget_pins(_text(body, "server"), _text_or_none(body, "name")),
        "POST /v1/reload": lambda request, _: backend.reload(),
        "POST /v1/rule": lambda _, body: backend.rule(
            _text(body, "server"), _text_or_none(body, "tool"), _text(body, "effect")
        ),
        "POST /v1/stop": lambda request, _: backend.stop(),
        "POST /v1/unwrap": lambda _, body: backend.unwrap(_text_or_none(body, "agent")),
        "POST /v1/wrap": lambda _, body: backend.wrap(_text_or_none(body, "agent")),
    }


async def serve(path: Path, backend: Backend) -> web.AppRunner:
    """Listen on `path` until the runner's cleanup(). Raises CallgateError if it cannot listen there."""
    application = web.Application(middlewares=[_door], client_max_size=BODY_MAX)
    for line, function in routes(backend).items():
        method, _, where = line.partition(" ")
        application.router.add_route(method, where, _handler(function))
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN)
    await runner.setup()
    await web.SockSite(runner, sockets.listen(path)).start()
    return runner


async def listen_again(runner: web.AppRunner, path: Path) -> None:
    """Listen on `path` anew, in place of the socket that somebody took away. Raises CallgateError."""
    listening = sockets.listen(path)
    for site in list(runner.sites):
        await site.stop()
    await web.SockSite(runner, listening).start()


def _handler(function: Callable[[web.Request, Json], Json]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        body: Json = {}
        if request.can_read_body:
            try:
                body = json.loads(await request.read())
            except (ValueError, RecursionError) as error:
                raise CallgateError("request", f"is not JSON ({error})") from error
            if not isinstance(body, dict):
                raise CallgateError("request", "is not a JSON object")
        return web.json_response(await asyncio.to_thread(function, request, body))

    return handle


@web.middleware
async def _door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets in only this user's own programs, never a browser, and turns every failure into one clear answer."""
    transport = request.transport
    connection = transport.get_extra_info("socket") if transport else None
    try:
        if connection is None or sockets.peer(connection).uid != os.getuid():
            raise CallgateError("request", "comes from another user")
        if "Origin" in request.headers or "Referer" in request.headers or request.host != "callgate":
            raise CallgateError("request", "comes from a browser")
        PEER.set(sockets.peer(connection).pid)
        return await handler(request)
    except CallgateError as error:
        answer = {"thing": error.thing, "problem": error.problem, "step": error.step, "exit_code": error.exit_code}
        return web.json_response(answer, status=400)
    except web.HTTPException as error:
        return web.json_response({"thing": request.path, "problem": error.reason, "step": ""}, status=error.status)
    except Exception:  # a task edge: the daemon lives on, the operator finds the trace in the daemon's log
        log.exception("%s %s failed", request.method, request.path)
        answer = {"thing": request.path, "problem": "failed inside the daemon", "step": "run `callgate doctor`"}
        return web.json_response(answer, status=500)


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise CallgateError("request", f"`{name}` is missing or not text")
    return value


def _number(body: Mapping[str, object], name: str) -> int:
    value = body.get(name)
    if type(value) is not int or not 0 <= value < 2**31:
        raise CallgateError("request", f"`{name}` is missing or not a number")
    return value


def _objects(body: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise CallgateError("request", f"`{name}` is missing or not a list of objects")
    return value


def _text_or_none(body: Mapping[str, object], name: str) -> str | None:
    return None if body.get(name) is None else _text(body, name)
