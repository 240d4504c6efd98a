"""A log, a sink for it on a thread as in the daemon, and what must hold of what its receiver got."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from callgate.audit.store import Reader
from callgate.audit.tail import Tail
from callgate.export.place import Book
from callgate.export.ship import Runner, Shipper
from callgate.export.sinks.making import make
from callgate.model.event import Event
from callgate.settings_export import SinkSettings
from exported import ORIGIN, log_of
from until import until


class Shipping:
    """`rows` rows in a log below `folder`, to be sent by the given settings."""

    def __init__(self, folder: Path, rows: int, **settings: Any) -> None:
        self.log = folder / "data" / "audit.db"
        log_of(self.log, rows)
        self.rows = rows
        self.settings = SinkSettings(**{"name": "siem", "linger": 0.0, "batch_rows": 20, "timeout": 5.0, **settings})
        self.book = Book(folder / "data" / "export", "siem")
        self.told: list[Event] = []
        self.shipper = self._shipper()
        self._runner: Runner | None = None

    def __enter__(self) -> Shipping:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self.shipper = self._shipper()
        self._runner = Runner(self.shipper)
        self._runner.start()

    def stop(self) -> None:
        if self._runner is not None:
            self._runner.stop(20)
            self._runner = None

    def more(self, rows: int) -> None:
        """Let the log grow."""
        log_of(self.log, rows)
        self.rows += rows

    def done(self, seconds: float = 60) -> None:
        """Wait until all is confirmed."""
        until(lambda: self.shipper.place.seq >= self.rows, f"all rows ({self.shipper.state})", seconds)

    def uids(self) -> list[str]:
        """The ids of all rows, in order."""
        return [f"{ORIGIN.uid}-{row.seq}-{row.hash[:16]}" for row in Reader(self.log).rows(_all())]

    def check(self, taken: Sequence[str], missing: Sequence[int] = ()) -> None:
        """Each row arrived, first arrivals in order, and nothing arrived that is none."""
        wanted = [uid for uid in self.uids() if int(uid.split("-")[1]) not in missing]
        assert list(dict.fromkeys(taken)) == wanted
        assert self.shipper.place.lost == 0

    def _shipper(self) -> Shipper:
        settings = self.settings
        return Shipper(settings, Tail(self.log), self.book, lambda: make(settings, ORIGIN), ORIGIN, self.told.append)


def _all() -> Any:
    from callgate.audit.store import Filter

    return Filter()
