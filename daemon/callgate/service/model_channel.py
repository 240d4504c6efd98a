"""The model channel as a part of the daemon: its routes, its judge, and what it says of itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from callgate.agents import ALL
from callgate.model.errors import CallgateError
from callgate.model.event import Event
from callgate.model.inventory import Skipped
from callgate.modelproxy.routing import Line, Routing
from callgate.server.door import Json, text_or_none
from callgate.server.door import Route as ApiRoute
from callgate.server.model_leg import ModelLeg, Route
from callgate.service.model_judge import ModelJudge
from callgate.service.part import Part
from callgate.service.running import Running

log = logging.getLogger(__name__)

MOUNT = "model"
STOP_TIME = 5.0
"""Seconds for open connections to models to be closed."""


class ModelChannel(Part):
    """Serves the model leg on the loopback port for as long as some agent's file leads there."""

    name = "model"

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._routing = Routing(daemon.folders.data / "models", daemon.around, daemon.loopback.port)
        self._table: dict[str, Route] = {}
        self._lines: list[Line] = []
        self._skipped: list[Skipped] = []
        self.judge = ModelJudge(daemon)
        daemon.gate.asked_by_model = self.judge.asked
        self._leg = ModelLeg(self._table, self.judge, daemon.loopback.port)
        daemon.loopback.mount(MOUNT, self._table.__contains__, self._leg.serve)

    def start(self) -> None:
        """Serve what led through us before."""
        self._look()
        if self._table:
            self._daemon.loopback.open()

    def stop(self) -> None:
        """End what goes on. Addresses in files stay: the next daemon serves them."""
        loop = self._daemon.loopback.loop
        if loop is not None:
            asyncio.run_coroutine_threadsafe(self._leg.close(), loop).result(STOP_TIME)

    def routes(self) -> Mapping[str, ApiRoute]:
        """What the local API answers."""
        return {
            "GET /v1/model": lambda request, _: self.describe(),
            "POST /v1/model/route": lambda _, body: self.route(text_or_none(body, "agent")),
            "POST /v1/model/unroute": lambda _, body: self.unroute(text_or_none(body, "agent")),
        }

    def facts(self) -> Mapping[str, object]:
        """Whose models are reached through us."""
        return {"agents": sorted({line.agent for line in self._lines})} if self._lines else {}

    def problems(self) -> list[str]:
        """Records that cannot be read, and addresses of ours that nobody serves."""
        found = [f"{each.what}: {each.reason}" for each in self._skipped]
        if self._table and self._daemon.loopback.problem:
            found.append("agents' models cannot be reached: `callgate model unroute` gives them their addresses back")
        return found

    def describe(self) -> Json:
        """Each address that leads through us, and what could not be read."""
        return {
            "lines": [_said(line) for line in self._lines],
            "skipped": [{"path": each.what, "reason": each.reason} for each in self._skipped],
            "open": self._leg.open,
        }

    def route(self, agent: str | None) -> Json:
        """Lead an agent's models (or those of all agents that can be) through us. Raises CallgateError."""
        wanted = [one for one in ALL if one.knobs and agent in (None, one.id)]
        if not wanted:
            known = ", ".join(one.id for one in ALL if one.knobs)
            raise CallgateError(
                f"agent {agent!r}", "keeps no address of its model that we could change", f"of: {known}"
            )
        if problem := self._daemon.loopback.open():
            raise CallgateError("the model channel", f"cannot be served: {problem}", "see `callgate doctor`")
        done, skipped = self._routing.route(wanted, lambda token: self._daemon.loopback.url(MOUNT, token))
        self._look()
        self._tell("model.routed", done)
        return {"routed": [_said(line) for line in done], "skipped": _reasons(skipped), **self.describe()}

    def unroute(self, agent: str | None) -> Json:
        """Give addresses back. Requests that are being served go on."""
        done, skipped = self._routing.unroute(agent)
        self._look()
        self._tell("model.unrouted", done)
        return {"unrouted": [_said(line) for line in done], **self.describe(), "skipped": _reasons(skipped)}

    def _look(self) -> None:
        """Read the records. A token keeps its route as long as we run: agents that run hold the address."""
        self._lines, self._skipped = self._routing.lines()
        for line in self._lines:
            self._table[line.token] = Route(line.token, line.agent, line.turned.upstream)

    def _tell(self, kind: str, lines: list[Line]) -> None:
        now = time.time_ns()
        if lines:
            self._daemon.record(
                [Event(kind, now, agent=line.agent, detail={"file": line.path, **_where(line)}) for line in lines]
            )


def _where(line: Line) -> dict[str, Any]:
    return {"setting": ".".join(map(str, line.turned.at)), "upstream": line.turned.upstream}


def _said(line: Line) -> Json:
    return {"agent": line.agent, "path": line.path, **_where(line)}


def _reasons(skipped: list[Skipped]) -> list[dict[str, str]]:
    return [{"path": each.what, "reason": each.reason} for each in skipped]
