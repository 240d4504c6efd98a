"""ASGI middleware: a server that serves only what a device's gate has signed. For any ASGI application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from callgate.verify.checking import Refused, Verifier
from callgate.verify.nonces import Nonces

BODY_MAX = 64 * 1024 * 1024
"""Bytes of a request: as much as the daemon sends."""
BODY_TIME = 30.0
"""Seconds for the whole request to arrive: only then is it known whether it is to be served."""
FORBIDDEN = 403
"""Not 401, at which MCP clients begin to log in."""
CODE = -32001
"""JSON-RPC error code (implementation-defined)."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class SignedCallsOnly:
    """`app = SignedCallsOnly(app, keys=[...], origin="https://mcp.example.org")`

    The application finds who called in `scope["state"]["callgate"]` (an `Accepted`). What is not signed gets 403 and a
    JSON-RPC error that says why; WebSockets are refused.
    """

    def __init__(
        self, app: App, *, keys: Iterable[str], origin: str, nonces: Nonces | None = None, body_max: int = BODY_MAX
    ) -> None:
        """Raises ValueError for a key or origin that is none."""
        self._app = app
        self._verifier = Verifier(keys, origin, nonces=nonces)
        self._body_max = body_max

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """One connection or request, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            body = await asyncio.wait_for(self._body(receive), BODY_TIME)
        except TimeoutError:
            body = None
        if body is None:
            await _refuse(send, "it is too large, too slow, or was broken off")
            return
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        found = self._verifier.check(scope["method"], _target(scope), headers, body)
        if isinstance(found, Refused):
            await _refuse(send, found.reason)
            return
        scope = {**scope, "state": {**scope.get("state", {}), "callgate": found}}
        await self._app(scope, _again(body, receive), send)

    async def _body(self, receive: Receive) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._body_max:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)


def _target(scope: MutableMapping[str, Any]) -> str:
    """Path and query as they came."""
    path = scope.get("raw_path") or scope["path"].encode()
    query = scope.get("query_string", b"")
    return str((path.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1"))


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever comes."""
    left = [body]

    async def given() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return given


async def _refuse(send: Send, reason: str) -> None:
    text = f"this server takes only calls that a Callgate has signed, and this one is not: {reason}"
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": CODE, "message": text}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": FORBIDDEN, "headers": headers})
    await send({"type": "http.response.body", "body": body})
