"""A stdio server that passes all on to a Streamable HTTP server, both eras: run as `python http_bridge.py URL`.

The official conformance suite speaks HTTP only. With this bridge as the stdio server, it examines what reached it
through the stdio shim. Standard library only.
"""

import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"


class Bridge:
    """One session. Each request waits for its answer on a thread of its own; lines go out whole."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: dict[str, str] = {}
        self._out = threading.Lock()

    def run(self) -> None:
        waiting = []
        for line in sys.stdin.buffer:
            message = json.loads(line)
            method = message.get("method")
            if method == "initialize" or "id" not in message:
                self._post(line, message)  # what follows depends on it
                if method == "notifications/initialized":
                    threading.Thread(target=self._listen, daemon=True).start()
            else:
                waiting.append(threading.Thread(target=self._post, args=(line, message), daemon=True))
                waiting[-1].start()
        for thread in waiting:
            thread.join(5)

    def _headers(self, message: dict[str, Any]) -> dict[str, str]:
        found = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **self._session}
        params = message.get("params") or {}
        if version := (params.get("_meta") or {}).get(VERSION_KEY):
            found |= {"MCP-Protocol-Version": version, "Mcp-Method": message["method"]}
            if key := NAMED_BY.get(message["method"]):
                found["Mcp-Name"] = params[key]
        return found

    def _post(self, line: bytes, message: dict[str, Any]) -> None:
        request = urllib.request.Request(self._url, data=line.strip(), headers=self._headers(message))
        try:
            response = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            response = error  # an error's body is a JSON-RPC message, too
        with response:
            if session := response.headers.get("Mcp-Session-Id"):
                self._session["Mcp-Session-Id"] = session
            for text in messages_in(response):
                if message.get("method") == "initialize":
                    version = (json.loads(text).get("result") or {}).get("protocolVersion")
                    self._session |= {"MCP-Protocol-Version": version} if version else {}
                self._write(text)

    def _listen(self) -> None:
        """The stream of what the server says unasked; not every server has one."""
        request = urllib.request.Request(self._url, headers={"Accept": "text/event-stream", **self._session})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                for text in messages_in(response):
                    self._write(text)
        except OSError:
            pass

    def _write(self, text: str) -> None:
        with self._out:
            sys.stdout.write(json.dumps(json.loads(text)) + "\n")
            sys.stdout.flush()


def messages_in(response: Any) -> Iterator[str]:
    """The JSON-RPC messages of a response, whether it is JSON or a stream of events."""
    if "text/event-stream" in (response.headers.get("Content-Type") or ""):
        data = ""
        for raw in response:
            line = raw.decode().rstrip("\r\n")
            if line.startswith("data:"):
                data += line.removeprefix("data:").strip()
            elif not line and data:
                yield data
                data = ""
    elif body := response.read().strip():
        yield body.decode()


Bridge(sys.argv[1]).run()
