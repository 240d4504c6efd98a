"""A relay on a table: bytes go in at both ends, the test plays the gate, and time passes when the test says so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from callgate.shim import frames
from callgate.shim.relay import Relay, Terms

DEADLINE = 5.0
LIMIT = 4096


@dataclass(frozen=True)
class Frame:
    """Something for the gate."""

    kind: int
    serial: int
    flags: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body as a value."""
        return json.loads(self.body)


class Scene:
    """One session. With `gate` the greeting is answered at once and the relay is ready."""

    def __init__(self, *, enforce: bool = True, on_doubt: int = frames.DENY, gate: bool = True, limit: int = LIMIT):
        self.now = 100.0
        self.spooled: list[dict[str, object]] = []
        self.disk_full = False
        terms = Terms(uid="c0ffee", enforce=enforce, on_doubt=on_doubt, deadline=DEADLINE, message_max=limit)
        self.relay = Relay(terms, self._record, self.now)
        self._frames = bytearray()
        self._client = b""
        self._server = b""
        if gate:
            self.connect()

    def connect(self, effect: int = frames.ALLOW, **detail: object) -> None:
        """A connection comes up and the gate answers the greeting."""
        self.greet()
        self.answer(self.asked(frames.HELLO)[-1].serial, effect, **detail)

    def greet(self) -> None:
        """A connection comes up."""
        self.relay.questions.hello(b'{"uid":"c0ffee"}', self.now)

    def disconnect(self) -> None:
        """The connection is gone."""
        self.relay.questions.lost(self.now)

    def client(self, *messages: object) -> None:
        """The client writes each message as a line; bytes go as they are."""
        for message in messages:
            self.relay.from_client(line(message), self.now)

    def server(self, *messages: object) -> None:
        """The server writes each message as a line; bytes go as they are."""
        for message in messages:
            self.relay.from_server(line(message), self.now)

    def answer(self, serial: int, effect: int = frames.ALLOW, **detail: object) -> None:
        """The gate answers."""
        body = json.dumps(detail).encode() if detail else b""
        self.relay.answered(serial, bytes((effect,)) + body, self.now)

    def rule(self, effect: int = frames.ALLOW, **detail: object) -> list[Frame]:
        """The gate answers all that was asked since the last look in the same way; returns what it was."""
        found = [one for one in self.asked() if one.kind in (frames.ASK, frames.LIST)]
        for one in found:
            self.answer(one.serial, effect, **detail)
        return found

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.relay.tick(self.now)

    def asked(self, kind: int | None = None) -> list[Frame]:
        """What went to the gate since the last look."""
        self._frames += b"".join(self.relay.questions.frames)
        self.relay.questions.frames = []
        found = []
        for one, serial, body in frames.unpack(self._frames):
            flagged = one in (frames.ASK, frames.LIST)
            found.append(Frame(one, serial, body[0] if flagged else 0, body[1:] if flagged else body))
        return [one for one in found if kind in (None, one.kind)]

    def notes(self) -> list[dict[str, Any]]:
        """What was noted since the last look."""
        self.relay.questions.flush_notes()
        return [one.json for one in self.asked(frames.NOTE)]

    def to_client(self) -> bytes:
        """What the client got since the last look."""
        found, self.relay.out.client = b"".join(self.relay.out.client), []
        return found

    def to_server(self) -> bytes:
        """What the server got since the last look."""
        found, self.relay.out.server = b"".join(self.relay.out.server), []
        return found

    def told(self) -> list[Any]:
        """The messages that the client got since the last look."""
        return [json.loads(one) for one in self.to_client().splitlines()]

    def _record(self, entry: dict[str, object]) -> bool:
        if not self.disk_full:
            self.spooled.append(entry)
        return not self.disk_full


def line(message: object) -> bytes:
    """A message as it goes over the wire."""
    return message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"


def call(id: object, tool: str = "echo", **arguments: object) -> dict[str, Any]:
    """A tools/call."""
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
