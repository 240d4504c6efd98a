"""api.sock: the door of the local API, and how its answers and failures travel."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

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
Route = Callable[[web.Request, Json], Json]
"""Answers one request, whose body was a JSON object or empty. May block; raises CallgateError."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def serve(path: Path, routes: Mapping[str, Route]) -> web.AppRunner:
    """Listen on `path` until the runner's cleanup(); `routes` is `METHOD path` -> what answers it. Raises CallgateError
    if it cannot listen there.
    """
    application = web.Application(middlewares=[_door], client_max_size=BODY_MAX)
    for line, function in routes.items():
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


def _handler(function: Route) -> Handler:
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


def text(body: Mapping[str, object], name: str) -> str:
    """A member that must be text and not empty. Raises CallgateError."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise CallgateError("request", f"`{name}` is missing or not text")
    return value


def number(body: Mapping[str, object], name: str) -> int:
    """A member that must be a number that is not negative. Raises CallgateError."""
    value = body.get(name)
    if type(value) is not int or not 0 <= value < 2**31:
        raise CallgateError("request", f"`{name}` is missing or not a number")
    return value


def number_at(body: Mapping[str, object], name: str) -> int:
    """A member that must be a moment in nanoseconds. Raises CallgateError."""
    value = body.get(name)
    if type(value) is not int or not 0 <= value < 2**63:
        raise CallgateError("request", f"`{name}` is missing or no time in nanoseconds")
    return value


def objects(body: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """A member that must be a list of objects. Raises CallgateError."""
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise CallgateError("request", f"`{name}` is missing or not a list of objects")
    return value


def text_or_none(body: Mapping[str, object], name: str) -> str | None:
    """A member that is text, or is not there. Raises CallgateError."""
    return None if body.get(name) is None else text(body, name)
