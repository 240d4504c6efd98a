"""Ask a server, as a client would, for all that it shows to a model: for whoever pins it or reviews a new version."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from callgate import __version__
from callgate.detect import definition, jcs
from callgate.detect.definition import Definition
from callgate.model.errors import CallgateError
from callgate.model.pin import Kind

PATIENCE = 60.0
"""Seconds for the whole conversation: `npx` and `uvx` may have to download the server first."""
LINE_MAX = 64 * 1024 * 1024
"""Bytes of one line of the server."""
PAGES_MAX = 200
"""Pages of one list."""
GRACE = 2.0
"""Seconds that the server gets to end by itself."""
SESSION, STATELESS = "2025-11-25", "2026-07-28"
"""Protocol versions that are tried, in this order."""
LISTS = {
    Kind.TOOL: ("tools", "tools/list"),
    Kind.PROMPT: ("prompts", "prompts/list"),
    Kind.TEMPLATE: ("resources", "resources/templates/list"),
}
"""Capability and request of each kind."""

Capture = dict[str, Any]
"""`serverInfo`, `instructions`, and by kind what was listed, as the server gave it."""


def capture(argv: Sequence[str]) -> Capture:
    """Start a server and ask it for everything. Raises CallgateError if it does not answer in time, or sensibly."""
    with _Server(argv) as server:
        result, meta = _open(server)
        found: Capture = {"serverInfo": result.get("serverInfo"), "instructions": result.get("instructions") or ""}
        capabilities = result.get("capabilities")
        for kind, (capability, method) in LISTS.items():
            if isinstance(capabilities, Mapping) and capability in capabilities:
                found[kind.value] = _all_pages(server, method, kind.value, meta)
        return found


def definitions(captured: Mapping[str, Any], source: str) -> list[Definition]:
    """All definitions of a capture. Raises CallgateError if one has no proper name, or could not be read."""
    plain = jcs.parse(json.dumps(captured))
    found = [definition.of_instructions(plain.get("instructions"))]
    for kind in LISTS:
        listed = plain.get(kind.value, [])
        for item in listed if isinstance(listed, list) else [None]:
            one = definition.read(kind, item)
            if one is None:
                raise CallgateError(source, f"shows a {kind.noun} without a proper name", "it cannot be pinned")
            if one.unread:
                raise CallgateError(source, f"{kind.noun} {one.name[:80]!r}: {one.unread}", "it cannot be pinned")
            found.append(one)
    return found


def _open(server: _Server) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer to the opening, and what goes with each later request."""
    client = {"name": "callgate", "version": __version__}
    answer = server.ask("initialize", {"protocolVersion": SESSION, "capabilities": {}, "clientInfo": client})
    if isinstance(answer.get("result"), dict):
        server.tell("notifications/initialized")
        return answer["result"], {}
    prefix = "io.modelcontextprotocol/"
    told = {"protocolVersion": STATELESS, "clientInfo": client, "clientCapabilities": {}}
    meta = {"_meta": {prefix + name: value for name, value in told.items()}}
    return server.result("server/discover", meta), meta


def _all_pages(server: _Server, method: str, member: str, meta: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    cursor: dict[str, Any] = {}
    for _ in range(PAGES_MAX):
        result = server.result(method, {**meta, **cursor})
        page = result.get(member)
        if not isinstance(page, list):
            raise CallgateError(server.name, f"answers {method} without `{member}`", "it cannot be pinned")
        found += page
        if result.get("nextCursor") is None:
            return found
        cursor = {"cursor": result["nextCursor"]}
    raise CallgateError(server.name, f"answers {method} in more than {PAGES_MAX} pages", "it cannot be pinned")


class _Server:
    """One running server, spoken to in lines."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.name = argv[0]
        self._deadline = time.monotonic() + PATIENCE
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._serial = 0
        try:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            raise CallgateError(self.name, f"cannot be started ({error.strerror})", "check the command") from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> _Server:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        process = self._process
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._reader.join(GRACE)
        if process.stdout and not self._reader.is_alive():
            process.stdout.close()

    def ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request, `result` or `error`. Raises CallgateError."""
        self._serial += 1
        self._send({"jsonrpc": "2.0", "id": self._serial, "method": method, "params": params})
        while True:
            try:
                message = json.loads(self._line(method))
            except (ValueError, RecursionError):
                continue  # servers print all kinds of things
            if not isinstance(message, dict):
                continue
            if "method" in message and "id" in message:
                error = {"code": -32601, "message": "not supported"}
                self._send({"jsonrpc": "2.0", "id": message["id"], "error": error})
            elif message.get("id") == self._serial and "method" not in message:
                return message

    def result(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a request. Raises CallgateError if there is none."""
        answer = self.ask(method, params)
        if not isinstance(answer.get("result"), dict):
            said = json.dumps(answer.get("error"))[:200]
            raise CallgateError(self.name, f"answers {method} with an error ({said})", "try it by hand")
        return dict(answer["result"])

    def tell(self, method: str) -> None:
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method})

    def _send(self, message: object) -> None:
        try:
            assert self._process.stdin
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise CallgateError(self.name, "has ended", "try it by hand") from error

    def _line(self, method: str) -> bytes:
        try:
            line = self._lines.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            raise CallgateError(self.name, f"gives no answer to {method} in {PATIENCE:g} s", "try it by hand") from None
        if not line.endswith(b"\n"):
            raise CallgateError(self.name, f"has ended without an answer to {method}", "try it by hand")
        return line

    def _read(self) -> None:
        assert self._process.stdout
        while True:
            line = self._process.stdout.readline(LINE_MAX)
            self._lines.put(line)
            if not line.endswith(b"\n"):
                return
