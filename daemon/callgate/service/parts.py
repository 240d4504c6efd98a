"""All parts that the daemon has beside gate, registry and worker, in the order in which they start."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from callgate.model.errors import CallgateError
from callgate.server.door import Route
from callgate.service.checkpoints import Checkpoints
from callgate.service.coverage import Coverage
from callgate.service.endings import Endings
from callgate.service.exporting import Exporting
from callgate.service.findings import Findings
from callgate.service.fleet import Fleet
from callgate.service.httpshim import HttpShim
from callgate.service.loopback import LoopbackPort
from callgate.service.model_channel import ModelChannel
from callgate.service.part import Part
from callgate.service.processes import Processes
from callgate.service.report import Reporting
from callgate.service.running import Running
from callgate.service.stories import Stories
from callgate.service.usage import Usage
from callgate.service.vigil import Vigil
from callgate.service.witnessing import Witnessing

log = logging.getLogger(__name__)


def made_for(daemon: Running) -> list[Part]:
    """The parts of this daemon."""
    signing = Checkpoints(daemon)
    findings = Findings(daemon)
    return [
        signing,
        Witnessing(daemon, signing),
        LoopbackPort(daemon.loopback),
        HttpShim(daemon, daemon.worker.routes, lambda: signing.private),
        Endings(daemon),
        Vigil(daemon),
        Fleet(daemon),
        ModelChannel(daemon),
        Stories(daemon),
        Exporting(daemon),
        Usage(daemon),
        findings,
        Processes(daemon, findings),
        Reporting(daemon),
        Coverage(daemon),
    ]


class Parts:
    """All parts together: one that fails is reported, and the others go on."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        self._running: list[Part] = []
        self._stopped: list[Part] = []
        self._failed: dict[str, str] = {}

    def start(self) -> None:
        """Start each in turn."""
        for part in self._parts:
            if self._try(part, part.start):
                self._running.append(part)

    def tick(self) -> None:
        """Give each that runs its moment."""
        for part in self._running:
            self._try(part, part.tick)

    def stop(self) -> None:
        """Stop those that run, the last one first."""
        while self._running:
            part = self._running.pop()
            self._stopped.append(part)
            self._try(part, part.stop)

    def conclude(self) -> None:
        """The last row of the log has been written: each in the order of the starts, so that the checkpoint of the end
        is made before the export ends."""
        while self._stopped:
            part = self._stopped.pop()
            self._try(part, part.conclude)

    def routes(self) -> dict[str, Route]:
        """What the local API answers for all of them."""
        return {line: route for part in self._parts for line, route in part.routes().items()}

    def facts(self) -> Mapping[str, object]:
        """What each says of itself, by name."""
        return {part.name: said for part in self._parts if (said := part.facts())}

    def keeps_from(self) -> int | None:
        """The first row of the log that one of them still needs."""
        needed = [row for part in self._running if (row := part.keeps_from()) is not None]
        return min(needed) if needed else None

    def problems(self) -> list[str]:
        """What is wrong with each."""
        return [*self._failed.values(), *(problem for part in self._parts for problem in part.problems())]

    def _try(self, part: Part, act: Callable[[], None]) -> bool:
        try:
            act()
        except CallgateError as error:
            if self._failed.get(part.name) != str(error):
                log.error("%s: %s", part.name, error)
            self._failed[part.name] = str(error)
            return False
        except Exception:  # a task edge: the gate goes on without this part
            log.exception("%s has failed", part.name)
            self._failed[part.name] = f"{part.name} has failed: see the daemon's log"
            return False
        self._failed.pop(part.name, None)
        return True
