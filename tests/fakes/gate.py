"""A gate that answers as a test tells it to, on a real socket, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callgate.shim import frames

PATIENCE = 10.0
"""Seconds that any wait of a test may take."""


@dataclass(frozen=True)
class Asked:
    """One frame that came from a shim."""

    kind: int
    serial: int
    flags: int
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        """The body as a value."""
        return json.loads(self.body)


Verdict = tuple[int, dict[str, object]]
ALLOWED: Verdict = (frames.ALLOW, {})
SILENCE: Verdict = (-1, {})
"""Give this as a verdict to leave a question without an answer."""


def denied(reason: str = "not on the list", rule: str = "test") -> Verdict:
    """A refusal."""
    return frames.DENY, {"reason": reason, "rule": rule}


@dataclass
class Gate:
    """Listens at `path` between `open` and `close`; `decide` makes each answer."""

    path: Path
    decide: Callable[[Asked], Verdict] = lambda asked: ALLOWED
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._sockets: list[socket.socket] = []
        self._listener: socket.socket | None = None

    def __enter__(self) -> Gate:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Begin to listen."""
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen(16)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Stop listening and hang up on everybody, as a daemon that was killed does."""
        with self._changed:
            listener, self._listener = self._listener, None
            sockets, self._sockets = self._sockets, []
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for one in sockets:
            one.shutdown(socket.SHUT_RDWR)
            one.close()

    def answer(self, asked: Asked, verdict: Verdict) -> None:
        """Answer a question that was left open, on the newest connection."""
        with self._changed:
            connection = self._sockets[-1]
        connection.sendall(_answer(asked.serial, verdict))

    def of(self, kind: int) -> list[Asked]:
        """What was asked of this kind so far."""
        with self._changed:
            return [one for one in self.asked if one.kind == kind]

    def notes(self, what: str) -> list[dict[str, Any]]:
        """What was noted under this name so far."""
        return [one.json for one in self.of(frames.NOTE) if one.json["what"] == what]

    def wait(self, ready: Callable[[Gate], Any]) -> Any:
        """Wait until `ready` gives something true, and return it."""
        end = time.monotonic() + PATIENCE
        with self._changed:
            while not (found := ready(self)):
                left = end - time.monotonic()
                assert left > 0, f"the gate waited in vain; it was asked {self.asked}"
                self._changed.wait(left)
        return found

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._changed:
                self.connections += 1
                self._sockets.append(connection)
                number = self.connections
                self._changed.notify_all()
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        buffer = bytearray()
        try:
            while data := connection.recv(65536):
                buffer += data
                out = [self._frame(number, *frame) for frame in frames.unpack(buffer)]
                connection.sendall(b"".join(out))
        except OSError:
            pass

    def _frame(self, number: int, kind: int, serial: int, body: bytes) -> bytes:
        flagged = kind in (frames.ASK, frames.LIST)
        asked = Asked(kind, serial, body[0] if flagged else 0, body[1:] if flagged else body, number)
        with self._changed:
            self.asked.append(asked)
            self._changed.notify_all()
        if kind == frames.NOTE:
            return b""
        return _answer(serial, self.decide(asked))


def _answer(serial: int, verdict: Verdict) -> bytes:
    effect, detail = verdict
    if verdict == SILENCE:
        return b""
    return frames.pack(frames.ANSWER, serial, bytes((effect,)) + (json.dumps(detail).encode() if detail else b""))
