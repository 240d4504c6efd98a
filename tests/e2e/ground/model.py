"""A scripted model on loopback: it asks for one tool call, then repeats to the user what the tool said."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ground.dialects import Act, Anthropic, Chat, Dialect, Gemini, Json, Responses, View

SEARCHES = 8
"""How often the model looks for a tool that is not there yet: agents ask it before their servers are up."""
PAUSE = 1.0
"""Seconds between two such looks."""
NO_TOOL = "I was not given the tool"


@dataclass(frozen=True)
class Scenario:
    """The one call that the model wants: which tool of which server ("": of the agent's own), with what."""

    tool: str
    arguments: Mapping[str, Any]
    server: str = "everything"


@dataclass
class Seen:
    """One request to the model."""

    path: str
    body: Json
    view: View = field(default_factory=View)


class ScriptedModel:
    """An endpoint for all four dialects. `seen` holds what agents sent, `url` where they send it."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.searches = SEARCHES
        self.before_call: Callable[[], object] | None = None
        """Run once, when the model has been offered the tool and is about to call it."""
        self.seen: list[Seen] = []
        self.told: list[Act] = []
        self._lock = threading.Lock()
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._reply(200, b"", "text/plain")

            def do_GET(self) -> None:
                self._reply(200, b'{"object":"list","data":[],"models":[]}', "application/json")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                self._reply(*model.answer(self.path, body))

            def _reply(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # an agent that was killed leaves its connection broken

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> ScriptedModel:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def everything_it_was_told(self) -> str:
        """The text of all requests."""
        return "\n".join(json.dumps(seen.body, ensure_ascii=False) for seen in self.seen)

    @property
    def results(self) -> list[str]:
        """What came back for the call that the scenario wants, in the last request that holds it."""
        for seen in reversed(self.seen):
            if found := self._wanted(seen.view):
                return found
        return []

    def answer(self, path: str, raw: bytes) -> tuple[int, bytes, str]:
        """Status, body and type of the reply to one POST."""
        dialect = _dialect_of(path)
        if dialect is None:
            return 200, b"{}", "application/json"
        body = json.loads(raw or b"{}")
        view = dialect.view(body)
        act = self._next(view)
        with self._lock:
            if act.uid.startswith("wanted") and self.before_call:
                self.before_call()
                self.before_call = None
            self.seen.append(Seen(path, body, view))
            self.told.append(act)
        if body.get("stream") or "streamGenerateContent" in path:
            return 200, b"".join(dialect.stream(act, view)), "text/event-stream"
        return 200, json.dumps(dialect.whole(act, view)).encode(), "application/json"

    def _next(self, view: View) -> Act:
        if found := self._wanted(view):
            return Act(f"DONE: {found[-1]}")
        uid = f"wanted_{len(view.results)}"
        if tool := self._offered_as(view):
            return Act(tool=tool, arguments=self.scenario.arguments, uid=uid)
        if "tool_call" in view.offered and (name := self._found_as(view)):
            return Act(tool="tool_call", arguments={"name": name, "arguments": dict(self.scenario.arguments)}, uid=uid)
        searched = sum(uid.startswith("search") for uid in view.results)
        if searched < self.searches and (search := self._search(view, searched)):
            return search
        return Act(f"{NO_TOOL} {self.scenario.tool}")

    def _wanted(self, view: View) -> list[str]:
        return [
            text for uid, text in view.results.items() if uid.startswith("wanted") or self._is_it(uid.split("#")[0])
        ]

    def _is_it(self, name: str) -> bool:
        """Agents join the server's and the tool's name in their own ways: mcp__S__T, mcp_S_T, S-T, S_T, S__T."""
        if not self.scenario.server:  # a tool of the agent's own
            return name == self.scenario.tool
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower().removeprefix("mcp"))
        return plain.strip("_") == re.sub(r"[^a-z0-9]+", "_", f"{self.scenario.server}_{self.scenario.tool}".lower())

    def _offered_as(self, view: View) -> str:
        return next((name for name in view.offered if self._is_it(name)), "")

    def _found_as(self, view: View) -> str:
        """Qwen Code names what it found in the text of the search's result, and never puts it on offer."""
        for uid, text in view.results.items():
            if uid.startswith("search"):
                for name in re.findall(r'"name":"([^"]+)"', text):
                    if self._is_it(name):
                        return str(name)
        return ""

    def _search(self, view: View, searched: int) -> Act | None:
        for name in ("ToolSearch", "tool_search"):
            if name in view.offered:
                if searched:
                    time.sleep(PAUSE)
                words = [self.scenario.server, self.scenario.tool] + ["tool"] * searched  # never twice the same call
                return Act(tool=name, arguments={"query": " ".join(words)}, uid=f"search_{searched}")
        return None


def _dialect_of(path: str) -> Dialect | None:
    path = path.split("?")[0]
    if path.endswith("/messages"):
        return Anthropic()
    if path.endswith("/chat/completions"):
        return Chat()
    if path.endswith("/responses"):
        return Responses()
    if "enerateContent" in path:
        return Gemini()
    return None
