"""The part that exports: one shipper a sink, each on its own thread, and what the local API answers of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from callgate.audit.tail import Tail
from callgate.export.formats.record import Origin, Record
from callgate.export.formats.rendering import message
from callgate.export.origin import origin
from callgate.export.place import Book
from callgate.export.ship import Runner, Shipper
from callgate.export.sinks.making import make
from callgate.model.errors import AuditError, CallgateError
from callgate.model.event import Event, Row
from callgate.server.door import Json, Route, number_at, text, text_or_none
from callgate.service.asker import asked_by
from callgate.service.part import Part
from callgate.service.running import Running
from callgate.settings_export import SinkSettings, format_of

STOP = 1.5
"""Seconds in which all sinks together may finish what they are at when their settings change or the daemon ends."""
LAST_ROWS = 1.5
"""Seconds more in which they may send the last rows of the log: the checkpoint of the end is one of them."""
TRIES_TOLD = 3
"""Failures in a row before `callgate status` names a receiver: networks come and go."""
SHOWN = 20
"""Events that were set aside, newest last, that the local API lists for each sink."""


class Exporting(Part):
    """Runs the sinks of the settings, and follows a change of these."""

    name = "export"

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._folder: Path = daemon.folders.data / "export"
        self._origin: Origin | None = None
        self._runners: dict[str, Runner] = {}

    def start(self) -> None:
        """As Part.start."""
        self._follow()

    def tick(self) -> None:
        """Follow the settings."""
        self._follow()

    def conclude(self) -> None:
        """As Part.conclude: after the last checkpoint was made, which should leave the machine. A receiver that does
        not answer is left; what it was sent is sent again at the next start."""
        self._end(list(self._runners), LAST_ROWS)

    def routes(self) -> Mapping[str, Route]:
        """As Part.routes."""
        return {
            "GET /v1/export": lambda _, body: self.status(),
            "POST /v1/export/test": lambda _, body: self.test(text(body, "sink")),
            "POST /v1/export/replay": lambda _, body: self.replay(
                number_at(body, "since"), text_or_none(body, "sink"), asked_by()
            ),
        }

    def facts(self) -> Mapping[str, object]:
        """As Part.facts."""
        return {"sinks": len(self._runners)} if self._runners else {}

    def problems(self) -> list[str]:
        """As Part.problems."""
        found = []
        for name, runner in self._runners.items():
            state = runner.shipper.state
            if state.failures >= TRIES_TOLD:
                found.append(f"export {name}: {state.problem}; see `callgate export status`")
            if lost := runner.shipper.place.lost:
                found.append(f"export {name}: {lost:,} rows were removed before they were sent")
        return found

    def keeps_from(self) -> int | None:
        """As Part.keeps_from: the first row that some sink has not got."""
        ends = [runner.shipper.place.seq for runner in self._runners.values()]
        return min(ends) + 1 if ends else None

    def status(self) -> Json:
        """Each sink: its place, how far it is behind, and what is wrong."""
        tail = Tail(self._daemon.folders.audit)
        last = tail.ends().last
        sinks = [self._said(runner, tail, last) for runner in self._runners.values()]
        return {"sinks": sinks, "last": last, "machine": self._origin.uid if self._origin else None}

    def test(self, name: str) -> Json:
        """Send one marked event, and give what the receiver said."""
        settings = self._named(name).settings
        assert self._origin is not None
        event = Event("export.test", time.time_ns(), reason="sent by `callgate export test`", detail={"sink": name})
        record = Record(Row(0, event, ""), test=True)
        one = message(record, self._origin, format_of(settings), settings.event_max)
        began = time.monotonic()
        sink = make(settings, self._origin)
        try:
            sent = sink.send([one])
            problem = sent.problem or (sent.refused[0][1] if sent.refused else sink.confirm())
        finally:
            sink.close()
        took = round((time.monotonic() - began) * 1000, 1)
        shown = one.body.decode("utf-8")
        return {"sink": name, "ok": not problem, "problem": problem, "said": sent.said, "ms": took, "event": shown}

    def replay(self, since: int, name: str | None, by: Mapping[str, object]) -> Json:
        """Send everything of that moment (nanoseconds) or later again."""
        chosen = [self._named(name)] if name else [runner.shipper for runner in self._runners.values()]
        if not chosen:
            raise CallgateError("export", "no sink is configured", "see docs/export.md")
        tail = Tail(self._daemon.folders.audit)
        first = tail.since(since)
        if first is None:
            raise CallgateError("replay", "the log has no rows since then", "see `callgate log --since`")
        rows = max(0, tail.ends().last - first + 1)
        names = [shipper.settings.name for shipper in chosen]
        self._daemon.record([Event("export.replayed", time.time_ns(), detail={"sinks": names, "first": first, **by})])
        for shipper in chosen:
            shipper.replay(first - 1)
            self._runners[shipper.settings.name].wake()
        return {"sinks": names, "first": first, "rows": rows}

    def _follow(self) -> None:
        wanted = {one.name: one for one in self._daemon.settings.export.sinks}
        old = [name for name, runner in self._runners.items() if wanted.get(name) != runner.shipper.settings]
        if old:
            self._end(old)
        new = [one for name, one in wanted.items() if name not in self._runners]
        if new and self._origin is None:
            self._origin = origin(self._folder)
        for settings in new:
            self._begin(settings)

    def _begin(self, settings: SinkSettings) -> None:
        who = self._origin
        assert who is not None
        shipper = Shipper(
            settings,
            Tail(self._daemon.folders.audit),
            Book(self._folder, settings.name),
            lambda: make(settings, who),
            who,
            lambda event: self._tell(event),
        )
        self._runners[settings.name] = Runner(shipper)
        self._runners[settings.name].start()

    def _tell(self, event: Event) -> None:
        self._daemon.record([event])

    def _end(self, names: Sequence[str], more: float = 0.0) -> None:
        ending = [self._runners.pop(name) for name in names]
        for runner in ending:
            runner.ask_to_stop(more)
        until = time.monotonic() + more + STOP
        for runner in ending:
            runner.stop(max(0.0, until - time.monotonic()))

    def _named(self, name: str) -> Shipper:
        if runner := self._runners.get(name):
            return runner.shipper
        known = ", ".join(self._runners) or "none is configured"
        raise CallgateError(f"sink {name!r}", f"is not known ({known})", "see `callgate export status`")

    def _said(self, runner: Runner, tail: Tail, last: int) -> Json:
        shipper, settings = runner.shipper, runner.shipper.settings
        state, place = shipper.state, shipper.place
        behind = max(0, last - place.seq)
        made: dict[str, Any] = {
            "name": settings.name,
            "type": settings.type.value,
            "url": settings.url if urlsplit(settings.url).username is None else "",
            "format": format_of(settings).value,
            "seq": place.seq,
            "behind": behind,
            "oldest": _oldest(tail, place.seq) if behind else 0,
            "sent": place.sent,
            "lost": place.lost,
            "aside": place.aside,
            "set_aside": shipper.set_aside(SHOWN),
            "last_sent": state.last_sent,
            "said": state.said,
            "problem": state.problem,
            "problem_since": state.since,
            "failures": state.failures,
            "next_try": round(max(0.0, state.next_try - time.monotonic()), 1) if state.failures else 0,
        }
        return made


def _oldest(tail: Tail, seq: int) -> int:
    """The time of the first row after `seq`."""
    try:
        found = tail.after(seq, 1, 1)
    except AuditError:
        return 0
    return found[0][0].event.time if found else 0
