"""How much the tools are used, as the local API gives it; and the care for the index that makes this quick."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from callgate.audit.indexing import LAG, usage
from callgate.audit.tally import QUESTIONS, Cells, Sums
from callgate.model.errors import AuditError, CallgateError
from callgate.server.door import Json, Route
from callgate.service.part import Part
from callgate.service.running import Running

log = logging.getLogger(__name__)

BY = ("user", "agent", "model", "server", "tool")
"""What calls can be counted by."""
PAUSE = 5.0
"""Seconds between two looks at how far the index is behind."""
GRACE = 2.0
"""Seconds that the indexing process gets to end."""
GROUPS_MAX = 10_000
"""Groups in one answer, those with the most calls: a server can invent names without end."""


class Usage(Part):
    """Answers `GET /v1/usage`, and has the index of the log brought up to date when it is behind."""

    name = "usage"

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._process: subprocess.Popen[bytes] | None = None
        self._look_at = 0.0

    def tick(self) -> None:
        """Start an indexing process if there is enough to do for one."""
        if self._process is not None and self._process.poll() is None:
            return
        self._process = None
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + PAUSE
        reader = self._daemon.reader
        reached = reader.index.reached()
        if reader.first_and_last()[1] - (reached.seq if reached else 0) > LAG:
            words = [sys.executable, "-m", "callgate.service.indexer", str(self._daemon.folders.audit)]
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        """End that process; what it has written stays."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE)

    def routes(self) -> Mapping[str, Route]:
        """Its place in the local API."""
        return {"GET /v1/usage": self._answer}

    def _answer(self, request: web.Request, _: Json) -> Json:
        by = request.query.get("by", "server")
        since, until = (moment(request.query.get(name, "0"), name) for name in ("since", "until"))
        if by not in BY:
            raise CallgateError("usage", f"cannot be counted by {by!r}", f"by one of {', '.join(BY)}")
        try:
            cells = usage(self._daemon.reader, since, until)
        except AuditError as error:
            raise CallgateError("usage", str(error)) from error
        groups = grouped(cells, by)
        return {
            "by": by,
            "since": since,
            "until": until,
            "groups": groups[:GROUPS_MAX],
            "left_out": len(groups[GROUPS_MAX:]),
        }


def grouped(cells: Cells, by: str) -> list[dict[str, Any]]:
    """Calls, verdicts, bytes and time of each user, agent, server or tool, the most used first; of a user, an agent and
    a model also the turns of models and their tokens (of a model, the calls are these turns).
    """
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    wanted = {"model": ("model.asked",), "server": ("call.asked",), "tool": ("call.asked",)}.get(by, QUESTIONS)
    for which, sums in cells.items():
        if which.kind not in wanted:
            continue
        names = {"server": which.server, "tool": which.tool} if by == "tool" else {by: getattr(which, by)}
        if by in ("server", "tool"):
            names["entry"] = which.entry
        group = groups.setdefault(tuple(names.values()), {**names, **dict.fromkeys(_COUNTS, 0)})
        if which.kind == "model.asked":
            group["turns"] += sums.rows
            group["tokens_in"] += sums.tokens_in
            group["tokens_out"] += sums.tokens_out
        if which.kind == "call.asked" or by == "model":
            _count(group, which.effect, which.mode, sums)
    for group in groups.values():
        group["ms_each"] = round(group["ms"] / group["answered"], 3) if group["answered"] else None
        group["ms"] = round(group["ms"], 3)
    return sorted(groups.values(), key=lambda group: (-group["calls"], *map(str, group.values())))


_COUNTS = (
    "calls", "denied", "asked", "would_deny", "answered", "errors", "bytes_in", "bytes_out", "ms", "turns", "tokens_in",
    "tokens_out",
)  # fmt: skip


def _count(group: dict[str, Any], effect: str, mode: str, sums: Sums) -> None:
    group["calls"] += sums.rows
    if mode == "observe":
        group["would_deny"] += sums.rows if effect in ("deny", "ask") else 0
    else:
        group["denied"] += sums.rows if effect == "deny" else 0
        group["asked"] += sums.rows if effect == "ask" else 0
    group["answered"] += sums.answers
    group["errors"] += sums.errors
    group["bytes_in"] += sums.asked
    group["bytes_out"] += sums.answered
    group["ms"] += sums.micros / 1000


def moment(said: str, name: str) -> int:
    """A time in a query, nanoseconds since the epoch. Raises CallgateError."""
    if not (said.isascii() and said.isdigit() and int(said[:20]) < 2**63):
        raise CallgateError("request", f"`{name}` must be nanoseconds since the epoch, not {said[:80]!r}")
    return int(said)
