"""An MCP server over HTTP that answers as it is told, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request, Any], Awaitable[web.StreamResponse]]


async def plain(request: web.Request, message: Any) -> web.StreamResponse:
    """A small server: one tool, JSON answers."""
    if not isinstance(message, dict) or "id" not in message:
        return web.Response(status=202)
    results: dict[str, Any] = {
        "initialize": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "serverInfo": {"name": "f"},
        },
        "tools/list": {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("good", "bad")]},
        "tools/call": {"content": [{"type": "text", "text": "done"}]},
    }
    body = {"jsonrpc": "2.0", "id": message["id"], "result": results.get(message["method"], {})}
    return web.json_response(body, headers={"Mcp-Session-Id": "s1"})


class HttpServer:
    """Serves `/mcp` on a port of its own, in a thread of its own."""

    def __init__(self, answer: Answer = plain, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self._tls = tls
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        """Method, headers and body of each request."""
        self._ready: Future[int] = Future()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/mcp"

    def __enter__(self) -> HttpServer:
        self._thread.start()
        self.port = self._ready.result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; more than once is no harm."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        application = web.Application(client_max_size=2**30)
        application.router.add_route("*", "/{rest:.*}", self._take)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self._ready.set_result(runner.addresses[0][1])
        await self._end.wait()
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((request.method, {name.lower(): value for name, value in request.headers.items()}, body))
        try:
            message = json.loads(body)
        except ValueError:
            message = None
        return await self.answer(request, message)
