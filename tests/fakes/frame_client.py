"""A shim reduced to its frames: tells gate.sock what a test says, and reads the answers. Every wait is bounded."""

from __future__ import annotations

import json
import os
import select
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callgate.shim import frames

PATIENCE = 10.0


def hello(uid: str = "0123456789abcdef", **more: object) -> dict[str, Any]:
    """A HELLO that makes sense."""
    said: dict[str, Any] = {
        "version": frames.VERSION, "uid": uid, "resumed": False, "launcher": "", "entry": "an entry",
        "argv": ["/bin/cat"], "cwd": "/", "path": "/usr/bin:/bin", "pid": os.getpid(), "server_pid": 0, "build": "b",
    }  # fmt: skip
    return said | more


def ask(tool: object = "read", arguments: object = None, flags: int = 0) -> bytes:
    """The body of an ASK."""
    params = {"name": tool, "arguments": {} if arguments is None else arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return bytes((flags,)) + json.dumps(message).encode()


def listing(*tools: object, flags: int = 0) -> bytes:
    """The body of a LIST."""
    result = {"tools": [{"name": tool} for tool in tools]}
    return bytes((flags,)) + json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()


@dataclass(frozen=True)
class Answer:
    """What the gate said to one question."""

    serial: int
    effect: int
    said: dict[str, Any]

    @property
    def allowed(self) -> bool:
        return self.effect == frames.ALLOW


class FrameClient:
    """One connection to the gate."""

    def __init__(self, path: Path, timeout: float = PATIENCE) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.socket.connect(str(path))
                break
            except BlockingIOError:  # too many wait to be accepted: the shim comes again, too
                if time.monotonic() > end:
                    self.socket.close()
                    raise
                select.select([], [], [], 0.01)
            except OSError:
                self.socket.close()
                raise
        self._buffer = bytearray()
        self._answers: list[Answer] = []
        self._serial = 0

    def __enter__(self) -> FrameClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, kind: int, body: bytes | dict[str, Any], serial: int | None = None) -> int:
        """Send one frame; its serial, a new one unless given."""
        if serial is None:
            self._serial += 1
            serial = self._serial
        self.raw(frames.pack(kind, serial, body if isinstance(body, bytes) else json.dumps(body).encode()))
        return serial

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> Answer:
        """The next answer."""
        while not self._answers:
            data = self.socket.recv(65536)
            assert data, "the gate hung up"
            self._buffer += data
            for kind, serial, body in frames.unpack(self._buffer):
                assert kind == frames.ANSWER
                self._answers.append(Answer(serial, body[0], json.loads(body[1:]) if body[1:] else {}))
        return self._answers.pop(0)

    def greet(self, uid: str = "0123456789abcdef", **more: object) -> Answer:
        """Say hello and hear the answer."""
        serial = self.send(frames.HELLO, hello(uid, **more))
        answer = self.answer()
        assert answer.serial == serial
        return answer

    def ask(self, tool: object = "read", arguments: object = None, flags: int = 0, serial: int | None = None) -> Answer:
        """Ask for one call and hear the answer."""
        serial = self.send(frames.ASK, ask(tool, arguments, flags), serial)
        answer = self.answer()
        assert answer.serial == serial
        return answer

    def note(self, what: str, **said: object) -> None:
        self.send(frames.NOTE, {"what": what, **said}, 0)

    def is_hung_up(self) -> bool:
        """Wait for the gate to end the connection; answers before that are dropped. False after PATIENCE."""
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True
