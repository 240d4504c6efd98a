"""The daemon: builds all parts, starts them in order, and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from callgate import __version__
from callgate.audit.log import SEQ_MAX
from callgate.audit.store import Filter, Reader, Writer
from callgate.gate import Gate
from callgate.httpshim.asking import challenges
from callgate.model.errors import AuditError, CallgateError
from callgate.model.event import Event
from callgate.policy.allowlist import Allowlist
from callgate.policy.cedar import Policies
from callgate.registry.pinbook import PinBook
from callgate.registry.pinstore import PinStore
from callgate.server import api, door
from callgate.server.listener import Listener
from callgate.server.loopback import Loopback
from callgate.service import spool
from callgate.service.backend import Desktop
from callgate.service.breakglass import BreakGlass
from callgate.service.devicekey import newest_signed
from callgate.service.hookaround import AroundHooks
from callgate.service.key import payload_key
from callgate.service.ownfiles import OwnFiles
from callgate.service.parts import Parts, made_for
from callgate.service.registrar import Registrar
from callgate.service.rehearsal import fear, rehearse
from callgate.service.survey import Survey
from callgate.service.worker import Worker
from callgate.settings import Settings, load
from callgate.system import sockets
from callgate.system.paths import Folders, surroundings
from callgate.wrap.addresses import prefix

log = logging.getLogger(__name__)

DAY = 86_400 * 10**9
"""Nanoseconds."""
RETIRE = 3600.0
"""Seconds between two looks for rows that are past their retention."""
LOG_REPLACED = "the audit log was removed or replaced while the daemon ran, and a new one begun"
TICK = 1.0
"""Seconds between two looks after our own sockets, log and spool."""
SPOOL_TIME = 5.0
"""Seconds that the start may take for what shims spooled; the rest is taken in by and by."""


class Daemon:
    """One running daemon. Made once; `run` returns when it was asked to stop."""

    def __init__(self, where: Folders, home: Path | None) -> None:
        self.folders = where
        self.settings = load(where.settings)
        self.started = time.time_ns()
        self.registry = Registrar(
            where,
            self.settings.registry,
            switch=self.on_gate,
            record=self.record,
            launched=self._launched,
            rehearse=self._rehearse,
        )
        self.audit = Writer.open(where.audit, self.settings.audit.durability, newest_signed(where))
        self._log_is_open = True
        self.reader = Reader(where.audit)
        self.key = payload_key(where)
        self.pins = PinBook(PinStore(where.pins))
        self.gate = Gate(
            self.audit,
            lambda: self.registry.rules,
            self.settings,
            time.time_ns,
            self.key,
            policies=lambda: self.registry.policies,
            pins=self.pins,
            basis=lambda: self.registry.basis,
            stated_pins=lambda: self.registry.options.pins,
        )
        self.break_glass = BreakGlass(where.data / "break-glass.json", self._suspend, self.record)
        self.workers = ThreadPoolExecutor(4, thread_name_prefix="callgate-work")
        self.around = surroundings(os.environ, home)
        self.survey = Survey(
            self.around.home,
            self.key,
            rules=lambda: self.registry.rules,
            entries=lambda: self.worker.inventory.entries,
        )
        self.undertaker = ThreadPoolExecutor(1, thread_name_prefix="callgate-reap")
        self.listener = Listener(
            sockets.listen(where.gate_socket), self.gate, self.survey, self.workers, self.undertaker
        )
        self.thread = threading.Thread(target=self._listen, name="callgate-gate")
        self.registry.load()
        self.intake: spool.Intake | None = None
        self.own_files = OwnFiles(self.record)
        self.own_files.watch(where.audit, self._reopen, LOG_REPLACED)
        self.own_files.watch(where.gate_socket, self._listen_anew, "the socket of the gate was removed")
        self.loopback = Loopback(self.settings.http.port)
        self.worker = Worker(where, self.around, self)
        self.listener.desk.around = AroundHooks(self.survey, self.worker.hooking)
        self.parts = Parts(made_for(self))
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def record(self, events: list[Event]) -> bool:
        """Make events of other parts durable, as one transaction with whatever else is in that turn. True if it
        worked. Blocks; not for the listener's own thread.
        """

        def job() -> None:
            for event in events:
                self.gate.record(event)

        return self.on_gate(job)

    def on_gate(self, job: Callable[[], None]) -> bool:
        """Run a job on the gate's thread; True when it has run and what it staged is durable, False if that is lost."""
        if not self.thread.is_alive():
            job()
            return True
        done: Future[bool] = Future()
        self.listener.submit(job, done.set_result)
        return done.result()

    def http_prefix(self) -> str:
        """How our addresses for remote servers begin; empty while their entries are left alone."""
        return prefix(self.loopback.port) if self.settings.http.wrap else ""

    def open_port(self) -> str:
        """See to it that something listens there; why not, or empty."""
        return self.loopback.open()

    def challenges(self, urls: Sequence[str]) -> Mapping[str, str]:
        """What each of these servers demands of who shows it nothing, where it demands something. Takes seconds."""
        return challenges(urls, (self.loopback.port,), self.settings.http.ca_path(self.folders.config))

    def apply(self, settings: Settings) -> None:
        """Put other settings in force, for calls and for shims."""
        before, self.settings = self.settings, settings
        done: Future[bool] = Future()

        def job() -> None:
            self.gate.settings = settings
            changed = {"from": before.mode.value, "to": settings.mode.value, "on_doubt": settings.on_doubt.word}
            self.gate.record(Event("settings.changed", time.time_ns(), mode=settings.mode.value, detail=changed))

        self.listener.submit(job, done.set_result)
        done.result()
        self.worker.refresh_shims(settings)
        self.registry.configure(settings.registry)

    def reload(self) -> None:
        """Read settings and registry again. Raises SettingsError and changes nothing if the settings are bad."""
        settings = load(self.folders.settings)
        if settings.audit.durability != self.settings.audit.durability:
            settings = replace(settings, audit=replace(settings.audit, durability=self.settings.audit.durability))
            log.warning("audit.durability changes with the next start of the daemon")
        if settings != self.settings:
            self.apply(settings)
        self.registry.poll()

    def refresh(self) -> None:
        """Put this machine's own registry in force, if it has changed."""
        self.registry.refresh()

    def request_stop(self) -> None:
        """Ask the daemon to end; returns at once. May be called from any thread."""
        if self._loop and self._stop:
            self._loop.call_soon_threadsafe(self._stop.set)

    def facts(self) -> Mapping[str, object]:
        """What the parts say of themselves, by their names."""
        return self.parts.facts()

    def problems(self) -> list[str]:
        """What is wrong with the daemon's own files and its parts."""
        return [*self._opened_findings, *self.own_files.incidents, *self.parts.problems()]

    @property
    def _opened_findings(self) -> list[str]:
        """What was wrong with the log when it was opened."""
        return [str(finding) for finding in self.audit.findings]

    async def run(self) -> None:
        """Serve until asked to stop, then stop everything in reverse order."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        self.thread.start()
        facts: dict[str, object] = {
            "version": __version__,
            "pid": os.getpid(),
            "registry": self.registry.facts()["versions"],
        }
        if self._opened_findings:
            self.record([Event("log.broken", self.started, detail={"findings": self._opened_findings})])
        mode = self.settings.mode.value
        self.record([Event("daemon.started", self.started, mode=mode, basis=self.registry.basis, detail=facts)])
        self.registry.start()
        self.break_glass.load()
        runner = None
        try:
            await asyncio.to_thread(self._take_in_spool, SPOOL_TIME)
            await asyncio.to_thread(self.worker.start)
            await asyncio.to_thread(self.parts.start)
            every_route = {**api.routes(Desktop(self)), **self.parts.routes()}
            runner = await door.serve(self.folders.api_socket, every_route)
            self.own_files.see(self.folders.api_socket)
            log.info("ready, pid %d, mode %s", os.getpid(), self.settings.mode)
            retire = time.monotonic()
            while not self._stop.is_set():
                if time.monotonic() >= retire:
                    retire = time.monotonic() + RETIRE
                    await asyncio.to_thread(self._retire)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), TICK)
                    break
                await self._tick(runner)
        finally:
            if runner is not None:
                await runner.cleanup()
            await asyncio.to_thread(self._end)

    def _suspend(self, until: int) -> None:
        def job() -> None:
            self.gate.suspended_until = until

        self.on_gate(job)

    def _rehearse(self, rules: Allowlist, policies: Policies) -> str:
        """What is to be feared of a policy that is about to come into force."""
        try:
            return fear(policies, rehearse(self.reader, rules, policies))
        except AuditError as error:
            log.error("what a policy would do cannot be told: %s", error)
            return ""

    def _launched(self, since: int) -> set[str]:
        """The servers that the registry let run since then."""
        wanted = Filter(kind="server.launched", effect="allow", since=since)
        try:
            return {row.event.server for row in self.reader.rows(wanted)}
        except AuditError as error:
            log.error("which servers ran before cannot be read: %s", error)
            return set()

    def _listen(self) -> None:
        """The body of the gate's thread. A daemon without its gate is of no use: it ends, and says why."""
        try:
            self.listener.run()
        except Exception:  # a task edge
            log.exception("the gate has failed, so the daemon ends")
            self.request_stop()

    async def _tick(self, runner: web.AppRunner) -> None:
        """See to it that our own files are there, take in what shims spooled meanwhile, and let the parts do theirs."""
        try:
            await asyncio.to_thread(self.own_files.mend)
            if self.own_files.missing(self.folders.api_socket):
                await door.listen_again(runner, self.folders.api_socket)
                self.own_files.see(self.folders.api_socket)
                await asyncio.to_thread(self.own_files.report, "the socket of the local API was removed")
            await asyncio.to_thread(self._take_in_spool, TICK)
        except (CallgateError, OSError) as error:
            log.error("%s", error)
        await asyncio.to_thread(self.parts.tick)

    def _listen_anew(self) -> None:
        self.folders.make()
        listening = sockets.listen(self.folders.gate_socket)
        self.listener.submit(lambda: self.listener.listen_on(listening))

    def _reopen(self) -> bool:
        """Begin a new log in place of one that was removed or replaced: rows in it would be seen by nobody."""
        self.folders.make()

        def job() -> None:
            self._close_log()
            self.audit = self.gate.audit = Writer.open(
                self.folders.audit, self.settings.audit.durability, newest_signed(self.folders)
            )
            self.reader = Reader(self.folders.audit)
            self._log_is_open = True

        self.on_gate(job)
        return self._log_is_open

    def _close_log(self) -> None:
        if self._log_is_open:
            self._log_is_open = False
            self.audit.close()

    def _take_in_spool(self, seconds: float) -> None:
        if self.intake is None:
            rows = self.reader.recent(spool.TAKEN)
            taken = {str(row.event.detail.get("file")): dict(row.event.detail) for row in rows}
            self.intake = spool.Intake(self.folders.spool, taken, self.record, time.time_ns, self.key)
        if count := self.intake.run(seconds):
            log.info("took in %d decisions that shims made while the daemon was away", count)

    def _retire(self) -> None:
        """Remove the rows that are past their retention, in slices between which calls are answered."""
        days = self.settings.audit.retention_days
        if not days:
            return
        before = time.time_ns() - days * DAY
        held_until = self.parts.keeps_from()
        if held_until is not None:
            self._cut(before, held_until - 1)
            before -= self.settings.export.hold_days * DAY
        self._cut(before, SEQ_MAX)

    def _cut(self, before: int, upto: int) -> None:
        while True:
            removed: Future[int] = Future()
            self.listener.submit(lambda: removed.set_result(self.gate.cut(before, upto)))  # noqa: B023 - done in this round
            if not removed.result():
                return

    def _end(self) -> None:
        self.parts.stop()
        self.worker.stop()
        self.registry.stop()
        self.break_glass.stop()
        self.record([Event("daemon.stopped", time.time_ns(), detail={"pid": os.getpid()})])
        self.parts.conclude()
        self.listener.stop()
        self.thread.join()
        self.workers.shutdown()
        self.undertaker.shutdown(cancel_futures=True)
        self._close_log()
        self.pins.store.close()
        sockets.remove(self.folders.gate_socket)
        sockets.remove(self.folders.api_socket)
