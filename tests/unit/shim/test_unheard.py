"""A server that is ended before it has said anything: what the client asked until then is answered in its place."""

from __future__ import annotations

import json

from callgate.shim.frames import ALLOW, DENY
from callgate.shim.relay import REFUSED, UNHEARD_MAX, Relay, Terms

INITIALIZE = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}\n'


def allowed() -> Relay:
    relay = Relay(Terms("0" * 16, True, DENY, 5.0, 1 << 26), lambda entry: True, 0.0)
    relay.from_client(INITIALIZE, 0.0)
    relay.questions.hello(b"{}", 0.0)
    relay.answered(1, bytes((ALLOW,)), 0.0)
    assert b"".join(relay.out.server) == INITIALIZE
    relay.out.server = []
    return relay


def revoke(relay: Relay) -> list[dict[str, object]]:
    body = bytes((DENY,)) + json.dumps({"rule": "server.digest", "reason": "it was changed"}).encode()
    relay.questions.hello(b"{}", 1.0)
    relay._launch(DENY, json.loads(body[1:]), 1.0)
    assert relay.launch is REFUSED
    return [json.loads(line) for chunk in relay.out.client for line in bytes(chunk).splitlines()]


def test_the_opening_is_answered_with_the_reason() -> None:
    (said,) = revoke(allowed())
    assert said["id"] == 1 and "it was changed" in json.dumps(said["result"])


def test_what_the_server_has_answered_is_not_answered_again() -> None:
    relay = allowed()
    relay.from_server(b'{"jsonrpc":"2.0","id":1,"result":{}}\n', 0.5)
    relay.out.client = []
    assert revoke(relay) == []


def test_half_a_message_and_too_much_are_left_alone() -> None:
    relay = allowed()
    relay.from_client(b'{"jsonrpc":"2.0","id":2,', 0.5)
    assert revoke(relay) == []
    relay = allowed()
    for _ in range(UNHEARD_MAX // 1000 + 1):
        relay.from_client(b'{"jsonrpc":"2.0","method":"notifications/x","params":{"a":"%s"}}\n' % (b"x" * 1000), 0.5)
    relay.out.server = []
    assert revoke(relay) == []
