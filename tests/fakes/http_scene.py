"""An installation that enforces, with one HTTP entry of Claude Code for a server, asked as that agent would ask."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

from http_server import HttpServer
from installation import Installation


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


class Scene:
    """One installation that enforces, with one HTTP entry of Claude Code for `server`."""

    def __init__(self, installation: Installation, server: HttpServer) -> None:
        self.installation = installation
        self.server = server
        self.config = installation.home / ".claude.json"
        headers = {"Authorization": "Bearer s3cret"}
        self.original = json.dumps({"mcpServers": {"remote": {"type": "http", "url": server.url, "headers": headers}}})
        self.config.write_text(self.original)
        installation.client.wrap()

    @property
    def entry(self) -> dict[str, Any]:
        found = json.loads(self.config.read_text())["mcpServers"]["remote"]
        assert isinstance(found, dict)
        return found

    def allow(self, tool: str | None = None) -> None:
        self.installation.client.rule("remote", tool, "allow")

    def ask(
        self, message: Any, method: str = "POST", headers: dict[str, str] | None = None, raw: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        where = urlsplit(self.entry["url"])
        connection = http.client.HTTPConnection("127.0.0.1", where.port or 0, timeout=20)
        body = raw if raw is not None else json.dumps(message).encode() if message is not None else None
        sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **(headers or {})}
        try:
            connection.request(method, where.path, body, sent)
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


def call(tool: str, id: object = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {"a": 1}}}
