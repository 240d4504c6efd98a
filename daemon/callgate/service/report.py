"""A report of some time as one document: inventory, usage, denials, findings, coverage, and what it is evidence of."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from aiohttp import web

from callgate import __version__
from callgate.audit.indexing import usage
from callgate.audit.kinds.detail import Mark
from callgate.audit.kinds.record import KINDS
from callgate.audit.tally import Cells
from callgate.model.errors import AuditError, CallgateError
from callgate.model.identity import Identified
from callgate.model.inventory import Entry
from callgate.server.door import Json, Route
from callgate.service.inventory import describe
from callgate.service.part import Part
from callgate.service.running import Running
from callgate.service.standing import standing
from callgate.service.usage import grouped, moment

TOP = 25
"""Groups of each kind in a report, those with the most calls; `callgate usage --json` gives all."""


class Reporting(Part):
    """Answers `GET /v1/report`."""

    name = "report"

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon

    def routes(self) -> Mapping[str, Route]:
        """Its place in the local API."""
        return {"GET /v1/report": self._answer}

    def _answer(self, request: web.Request, _: Json) -> Json:
        since, until = (moment(request.query.get(name, "0"), name) for name in ("since", "until"))
        daemon = self._daemon
        try:
            cells = usage(daemon.reader, since, until)
            rows = daemon.reader.counts()["rows"]
        except AuditError as error:
            raise CallgateError("report", str(error)) from error
        settings, inventory = daemon.settings, describe(daemon.worker, self._verdict)
        known = figures(cells, inventory, rows, settings.audit.retention_days)
        return {
            "made": time.time_ns(),
            "since": since,
            "until": until,
            "version": __version__,
            "mode": settings.mode.value,
            "log": {
                "rows": rows,
                "retention_days": settings.audit.retention_days,
                "durability": settings.audit.durability.value,
                "payload": settings.audit.payload.value,
            },
            **summary(cells, inventory),
            "figures": known,
            "frameworks": mapped(known),
            "problems": list(daemon.problems()),
        }

    def _verdict(self, identified: Identified, entry: Entry) -> Json:
        daemon = self._daemon
        return standing(daemon.worker, daemon.registry.rules, daemon.settings.on_doubt, identified, entry)


def summary(cells: Cells, inventory: Json) -> Json:
    """What the rows and the inventory come to."""
    denials = [
        {**which._asdict(), "calls": sums.rows}
        for which, sums in cells.items()
        if which.effect in ("deny", "ask") and sums.rows
    ]
    kinds = _kinds(cells)
    states = [server["state"] for server in inventory["servers"]]
    return {
        "inventory": {"agents": inventory["agents"], "servers": inventory["servers"]},
        "usage": {by: grouped(cells, by)[:TOP] for by in ("agent", "model", "server", "tool", "user")},
        "denials": sorted(denials, key=lambda one: (-one["calls"], *map(str, one.values())))[:TOP],
        "events": [
            {"kind": kind, "count": kinds.get(kind, 0), "mark": mark, "what": what}
            for kind, (mark, what) in marked(kinds).items()
        ],
        "coverage": {
            "states": {state: states.count(state) for state in sorted(set(states))},
            "open": [server for server in inventory["servers"] if server["state"] != "wrapped"],
            "blind": inventory["blind"],
            "skipped": inventory["skipped"],
        },
    }


def figures(cells: Cells, inventory: Json, rows: int, retention_days: int) -> dict[str, int]:
    """Every figure that a control's evidence may name."""
    total = {"calls": 0, "denied": 0, "asked": 0, "would_deny": 0}
    for group in grouped(cells, "agent"):
        for name in total:
            total[name] += group[name]
    kinds, models = _kinds(cells), grouped(cells, "model")
    servers = inventory["servers"]
    return {
        **{kind: kinds.get(kind, 0) for kind in marked(kinds)},
        **{name: total[name] for name in ("calls", "denied", "would_deny")},
        "ask": total["asked"],
        "findings": sum(kinds.get(kind, 0) for kind, (mark, _) in marked(kinds).items() if mark == "finding"),
        **{name: sum(group[name] for group in models) for name in ("turns", "tokens_in", "tokens_out")},
        "models": len(models),
        "users": len(grouped(cells, "user")),
        "agents": len(inventory["agents"]),
        "servers": len({server["identity"] for server in servers}),
        "unlisted": len({server["identity"] for server in servers if server["effect"] != "allow"}),
        "open": sum(server["state"] != "wrapped" for server in servers),
        "rows": rows,
        "retention_days": retention_days,
    }


def marked(seen: Mapping[str, int]) -> dict[str, tuple[str, str]]:
    """The kinds of events that a report counts, whether there were any or not: which are changes and which findings,
    and what each says. The schema marks them; a `finding.` that it does not know is one all the same.
    """
    return _marked() | {
        kind: ("finding", "") for kind in sorted(seen) if kind.startswith("finding.") and kind not in _marked()
    }


@cache
def _marked() -> dict[str, tuple[str, str]]:
    marks = {name: Mark.FINDING if name.startswith("finding.") else kind.mark for name, kind in KINDS.items()}
    return {name: (mark.value, KINDS[name].sentence) for name, mark in marks.items() if mark is not Mark.EVENT}


@cache
def frameworks() -> list[dict[str, Any]]:
    """The control sets, as the data file states them."""
    text = resources.files("callgate.service").joinpath("controls.toml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = tomllib.loads(text)["framework"]
    return found


def mapped(known: Mapping[str, int]) -> list[Json]:
    """The control sets, each item with the figures that are evidence for it."""
    return [{**one, "items": [_proved(item, known) for item in one["items"]]} for one in frameworks()]


def _proved(item: Json, known: Mapping[str, int]) -> Json:
    return {**item, "evidence": {name: known[name] for name in item["evidence"]}}


def _kinds(cells: Cells) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for which, sums in cells.items():
        kinds[which.kind] = kinds.get(which.kind, 0) + sums.rows
    return kinds
