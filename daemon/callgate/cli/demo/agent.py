"""A stand-in for an agent: starts a server exactly as the config says, and speaks MCP to it."""

from __future__ import annotations

import json
import select
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from callgate.model.errors import CallgateError

PATIENCE = 15.0
"""Seconds to wait for one answer."""


class StandIn:
    """One MCP session over stdio. A context manager: the server ends with it."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._number = 0

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.stdout.close()

    def hello(self) -> dict[str, Any]:
        """The handshake; what the server (or the gate) answered."""
        client = {"name": "demo", "version": "1"}
        return self._ask("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=client)

    def tools(self) -> list[str]:
        """The names of the tools that we are shown."""
        return [tool["name"] for tool in self._result("tools/list")["tools"]]

    def call(self, tool: str, **arguments: str) -> tuple[bool, str]:
        """Call a tool: did it go well, and what came back?"""
        result = self._result("tools/call", name=tool, arguments=arguments)
        return not result.get("isError", False), result["content"][0]["text"]

    def _result(self, method: str, **params: object) -> dict[str, Any]:
        answer = self._ask(method, **params)
        if "result" not in answer:
            raise CallgateError("demo server", f"answers {method} with {answer}", "run `callgate doctor`")
        result: dict[str, Any] = answer["result"]
        return result

    def _ask(self, method: str, **params: object) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._number += 1
        message = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            raise CallgateError("demo server", f"did not answer {method} in {PATIENCE:.0f} s", "run `callgate doctor`")
        line = self._process.stdout.readline()
        if not line:
            raise CallgateError("demo server", f"ended instead of answering {method}", "run `callgate doctor`")
        answer: dict[str, Any] = json.loads(line)
        return answer
