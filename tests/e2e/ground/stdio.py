"""A byte-level MCP client for one stdio server: it sends what a script says, and keeps every line that it gets."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Message = dict[str, Any]
Answerer = Callable[[Message], Message]
"""What the scripted client answers to a request of the server: a `{"result": ..}` or `{"error": ..}` object."""

PATIENCE = 20.0
"""Seconds to wait for one message. A Python server needs two to start, and the machine may be busy."""


class NoAnswerError(AssertionError):
    """The server did not say what the script waits for."""


@dataclass
class Transcript:
    """Every line of one conversation as the client received it, in the order of arrival."""

    lines: list[bytes] = field(default_factory=list)
    asked: dict[str, bytes] = field(default_factory=dict)
    """Our requests by id, as JSON text: to name the question that an answer belongs to."""
    exit_code: int | None = None
    stderr: bytes = b""


class Peer:
    """One running server process (or wrapper in front of it), spoken to in raw lines."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        answer: Answerer | None = None,
    ) -> None:
        self.transcript = Transcript()
        self._answer = answer
        self._ids = 0
        self._taken: set[int] = set()
        self._arrived: queue.Queue[bytes | None] = queue.Queue()
        self.process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._threads = [
            threading.Thread(target=self._read_stdout, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_stdout(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._arrived.put(line)
        self._arrived.put(None)

    def _read_stderr(self) -> None:
        assert self.process.stderr
        while chunk := os.read(self.process.stderr.fileno(), 65536):
            self.transcript.stderr += chunk

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def tell(self, method: str, params: object = None) -> None:
        """Send a notification."""
        self.send(_line({"jsonrpc": "2.0", "method": method} | ({} if params is None else {"params": params})))

    def begin(self, method: str, params: object = None) -> str:
        """Send a request without waiting; its id."""
        self._ids += 1
        uid = f"q{self._ids}"
        message = {"jsonrpc": "2.0", "id": uid, "method": method} | ({} if params is None else {"params": params})
        data = _line(message)
        self.transcript.asked[uid] = data
        self.send(data)
        return uid

    def ask(self, method: str, params: object = None, patience: float = PATIENCE) -> Message:
        """Send a request and wait for its answer: the whole response object."""
        return self.wait_answer(self.begin(method, params), patience)

    def wait_answer(self, uid: str, patience: float = PATIENCE) -> Message:
        """The response with that id. Messages that come before it are kept in the transcript."""
        return self.wait(lambda m: m.get("id") == uid and "method" not in m, f"the answer to {uid}", patience)

    def wait_method(self, method: str, patience: float = PATIENCE) -> Message:
        """The next request or notification of that method that no earlier wait has returned."""
        return self.wait(lambda m: m.get("method") == method, method, patience)

    def wait(self, fits: Callable[[Message], bool], what: str, patience: float = PATIENCE) -> Message:
        """The first message that fits and that no earlier wait has returned.

        Raises NoAnswerError when the time is over or the stream ended.
        """
        deadline = time.monotonic() + patience
        at = 0
        while True:
            while at < len(self.transcript.lines):
                message = _parse(self.transcript.lines[at])
                if at not in self._taken and fits(message):
                    self._taken.add(at)
                    return message
                at += 1
            self._receive(what, deadline)

    def _receive(self, what: str, deadline: float) -> None:
        try:
            line = self._arrived.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise NoAnswerError(f"no {what} in time; {self._story()}") from None
        if line is None:
            self._arrived.put(None)
            raise NoAnswerError(f"the stream ended before {what}; {self._story()}")
        self.transcript.lines.append(line)
        self._answer_if_asked(_parse(line))

    def _answer_if_asked(self, message: Message) -> None:
        if "method" in message and "id" in message and self._answer:
            self.send(_line({"jsonrpc": "2.0", "id": message["id"], **self._answer(message)}))

    def _story(self) -> str:
        got = b"".join(self.transcript.lines[-5:]).decode(errors="replace")[-2000:]
        return f"exit code {self.process.poll()}; stderr: {self.transcript.stderr[-2000:]!r}; last lines: {got}"

    def close(self, grace: float = 2.0) -> Transcript:
        """End it as agents do (close stdin, then SIGTERM), and return the transcript with all lines that still came.

        Some servers stay after the end of their input (server-everything while a timer runs), so SIGTERM is no failure.
        """
        with contextlib.suppress(OSError):
            if self.process.stdin:
                self.process.stdin.close()
        for end in (lambda: None, self.process.terminate, lambda: os.killpg(self.process.pid, signal.SIGKILL)):
            with contextlib.suppress(ProcessLookupError):
                end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.transcript.exit_code = self.process.wait(grace)
                break
        for thread in self._threads:
            thread.join(5)
        while not self._arrived.empty():
            if line := self._arrived.get_nowait():
                self.transcript.lines.append(line)
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        return self.transcript


def _line(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _parse(line: bytes) -> Message:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
