"""The daemon's own files, watched by identity: what somebody takes away while it runs is put back and reported."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from callgate.model.event import Event
from callgate.system.files import identity

log = logging.getLogger(__name__)


class OwnFiles:
    """Which files are ours. `record` makes the event of each disturbance durable."""

    def __init__(self, record: Callable[[list[Event]], bool]) -> None:
        self.incidents: list[str] = []
        """What was done to our own files while we ran, each sentence once."""
        self._record = record
        self._seen: dict[Path, tuple[int, int] | None] = {}
        self._put_back: dict[Path, tuple[Callable[[], bool | None], str]] = {}

    def watch(self, path: Path, put_back: Callable[[], bool | None], sentence: str) -> None:
        """Watch the file that is there now. `put_back` makes it anew; False: it could not be, and is tried again."""
        self._put_back[path] = (put_back, sentence)
        self.see(path)

    def see(self, path: Path) -> None:
        """Remember which file stands there, to notice when it does no more."""
        self._seen[path] = identity(path)

    def missing(self, path: Path) -> bool:
        """Is another file there than the one that was seen, or none?"""
        return identity(path) != self._seen.get(path)

    def mend(self) -> None:
        """Put back what somebody took away. Raises CallgateError or OSError if that fails."""
        for path, (put_back, sentence) in self._put_back.items():
            if self.missing(path) and put_back() is not False:
                self.see(path)
                self.report(sentence)

    def report(self, sentence: str) -> None:
        """Say what was done to us, in the log and in `callgate status`."""
        log.error("%s", sentence)
        if sentence not in self.incidents:
            self.incidents.append(sentence)
        self._record([Event("daemon.disturbed", time.time_ns(), reason=sentence)])
