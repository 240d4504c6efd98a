"""Follows agents' processes on a thread of its own, records what they start, and looks for ways round the gate."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
from collections.abc import Mapping

from aiohttp import web

from callgate.agents import ALL
from callgate.audit.store import Filter
from callgate.discovery.live import named
from callgate.evidence.causes import Calls, Cause
from callgate.evidence.following import Changes, Follower
from callgate.evidence.looking import Looker
from callgate.evidence.tree import Node
from callgate.model.errors import AuditError
from callgate.server.door import Json, Route
from callgate.service.findings import Findings
from callgate.service.part import Part
from callgate.service.running import Running
from callgate.service.strays import Strays
from callgate.service.treerows import TreeRows, shown
from callgate.system import processes
from callgate.system.accounts import account
from callgate.system.forks import Forks

log = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two looks where the system is polled: a new process is seen within a second on a busy machine too."""
SAFETY = 10.0
"""Seconds between two looks where the kernel tells: for what it could not tell."""
CHORES = 1.0
"""Seconds between two rounds of what needs no haste."""
BUSY = 50
"""Pieces of news in one reading from which on we wait for more before the next."""
PAUSE = 0.02
"""Seconds of that: a build forks thousands of times a second."""
BEHIND = 2000
"""Rows of the log that are read, at the first need, for the calls that run already."""


class Processes(Part):
    """Answers `GET /v1/tree`."""

    name = "processes"

    def __init__(self, daemon: Running, findings: Findings) -> None:
        self._daemon = daemon
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._run, name="callgate-processes")
        self._forks: Forks | None = None
        self._why = ""
        self._lost = 0
        self._follower = Follower(named, self._is_governed)
        self._calls = Calls()
        self._upto = -1
        self._rows = TreeRows(daemon)
        looker = Looker(ALL, daemon.around, daemon.settings.http.port)
        self._strays = Strays(daemon, findings, looker, self._follower.tree)
        self._own_home = os.path.realpath(account(os.getuid()).home or "/")

    def start(self) -> None:
        """See what runs, and follow it from now on."""
        opened = Forks.open()
        if isinstance(opened, Forks):
            self._forks = opened
        else:
            self._why = opened
        self._thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._stopped.set()
        os.write(self._woken, b"x")
        if self._thread.is_alive():
            self._thread.join()
        if self._forks is not None:
            self._forks.close()
        for fd in (self._wake, self._woken):
            os.close(fd)

    def routes(self) -> Mapping[str, Route]:
        """Its place in the local API."""
        return {"GET /v1/tree": self._answer}

    def facts(self) -> Mapping[str, object]:
        """By what processes are seen, how many there are, and what was missed."""
        tree = self._follower.tree
        return {
            "source": "polling" if self._forks is None else "connector",
            "why": self._why,
            "runs": len(tree.counts),
            "followed": len(tree.nodes),
            "unexplained": self._follower.unexplained,
            "lost": self._lost,
        }

    def _run(self) -> None:
        chores = safety = 0.0
        while not self._stopped.is_set():
            try:
                now = time.monotonic()
                if self._forks is None or now >= safety:
                    safety = now + SAFETY
                    self._take(self._look(whole=self._forks is not None))
                if now >= chores:
                    chores = now + CHORES
                    with self._lock:
                        self._strays.chores()
                        self._rows.write(self._refresh_calls, self._cause, self._follower.tree)
                self._wait()
            except Exception:  # a task edge: the gate goes on, and the next look may go well
                log.exception("agents' processes could not be followed")
                self._stopped.wait(CHORES)

    def _wait(self) -> None:
        """Until there is news (which is taken in) or it is time for the next look."""
        if self._forks is None:
            self._stopped.wait(INTERVAL)
            return
        ready, _, _ = select.select([self._forks.fileno(), self._wake], [], [], CHORES)
        if self._forks.fileno() not in ready or self._stopped.is_set():
            return
        news, lost = self._forks.read()
        with self._lock:
            found = self._follower.hear(news)
        self._take(found)
        if lost:
            self._lost += 1
            self._take(self._look(whole=True))
        if len(news) > BUSY:
            self._stopped.wait(PAUSE)

    def _look(self, *, whole: bool) -> Changes:
        with self._lock:
            return self._follower.look(whole=whole)

    def _take(self, found: Changes) -> None:
        """What changed: rows to be written, and things to be looked at closer at once."""
        with self._lock:
            self._rows.take(found)
            self._strays.take(found)

    def _is_governed(self, pid: int) -> bool:
        """Is this agent one of the home that we serve? The daemon of an account's own home looks at all agents of the
        account, wherever they think that their home is; one for another home at those of that home only.
        """
        home = os.path.realpath(self._daemon.around.home)
        if home == self._own_home:
            return True
        theirs = processes.variables(pid, frozenset({"HOME"}))
        return theirs is None or os.path.realpath(theirs.get("HOME", "")) == home

    def _cause(self, node: Node) -> Cause:
        above = list(self._follower.tree.above(node.pid))
        return self._calls.of(node, above, any(self._is_hook(one) for one in (node, *above)))

    def _is_hook(self, node: Node) -> bool:
        """Does it run a hook of ours? First its launcher, which then becomes the client."""
        where = self._daemon.folders
        return any(word.startswith(f"{where.data}/hooks/") or word == f"{where.shim}/hook.py" for word in node.argv[:6])

    def _refresh_calls(self) -> None:
        with contextlib.suppress(AuditError):
            if self._upto < 0:
                self._upto = max(0, self._daemon.reader.first_and_last()[1] - BEHIND)
            rows = list(self._daemon.reader.rows(Filter(after=self._upto)))
            if rows:
                self._upto = rows[-1].seq
            self._calls.take(row.event for row in rows)

    def _answer(self, request: web.Request, _: Json) -> Json:
        wanted = request.query.get("session", "")
        with self._lock:
            self._refresh_calls()
            tree = self._follower.tree
            roots = [root for root in tree.roots() if wanted in ("", root.session)]
            causes = {pid: self._rows.cause(node, self._cause) for pid, node in tree.nodes.items()}
            found = [shown(root, tree, causes, self._daemon.key) for root in roots]
        return {"sessions": found, **self.facts()}
