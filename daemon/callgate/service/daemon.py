"""The daemon: builds all parts, starts them in order, and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from callgate import __version__
from callgate.audit.store import Reader, Writer
from callgate.gate import Gate
from callgate.model.errors import CallgateError
from callgate.model.event import Event
from callgate.registry.local import LocalRegistry
from callgate.server import api
from callgate.server.listener import Listener
from callgate.service import spool
from callgate.service.backend import Desktop
from callgate.service.key import payload_key
from callgate.service.survey import Survey
from callgate.service.worker import Worker
from callgate.settings import Settings, load
from callgate.system import sockets
from callgate.system.files import locked
from callgate.system.paths import Folders, folders, surroundings

log = logging.getLogger(__name__)

DAY = 86_400 * 10**9
"""Nanoseconds."""
SLICE = 3600.0
"""Seconds between two looks for rows that are past their retention."""


class Daemon:
    """One running daemon. Made once; `run` returns when it was asked to stop."""

    def __init__(self, where: Folders, home: Path | None) -> None:
        self.folders = where
        self.settings = load(where.settings)
        self.started = time.time_ns()
        self.registry = LocalRegistry(where.registry)
        self.registry.reload()
        self.audit = Writer.open(where.audit, self.settings.audit.durability)
        self.reader = Reader(where.audit)
        self.key = payload_key(where)
        self.gate = Gate(self.audit, lambda: self.registry.rules, self.settings, time.time_ns, self.key)
        self.workers = ThreadPoolExecutor(4, thread_name_prefix="callgate-work")
        self.survey = Survey()
        self.undertaker = ThreadPoolExecutor(1, thread_name_prefix="callgate-reap")
        self.listener = Listener(
            sockets.listen(where.gate_socket), self.gate, self.survey, self.workers, self.undertaker
        )
        self.thread = threading.Thread(target=self.listener.run, name="callgate-gate")
        self.worker = Worker(where, surroundings(os.environ, home), self)
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def record(self, events: list[Event]) -> bool:
        """Make events of other parts durable, as one transaction with whatever else is in that turn. True if it
        worked. Blocks; not for the listener's own thread.
        """
        done: Future[bool] = Future()

        def job() -> None:
            for event in events:
                self.gate.record(event)

        self.listener.submit(job, done.set_result)
        return done.result()

    def apply(self, settings: Settings) -> None:
        """Put other settings in force, for calls and for shims."""
        before, self.settings = self.settings, settings

        def job() -> None:
            self.gate.settings = settings
            changed = {"from": before.mode.value, "to": settings.mode.value, "on_doubt": settings.on_doubt.word}
            self.gate.record(Event("settings.changed", time.time_ns(), mode=settings.mode.value, detail=changed))

        self.listener.submit(job)
        self.worker.refresh_shims(settings)

    def reload(self) -> None:
        """Read settings and registry again. Raises SettingsError and changes nothing if the settings are bad."""
        settings = load(self.folders.settings)
        if settings.audit.durability != self.settings.audit.durability:
            settings = replace(settings, audit=replace(settings.audit, durability=self.settings.audit.durability))
            log.warning("audit.durability changes with the next start of the daemon")
        if settings != self.settings:
            self.apply(settings)
        if self.registry.reload():
            self.record([Event("registry.changed", time.time_ns(), detail=self.registry_facts())])

    def registry_facts(self) -> dict[str, object]:
        """The registry in short, for status and the log."""
        rules = self.registry.rules
        return {"approvals": len(rules.approvals) if rules else 0, "problem": self.registry.problem or ""}

    def request_stop(self) -> None:
        """Ask the daemon to end; returns at once. May be called from any thread."""
        if self._loop and self._stop:
            self._loop.call_soon_threadsafe(self._stop.set)

    @property
    def opened_findings(self) -> list[str]:
        """What was wrong with the log when it was opened."""
        return [str(finding) for finding in self.audit.findings]

    async def run(self) -> None:
        """Serve until asked to stop, then stop everything in reverse order."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        self.thread.start()
        facts: dict[str, object] = {"version": __version__, "pid": os.getpid()}
        if self.opened_findings:
            self.record([Event("log.broken", self.started, detail={"findings": self.opened_findings})])
        self.record([Event("daemon.started", self.started, mode=self.settings.mode.value, detail=facts)])
        runner = None
        try:
            await asyncio.to_thread(self._take_in_spool)
            self.worker.start()
            runner = await api.serve(self.folders.api_socket, Desktop(self))
            log.info("ready, pid %d, mode %s", os.getpid(), self.settings.mode)
            while not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), SLICE)
                await asyncio.to_thread(self._retire)
        finally:
            if runner is not None:
                await runner.cleanup()
            await asyncio.to_thread(self._end)

    def _take_in_spool(self) -> None:
        taken = {str(row.event.detail.get("file")): dict(row.event.detail) for row in self.reader.recent(spool.TAKEN)}
        count = spool.take_in(self.folders.spool, taken, self.record, time.time_ns)
        if count:
            log.info("took in %d decisions that shims made while the daemon was away", count)

    def _retire(self) -> None:
        """Remove the rows that are past their retention, in slices between which calls are answered."""
        days = self.settings.audit.retention_days
        if not days:
            return
        before = time.time_ns() - days * DAY
        while True:
            removed: Future[int] = Future()
            self.listener.submit(lambda: removed.set_result(self.gate.cut(before)))  # noqa: B023 - done in this round
            if not removed.result():
                return

    def _end(self) -> None:
        self.worker.stop()
        self.record([Event("daemon.stopped", time.time_ns(), detail={"pid": os.getpid()})])
        self.listener.stop()
        self.thread.join()
        self.workers.shutdown()
        self.undertaker.shutdown(cancel_futures=True)
        self.audit.close()
        sockets.remove(self.folders.gate_socket)
        sockets.remove(self.folders.api_socket)


def become(home: Path | None) -> None:
    """Turn this process into the daemon. Returns when it has ended; raises CallgateError if it cannot start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.umask(0o077)
    where = folders(os.environ)
    where.make()
    try:
        with locked(where.pid_file) as fd:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            asyncio.run(Daemon(where, home).run())
    except BlockingIOError:
        raise CallgateError("daemon", "runs already", "`callgate status` shows it") from None
