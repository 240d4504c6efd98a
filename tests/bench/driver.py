"""The client of the benchmark: drives one MCP server over pipes at little cost of its own, and checks every answer."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import machine
from answers import Call, Tally
from server import CHUNK, PROSE, echo_text, filler

START_MAX = 60
"""Seconds until a configuration must have answered tools/list."""
STALL_MAX = 60
"""Seconds after which a series of calls is given up."""
EXIT_MAX = 5.0
"""Seconds that a process has to exit after its stdin was closed."""


class Failed(Exception):
    """The configuration under test ended or fell silent."""


@dataclass(slots=True)
class Session:
    """One running configuration with our ends of its pipes."""

    process: subprocess.Popen[bytes]
    begin: int
    tally: Tally = field(default_factory=Tally)
    init_ms: float = 0.0
    list_ms: float = 0.0
    server: int = 0
    _ident: int = 10
    _rest: bytes = b""

    @classmethod
    def spawn(cls, argv: Sequence[str], env: dict[str, str], cwd: str) -> Session:
        """Start the process; the clock of the start-up runs from here. Raises Failed."""
        begin = time.perf_counter_ns()
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=env,
                cwd=cwd,
            )
        except OSError as error:
            raise Failed(f"cannot be started: {error}") from error
        return cls(process, begin)

    @classmethod
    def start(cls, argv: Sequence[str], env: dict[str, str], cwd: str) -> Session:
        """Spawn, shake hands, list the tools. Raises Failed, and leaves nothing running then."""
        session = cls.spawn(argv, env, cwd)
        try:
            session.handshake()
        except Failed:
            session.close()
            raise
        return session

    def handshake(self) -> None:
        """initialize, tools/list, and one call that gives the server's pid. Raises Failed."""
        try:
            with _deadline(START_MAX):
                self._send(_request(1, "initialize", _INITIALIZE))
                self._result(1)
                self.init_ms = (time.perf_counter_ns() - self.begin) / 1e6
                self._send(
                    b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n' + _request(2, "tools/list", "{}")
                )
                listed = self._result(2)
                self.list_ms = (time.perf_counter_ns() - self.begin) / 1e6
                if not {"echo", "whoami"} <= {tool["name"] for tool in listed["tools"]}:
                    raise Failed("tools/list lacks the server's tools")
                self._send(_request(3, "tools/call", '{"name":"whoami","arguments":{}}'))
                self.server = int(self._result(3)["content"][0]["text"])
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise Failed(f"did not start: {error!r}") from error

    def between(self) -> set[int]:
        """The processes between us and the server, the server's own left out."""
        return machine.tree(self.process.pid) - {self.server}

    def prepare(self, count: int, pad: int = 0, size: int = 0, wait: int = 0) -> list[Call]:
        """`count` calls with `pad` bytes of arguments, to be answered with `size` bytes after `wait` ms."""
        return [self._call(pad, size, wait) for _ in range(count)]

    def series(self, calls: Sequence[Call], seconds: float) -> list[int]:
        """One call after the other, at most `seconds` long: nanoseconds of each. Raises Failed."""
        into, out = self.fds()
        clock, write, read = time.perf_counter_ns, os.write, os.read
        taken: list[int] = []
        with _deadline(STALL_MAX + seconds):
            end = clock() + int(seconds * 1e9)
            for call in calls:
                parts = []
                begin = clock()
                if begin > end and len(taken) >= 5:
                    break
                done = write(into, call.message)
                if done < len(call.message):
                    self._send(call.message[done:])
                while True:
                    chunk = read(out, CHUNK)
                    parts.append(chunk)
                    if chunk[-1:] == b"\n":
                        now = clock()
                        if self.tally.closes(parts, call):
                            break
                    elif not chunk:
                        raise Failed("closed its stdout")
                taken.append(now - begin)
        return taken

    def pipelined(self, calls: Sequence[Call], window: int, seconds: float) -> float:
        """Calls a second with `window` calls outstanding; checked afterwards. Raises Failed."""
        into, out = self.fds()
        os.set_blocking(into, False)
        ready = select.poll()
        ready.register(out, select.POLLIN)
        sent = got = at = 0
        pending, parts = b"", []
        begin = time.perf_counter_ns()
        end = begin + int(seconds * 1e9)
        total = len(calls)
        with _deadline(STALL_MAX + seconds):
            while got < total:
                if sent < total and time.perf_counter_ns() > end:
                    total = sent
                more = min(got + window, total)
                if at >= len(pending) and sent < more:
                    pending, at, sent = b"".join(call.message for call in calls[sent:more]), 0, more
                writing = at < len(pending)
                ready.register(into, select.POLLOUT) if writing else ready.register(into, 0)
                for fd, _events in ready.poll():
                    if fd == into and writing:
                        at += os.write(into, pending[at : at + CHUNK])
                    elif fd == out:
                        parts.append(os.read(out, CHUNK))
                        if not parts[-1]:
                            raise Failed("closed its stdout")
                        got += parts[-1].count(b"\n") - parts[-1].count(b'"method"')  # a notification is no answer
        taken = time.perf_counter_ns() - begin
        os.set_blocking(into, True)
        self.tally.check_all(b"".join(parts), calls[:sent])
        return sent / taken * 1e9

    def overtake(self, wait: int) -> float:
        """Milliseconds until a fast call is answered that was sent just after one of `wait` ms."""
        slow, fast = self._call(0, 0, wait), self._call(0, 0, 0)
        with _deadline(STALL_MAX):
            begin = time.perf_counter_ns()
            self._send(slow.message)
            self._send(fast.message)
            lines: list[bytes] = []
            taken = 0
            while len(lines) < 2:
                lines.append(self._line())
                if not taken and fast.text in lines[-1].decode():
                    taken = time.perf_counter_ns() - begin
        self.tally.check_all(b"\n".join(lines) + b"\n", [slow, fast])
        return taken / 1e6

    def close(self) -> float | None:
        """Close stdin; seconds until the process was gone, None if it had to be killed."""
        begin = time.perf_counter()
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin and stdout
        left = machine.tree(self.process.pid)
        stdin.close()
        try:
            self.process.wait(EXIT_MAX)
            taken = time.perf_counter() - begin
        except subprocess.TimeoutExpired:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self.process.wait()
            taken = None
        stdout.close()
        return taken

    def fds(self) -> tuple[int, int]:
        """Its stdin and stdout."""
        assert self.process.stdin and self.process.stdout
        return self.process.stdin.fileno(), self.process.stdout.fileno()

    def _call(self, pad: int, size: int, wait: int) -> Call:
        self._ident += 1
        label = f"call-{self._ident:08d}"
        text = filler(pad) if pad else PROSE[:20]
        arguments = f'{{"label":"{label}","pad":"{text}","size":{size},"wait":{wait}}}'
        message = (
            f'{{"jsonrpc":"2.0","id":{self._ident},"method":"tools/call",'
            f'"params":{{"name":"echo","arguments":{arguments}}}}}\n'
        )
        return Call(self._ident, message.encode(), echo_text(label, text, size))

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.fds()[0], view) :]

    def _line(self) -> bytes:
        while b"\n" not in self._rest:
            chunk = os.read(self.fds()[1], CHUNK)
            if not chunk:
                raise Failed("closed its stdout")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _result(self, ident: int) -> dict[str, list[dict[str, str]]]:
        while True:
            message = json.loads(self._line())
            if message.get("id") == ident and "method" not in message:
                return dict(message["result"])
            self.tally.stray += 1


_INITIALIZE = '{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}'


def _request(ident: int, method: str, params: str) -> bytes:
    return f'{{"jsonrpc":"2.0","id":{ident},"method":"{method}","params":{params}}}\n'.encode()


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Give up a blocking read after `seconds`, at no cost for each call. Raises Failed."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise Failed(f"silent for {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
