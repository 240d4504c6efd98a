"""Typed client of the local API: the only door for the command line and the tray."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from callgate.model.errors import CallgateError, DaemonAwayError

Answer = dict[str, Any]
"""One JSON object from the daemon, as docs/local-api.md describes it."""

TIMEOUT = 120.0
"""Seconds for one request: `verify` reads the whole log."""
PROVE_TIME = 600.0
"""Seconds for all canaries: each that fails may take twenty."""
ALIVE = 10.0
"""Seconds after which a daemon that says nothing counts as away."""


_NOT_TEXT = "backslashreplace"
"""How what a user typed is sent where it is no UTF-8: as something that will not be found."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("callgate", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Client:
    """Talks to the daemon at one api.sock. Each call is one connection and raises DaemonAwayError if nobody answers,
    or the daemon's own CallgateError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def running(self) -> bool:
        """Does a daemon answer?"""
        try:
            self._ask("GET", "/v1/status", None, ALIVE)
        except DaemonAwayError:
            return False
        except CallgateError:  # it complains, so it is there
            return True
        return True

    def status(self) -> Answer:
        """Version, mode, counts, problems."""
        return self._get("/v1/status")

    def inventory(self, *, fresh: bool = False) -> Answer:
        """Agents, entries with identity and verdict, running processes, what was skipped."""
        return self._get("/v1/inventory", {"fresh": "1"} if fresh else {})

    def events(self, filters: Mapping[str, str | int]) -> list[Answer]:
        """Rows of the log; the filters are those of `callgate log`. In a large log perhaps not all: see `search`."""
        found: list[Answer] = self._get("/v1/events", filters)["events"]
        return found

    def search(self, filters: Mapping[str, str | int]) -> Answer:
        """The same (`events`), and how far the daemon has `looked`: `upto` a row (0: all), of `first` to `last`."""
        return self._get("/v1/events", filters)

    def usage(self, query: Mapping[str, str | int]) -> Answer:
        """Calls, verdicts, bytes, tokens and time `by` user, agent, model, server or tool (`since`, `until`)."""
        return self._get("/v1/usage", query)

    def tree(self, session: str = "") -> Answer:
        """The live processes of each agent (of one session), with what started each."""
        return self._get("/v1/tree", {"session": session} if session else None)

    def findings(self, since: int = 0) -> Answer:
        """Ways round the gate that were found, since that moment (nanoseconds)."""
        return self._get("/v1/findings", {"since": since} if since else None)

    def report(self, query: Mapping[str, str | int]) -> Answer:
        """Inventory, usage, denials, findings, coverage and control sets, of a time (`since`, `until`)."""
        return self._get("/v1/report", query)

    def coverage(self) -> Answer:
        """Agents and channels: what holds of each (`cells`), and which canaries were not refused (`failed`)."""
        return self._get("/v1/coverage")

    def prove(self) -> Answer:
        """Try all canaries now; the same answer. Takes up to minutes where many fail."""
        return self._ask("POST", "/v1/coverage/prove", b"{}", PROVE_TIME)

    def event(self, ref: str) -> Answer:
        """All rows of one call or thing, by sequence number or uid, with what was kept of its arguments."""
        return self._get("/v1/events/" + _quoted(ref))

    def explain_server(self, server: str) -> Answer:
        """Which rule allows or denies a server, named by entry or identity."""
        return self._get("/v1/servers/" + _quoted(server))

    def verify(self) -> Answer:
        """Check the whole log."""
        return self._get("/v1/verify")

    def checkpoint(self) -> Answer:
        """The newest signed checkpoint (`note`), how many rows it has, and the key."""
        return self._get("/v1/checkpoints")

    def make_checkpoint(self) -> Answer:
        """Sign all rows up to now."""
        return self._post("/v1/checkpoints", {})

    def rotate_key(self) -> Answer:
        """Give the device a new key: the old and the new one."""
        return self._post("/v1/checkpoints/rotate", {})

    def rule(self, server: str, tool: str | None, effect: str) -> Answer:
        """Allow or deny a server (by entry name or identity), or one tool of it."""
        return self._post("/v1/rule", {"server": server, "tool": tool, "effect": effect})

    def policy(self) -> Answer:
        """The policy in force: its policies, what is wrong, whether it is suspended."""
        return self._get("/v1/policy")

    def set_policy(self, file: Path | None, *, force: bool = False) -> Answer:
        """Put the policy in that file in force on this machine, or (for None) remove the one that is."""
        return self._post("/v1/policy", {"file": str(file) if file else None, "force": force})

    def break_glass(self, minutes: int, why: str) -> Answer:
        """Suspend the policy for some minutes; 0 ends that."""
        return self._post("/v1/policy/break-glass", {"minutes": minutes, "why": why or None})

    def pins(self) -> Answer:
        """All definitions that servers listed, and which of them are held."""
        return self._get("/v1/pins")

    def compare_pins(self, server: str, name: str | None = None) -> Answer:
        """What of a server is not as it was approved, with both texts; or what it lists under one name."""
        where = "/v1/pins/" + urllib.parse.quote(server, safe="")
        return self._get(where, {"name": name} if name is not None else None)

    def approve_pins(self, server: str, pins: list[dict[str, str]]) -> Answer:
        """Trust definitions, each named by kind, name, digest and second."""
        return self._post("/v1/pins/approve", {"server": server, "pins": pins})

    def forget_pins(self, server: str, name: str | None) -> Answer:
        """Forget what was trusted of a server, or under one name of it."""
        return self._post("/v1/pins/forget", {"server": server, "name": name})

    def wrap(self, agent: str | None = None) -> Answer:
        """Wrap what was found, and keep it wrapped."""
        return self._post("/v1/wrap", {"agent": agent})

    def unwrap(self, agent: str | None = None) -> Answer:
        """Give the files back, and leave them alone."""
        return self._post("/v1/unwrap", {"agent": agent})

    def export(self) -> Answer:
        """Each sink: its place in the log, how far it is behind, what is wrong."""
        return self._get("/v1/export")

    def test_sink(self, sink: str) -> Answer:
        """Send one marked event to a sink."""
        return self._post("/v1/export/test", {"sink": sink})

    def replay(self, since: int, sink: str | None) -> Answer:
        """Send all events of that moment (nanoseconds) or later again, to one sink or all."""
        return self._post("/v1/export/replay", {"since": since, "sink": sink})

    def sessions(self) -> Answer:
        """The runs of agents, the last one first."""
        return self._get("/v1/sessions")

    def session(self, name: str) -> Answer:
        """The story of one run, by its name or the beginning of it."""
        return self._get("/v1/sessions/" + _quoted(name))

    def models(self) -> Answer:
        """Whose models are reached through us."""
        return self._get("/v1/model")

    def route_models(self, agent: str | None = None) -> Answer:
        """Lead models through us."""
        return self._post("/v1/model/route", {"agent": agent})

    def unroute_models(self, agent: str | None = None) -> Answer:
        """Give agents the addresses of their models back."""
        return self._post("/v1/model/unroute", {"agent": agent})

    def reload(self) -> Answer:
        """Read settings and registry again."""
        return self._post("/v1/reload", {})

    def stop(self) -> Answer:
        """End the daemon."""
        return self._post("/v1/stop", {})

    def _get(self, path: str, query: Mapping[str, str | int] | None = None) -> Answer:
        said = urllib.parse.urlencode(query, errors=_NOT_TEXT) if query else ""
        return self._ask("GET", path + (f"?{said}" if said else ""), None)

    def _post(self, path: str, body: Mapping[str, object]) -> Answer:
        return self._ask("POST", path, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None, timeout: float = TIMEOUT) -> Answer:
        connection = _UnixConnection(self._path, timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            answer: Answer = json.loads(response.read())
        except (FileNotFoundError, ConnectionError, TimeoutError) as error:
            raise DaemonAwayError("daemon", "is not running", "start it with `callgate up`") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DaemonAwayError(
                "daemon", f"does not answer sensibly on {self._path} ({error})", "run `callgate doctor`"
            ) from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            problem = CallgateError(str(answer.get("thing")), str(answer.get("problem")), str(answer.get("step", "")))
            problem.exit_code = int(answer.get("exit_code", 1))
            raise problem
        return answer


def _quoted(word: str) -> str:
    """One step of a path."""
    return urllib.parse.quote(word, safe="", errors=_NOT_TEXT)
