"""What this machine reports beyond what happens on it: its inventory and its health, on a schedule and on change."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from callgate import __version__
from callgate.model.event import Event
from callgate.model.identity import Identified
from callgate.model.inventory import Entry
from callgate.service.inventory import describe
from callgate.service.part import Part
from callgate.service.running import Running
from callgate.service.standing import standing

LOOK = 15.0
"""Seconds between two looks for a change. It is reported when the next look sees the same: an agent that is being
installed changes the inventory many times, and a look costs some milliseconds.
"""
SERVERS_MAX = 300
"""Servers and agents that one report names; their number is told in any case. A row holds some 64 KiB of detail."""

Json = dict[str, Any]


class Fleet(Part):
    """Writes `machine.inventory` and `machine.health` rows, which leave the machine as all rows do. Without a sink
    there is nobody to report to, and none are written.
    """

    name = "fleet"

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._seen: dict[str, str] = {}
        self._reported: dict[str, str] = {}
        self._due: dict[str, float] = {}
        self._next_look = 0.0

    def tick(self) -> None:
        """Report what is due."""
        settings = self._daemon.settings.export
        now = time.monotonic()
        if not settings.sinks or not settings.report or now < self._next_look:
            return
        self._next_look = now + LOOK
        inventory = Event("machine.inventory", time.time_ns(), detail=self._inventory())
        for event in (inventory, Event("machine.health", time.time_ns(), detail=self._health())):
            kind, digest = event.kind, _digest(event.detail)
            before, self._seen[kind] = self._seen.get(kind), digest
            why = "change" if digest == before and digest != self._reported.get(kind) else ""
            if kind not in self._due:
                why = "start"
            elif now >= self._due[kind]:
                why = "schedule"
            if why and self._daemon.record([replace(event, detail={"why": why, **event.detail})]):
                self._reported[kind] = digest
                self._due[kind] = now + settings.report * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load

    def _inventory(self) -> Json:
        found = describe(self._daemon.worker, self._verdict)
        agents = [{"id": one["id"], "name": one["name"], "version": one["version"]} for one in found["agents"]]
        wanted = ("agent", "entry", "identity", "transport", "state", "effect", "rule", "enabled")
        servers = [
            {
                "server": one["identity"],
                "name": one["short"],
                **{name: one[name] for name in wanted if name != "identity"},
            }
            for one in found["servers"]
        ]
        return {
            "agents": agents[:SERVERS_MAX],
            "servers": servers[:SERVERS_MAX],
            "counts": {"agents": len(agents), "servers": len(servers), "skipped": len(found["skipped"])},
        }

    def _health(self) -> Json:
        daemon = self._daemon
        registry = daemon.registry.facts()
        return {
            "version": __version__,
            "mode": daemon.settings.mode.value,
            "on_doubt": daemon.settings.on_doubt.word,
            "registry": {name: registry[name] for name in ("source", "channel", "versions", "freshness", "approvals")},
            "policies": len(daemon.registry.policies.policies) if daemon.registry.policies else 0,
            "suspended": daemon.break_glass.state is not None,
            "problems": sorted(daemon.problems() + list(daemon.worker.problems()))[:50],
        }

    def _verdict(self, identified: Identified, entry: Entry) -> dict[str, Any]:
        daemon = self._daemon
        return standing(daemon.worker, daemon.registry.rules, daemon.settings.on_doubt, identified, entry)


def _digest(detail: Mapping[str, Any]) -> str:
    """What tells whether there is something new. Names of problems that hold a number or a time would always be new, so
    only how many there are counts.
    """
    known = {**detail, "problems": len(detail.get("problems", ()))}
    return hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode()).hexdigest()
