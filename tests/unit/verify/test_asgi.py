"""The middleware in front of an application: what is signed reaches it, with its body; nothing else does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

from callgate.audit.note import PLAIN, Key
from callgate.httpshim.signing import Signing
from callgate.verify.asgi import SignedCallsOnly
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY = Ed25519PrivateKey.generate()
LINE = str(Key("host/callgate", PLAIN, KEY.public_key().public_bytes_raw()))
ORIGIN = "http://127.0.0.1:8000"
BODY = b'{"id":1}'

Message = MutableMapping[str, Any]


class Application:
    """Keeps what reached it."""

    def __init__(self) -> None:
        self.served: list[tuple[str, bytes]] = []

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.served.append((scope["state"]["callgate"].policy, (await receive())["body"]))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"ok"})


def ask(application: Application, scope: Message, parts: list[bytes], body_max: int = 1000) -> list[Message]:
    """What the middleware sends for one request whose body comes in these parts (None: then it is broken off)."""
    sent: list[Message] = []
    coming: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    coming[-1]["more_body"] = False

    async def receive() -> Message:
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    guarded = SignedCallsOnly(application, keys=[LINE], origin=ORIGIN, body_max=body_max)
    asyncio.run(guarded(scope, receive, send))
    return sent


def scope(headers: list[tuple[str, str]], kind: str = "http") -> Message:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return {"type": kind, "method": "POST", "path": "/mcp", "raw_path": b"/mcp", "query_string": b"a=1", "headers": raw}


def signed() -> list[tuple[str, str]]:
    return Signing(lambda: KEY, lambda: "rules").sign("POST", f"{ORIGIN}/mcp?a=1", [("Host", "x")], BODY)


def test_a_signed_request_reaches_the_application_with_its_body() -> None:
    application = Application()
    sent = ask(application, scope(signed()), [BODY[:3], BODY[3:]])
    assert application.served == [("rules", BODY)]
    assert sent[0]["status"] == 200


def test_an_unsigned_changed_or_too_large_one_gets_a_reason_and_not_further() -> None:
    application = Application()
    for headers, parts, reason in (
        ([("Host", "x")], [BODY], "not signed"),
        (signed(), [BODY, b"!"], "Content-Digest"),
        (signed(), [b"x" * 2000], "too large"),
    ):
        start, body = ask(application, scope(headers), parts)
        assert start["status"] == 403
        assert reason in json.loads(body["body"])["error"]["message"]
    assert application.served == []


def test_a_websocket_is_closed_and_the_lifespan_passes() -> None:
    application = Application()
    assert ask(application, scope([], "websocket"), [b""]) == [{"type": "websocket.close", "code": 1008}]
    assert ask(application, {"type": "lifespan"}, [b""]) == []
