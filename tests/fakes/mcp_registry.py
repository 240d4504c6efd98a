"""An MCP Registry of API v0.1 with pages and cursors, on a loopback port; or whatever a test makes of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Answer = dict[str, Any] | bytes | int


def server(name: str, version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    """A server.json with one npm package."""
    package = {"registryType": "npm", "identifier": name.partition("/")[2], "version": version}
    packages = [{**package, "transport": {"type": "stdio"}}]
    return {"name": name, "description": name, "version": version, "packages": packages, **more}


class McpRegistry:
    """Lists `servers`, `page` at a time. `answer`, if given, sees each request first: (path, query) -> an answer."""

    def __init__(
        self,
        servers: list[dict[str, Any]],
        page: int = 2,
        answer: Callable[[str, dict[str, str]], Answer | None] = lambda path, query: None,
    ) -> None:
        self.servers, self.page, self.answer = servers, page, answer
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                found = outer.answer(parts.path, query)
                found = outer.usual(parts.path, query) if found is None else found
                data = (
                    b"" if isinstance(found, int) else found if isinstance(found, bytes) else json.dumps(found).encode()
                )
                self.send_response(found if isinstance(found, int) else 200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Tests are quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> McpRegistry:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def usual(self, path: str, query: dict[str, str]) -> Answer:
        """What a registry answers that keeps to the form."""
        wrapped = [one if "server" in one else {"server": one, "_meta": {}} for one in self.servers]
        if path == "/v0.1/servers":
            start = int(query.get("cursor", "0"))
            shown = wrapped[start : start + self.page]
            more = {"nextCursor": str(start + self.page)} if start + self.page < len(wrapped) else {}
            return {"servers": shown, "metadata": {"count": len(shown), **more}}
        name = unquote(path.removeprefix("/v0.1/servers/").partition("/")[0])
        version = unquote(path.rpartition("/")[2])
        for one in wrapped:
            if one["server"]["name"] == name and version in ("latest", one["server"]["version"]):
                return one
        return 404
