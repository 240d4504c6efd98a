"""The part that acts for one user: looks at the machine, wraps what the policy wants wrapped, and says what changed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from callgate.agents import ALL
from callgate.audit.argv import redact_argv, redact_url
from callgate.discovery.drift import Drift, drift
from callgate.discovery.examine import Examiner
from callgate.discovery.identify import Identifier
from callgate.discovery.launch.environment import is_risky
from callgate.discovery.launch.urls import normal
from callgate.discovery.live import running
from callgate.discovery.scan import scan
from callgate.model.errors import CallgateError
from callgate.model.event import Event
from callgate.model.identity import Identified, Launch, ServerIdentity
from callgate.model.inventory import AgentFound, Entry, Inventory, Surroundings, Transport
from callgate.model.route import Route
from callgate.model.startup import Startup
from callgate.policy.allowlist import Allowlist
from callgate.service.firstasked import FirstAsked
from callgate.service.hooking import Hooking
from callgate.settings import Settings
from callgate.system.files import read_capped, replace_file
from callgate.system.paths import Folders
from callgate.system.watch import Watch
from callgate.wrap.addresses import Addresses, is_address, token_of
from callgate.wrap.apply import Report, Wrapper
from callgate.wrap.plan import Left, Plan, Why
from callgate.wrap.report import left, report_json
from callgate.wrap.routes import Routes

log = logging.getLogger(__name__)

Json = dict[str, Any]

NAMES_SHOWN = 5
"""Names of variables in one sentence."""
NAME_MAX = 60
"""Characters of each."""
WANTED_MAX = 64 * 1024
"""Bytes of our own note of what is to be kept wrapped."""
REST = 3.0
"""Times the length of a look that we rest after it: agents rewrite their files all the time while they work."""
REST_MAX = 1.0
"""Seconds of that at most: what was unwrapped is to be wrapped again within two."""


class Owner(Protocol):
    """What the worker belongs to: the daemon, or a command that runs without one."""

    settings: Settings
    key: bytes
    """For redaction marks, and for addresses that nobody can guess."""

    def http_prefix(self) -> str:
        """How our addresses for remote servers begin; empty while their entries are left alone."""

    def open_port(self) -> str:
        """See to it that something listens there; why not, or empty."""

    def challenges(self, urls: Sequence[str]) -> Mapping[str, str]:
        """What each of these servers demands of who shows it nothing, where it demands something. Takes seconds."""

    def record(self, events: list[Event]) -> bool:
        """Write events to the audit log."""

    def refresh(self) -> None:
        """Put a changed registry in force."""


class Worker:
    """One user's files. `look`, `wrap` and `unwrap` take turns (a lock), and may be called from any thread."""

    def __init__(self, where: Folders, around: Surroundings, owner: Owner) -> None:
        self.folders = where
        self.inventory = Inventory()
        self._around = around
        self._owner = owner
        own = (str(where.launchers), str(where.shim))
        self._identifier = Identifier(own, home=around.home, key=owner.key)
        self._examiner = Examiner(self._identifier)
        self._wrapper = Wrapper(where, owner.settings, around, self._addresses)
        self.hooking = Hooking(where, around, self._wrapper)
        self._plan = Plan()
        self._lock = threading.RLock()
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._watch: Watch | None = None
        self._thread = threading.Thread(target=self._run, name="callgate-worker")
        self._failed: str | None = None
        self._first_asked = FirstAsked(self._wrapper.routes, owner.challenges)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._owner.settings

    @property
    def key(self) -> bytes:
        """This machine's key for redaction marks."""
        return self._owner.key

    @property
    def routes(self) -> Routes:
        """Where the addresses in wrapped entries of remote servers lead."""
        return self._wrapper.routes

    def wake(self) -> None:
        """Look at the machine soon."""
        self._woken.set()

    def start(self) -> None:
        """Look at the machine now, and from now on whenever something changes."""
        self._guarded(self._recover)
        self.refresh_shims(self.settings)
        self._watch = Watch(self._woken.set)
        self._guarded(lambda: self.look("start"))
        self._thread.start()

    def stop(self) -> None:
        """Look no more. Files stay as they are."""
        self._stopped.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._watch is not None:
            self._watch.stop()

    def refresh_shims(self, settings: Settings) -> None:
        """Bring what shims read at their start up to date with these settings."""
        with self._lock:
            self._wrapper.settings = settings
            self._guarded(self._wrapper.install)

    def look(self, reason: str) -> None:
        """Look at the machine; record what changed since the last look; by policy, wrap again."""
        with self._lock:
            before = self.inventory
            found = scan(self._around, self.settings.scan, agents=ALL)
            found = replace(found, running=running(found, identify=self._identifier.identify))
            self.inventory = found
            self._plan = self._wrapper.plan(found)
            if reason not in ("start", "asked"):
                self._owner.record([self._drift_event(change) for change in drift(before, found)])
            if self._watch is not None:
                self._attend(self._watch, found)
            if self._watch is not None:
                self._release(found)
            wanted = self._wanted()
            if self._watch is not None and wanted["on"] and self.settings.watch.rewrap:
                self._wrap([w.entry for w in self._plan.wrappings if w.entry.agent not in wanted["except"]])
                self._hook(wanted["except"])
            self.hooking.learn(self.states(), self.identity)

    def _attend(self, watch: Watch, found: Inventory) -> None:
        """Watch where a change may change what was found: also behind links, and our own registry."""
        places = [place for each in ALL for place in each.places]
        names = {name for one in places for name in (*one.names(self._around), *one.folder_names(self._around))}
        targets = [Path(os.path.realpath(file.path)) for file in found.files]
        own = self.folders.registry / "public" / "metadata"
        folders = [*found.watch, *(str(target.parent) for target in targets), *([str(own)] if own.is_dir() else [])]
        hooked, hook_names = self.hooking.watched(found, self.settings)
        names |= hook_names
        watch.look_at([*folders, *hooked], {*names, *(target.name for target in targets), "timestamp.json"})

    def wrap(self, agent: str | None = None, *, dry_run: bool = False) -> Json:
        """Wrap what is found (of one agent) and, with a daemon, keep it wrapped. The report as JSON."""
        with self._lock:
            if not dry_run:
                wanted = self._wanted()
                excepted = [] if agent is None else [one for one in wanted["except"] if one != agent]
                self._want({"on": True, "except": excepted})
                self._recover()
            self.look("asked")
            if dry_run:
                hooks = self.hooking.preview(self.inventory, self.settings, agent)
                return report_json(Report((*self._wrapper.preview(self._plan).items, *hooks.items)), agent)
            entries = [one.entry for one in self._plan.wrappings if agent in (None, one.entry.agent)]
            items = (*self._wrap(entries).items, *self._hook((), agent or "").items)
            self.hooking.learn(self.states(), self.identity)
            return report_json(Report(items), agent)

    def unwrap(self, agent: str | None = None, *, dry_run: bool = False, whole: bool = True) -> Json:
        """Give files back (of one agent), and leave them alone from now on. The report as JSON. `whole` means the files
        of other homes too, should some have been wrapped.
        """
        with self._lock:
            self.look("asked")
            if dry_run:
                files = self._wrapper.preview_unwrap(agent, self.inventory.entries, whole=whole)
                return report_json(Report((*self.hooking.preview_removal(agent, whole=whole).items, *files.items)))
            wanted = self._wanted()
            self._want(
                {"on": False, "except": []}
                if agent is None
                else {"on": wanted["on"], "except": sorted({*wanted["except"], agent})}
            )
            self._recover()
            taken = self.hooking.take(agent, whole=whole)
            report = Report((*taken.items, *self._wrapper.unwrap(agent, self.inventory.entries, whole=whole).items))
            self._owner.record(self._report_events(report))
            self.look("asked")
            return report_json(report)

    def states(self) -> list[tuple[Entry, str, str]]:
        """Each entry with its state (wrapped, open, left) and, where it is not wrapped, why."""
        with self._lock:
            planned = {id(wrapping.entry): wrapping for wrapping in self._plan.wrappings}
            why = {id(left.entry): left for left in self._plan.left}
            found = []
            for entry in self.inventory.entries:
                left = why.get(id(entry))
                if left is None:
                    again = planned[id(entry)].again if id(entry) in planned else False
                    found.append((entry, "open", "someone took the launcher out again" if again else "not wrapped yet"))
                elif left.why in (Why.OURS, Why.SHADOWED):
                    found.append((entry, "wrapped", "" if left.why is Why.OURS else left.reason))
                else:
                    found.append((entry, "left", left.reason))
            return found

    def identified(self) -> list[tuple[Identified, list[Entry]]]:
        """The servers behind all entries, each with the entries that name it."""
        grouped: dict[ServerIdentity, tuple[Identified, list[Entry]]] = {}
        for entry in self.inventory.entries:
            one = self.identity(entry)
            grouped.setdefault(one.server, (one, []))[1].append(entry)
        return list(grouped.values())

    def identity(self, entry: Entry) -> Identified:
        """What an entry really starts or reaches."""
        if entry.transport is Transport.HTTP and entry.url:
            url = self.address(entry) or entry.url
            return Identified(ServerIdentity("url", normal(url) or url), "the address in the entry")
        found = self._identifier.identify(self._launch(entry))
        names = sorted({name[:NAME_MAX] for name in entry.env_names if is_risky(name)})
        if not names:
            return found
        shown = ", ".join(names[:NAMES_SHOWN]) + (" and others" if len(names) > NAMES_SHOWN else "")
        warning = f"the entry sets {shown}, which may change what is started: settled when it is launched"
        return replace(found, evidence=f"{found.evidence}; {warning}")

    def startup(self, entry: Entry, rules: Allowlist | None) -> Startup | None:
        """What these rules make of how an entry would be started; None where nothing is started, or without rules."""
        if entry.transport is Transport.HTTP and entry.url:
            return None
        return self._examiner.examine(self._launch(entry), rules, tuple(entry.env_names))[1]

    def _launch(self, entry: Entry) -> Launch:
        path = self._around.env.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        return Launch(entry.argv, entry.cwd or entry.project or self._around.home, path)

    def address(self, entry: Entry) -> str | None:
        """The address of the server behind an entry, whether its entry leads there or to us."""
        route = self.route(entry)
        return route.url if route else entry.url

    def problems(self) -> Iterable[str]:
        """What went wrong in the last look."""
        return [*([self._failed] if self._failed else []), *self.routes.problems]

    def _run(self) -> None:
        while True:
            changed = self._woken.wait(self.settings.watch.full_look)
            if self._stopped.is_set():
                return
            self._woken.clear()
            self._guarded(self._owner.refresh)
            started = time.monotonic()
            self._guarded(partial(self.look, "change" if changed else "periodic"))
            self._stopped.wait(min(REST * (time.monotonic() - started), REST_MAX))

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
            self._failed = None
        except CallgateError as error:
            self._failed = str(error)
            log.error("%s", error)
        except Exception as error:  # a task edge: the next look may go well, and the gate must live on meanwhile
            self._failed = f"a look at the machine failed: {error!r}"
            log.exception("a look at the machine failed")

    def _recover(self) -> None:
        self._owner.record(self._report_events(self._wrapper.recover()))

    def _addresses(self) -> Addresses | None:
        prefix = self._owner.http_prefix()
        return Addresses(prefix, self.key, self.routes.oauth) if prefix else None

    def _release(self, found: Inventory) -> None:
        """Give the entries their addresses back whose servers turned out to need them, or all that are not wanted."""
        all_of_them = not self._owner.http_prefix()
        back = [
            entry.url
            for entry in found.entries
            if entry.url and (route := self.route(entry)) and (all_of_them or route.url in self.routes.oauth)
        ]
        if back:
            self._owner.record(self._report_events(self._wrapper.release(back)))
            self._look_again()

    def route(self, entry: Entry) -> Route | None:
        """Where an entry of a remote server leads by way of us; None if it does not."""
        ours = entry.transport is Transport.HTTP and entry.url and is_address(entry.url)
        return self.routes.find(token_of(entry.url or "")) if ours else None

    def _wrap(self, entries: list[Entry]) -> Report:
        remote = [entry for entry in entries if entry.transport is Transport.HTTP]
        problem = self._owner.open_port() if remote else ""
        if problem:
            entries = [entry for entry in entries if entry not in remote]
        elif remote:
            entries = self._without_oauth(entries)
        report = self._wrapper.wrap(self._plan, entries)
        if problem:
            items = [left(Left(entry, Why.HTTP, problem)) for entry in remote]
            report = Report((*report.items, *items))
        if report.changed:
            self._owner.record(self._report_events(report))
            self._look_again()
        return report

    def _without_oauth(self, entries: list[Entry]) -> list[Entry]:
        """The entries but those that are found to have to keep their address."""
        if not self._first_asked.learn(self._plan, entries):
            return entries
        self._plan = self._wrapper.plan(self.inventory)
        planned = {id(one.entry) for one in self._plan.wrappings}
        return [entry for entry in entries if id(entry) in planned]

    def _look_again(self) -> None:
        found = scan(self._around, self.settings.scan, agents=ALL)
        self.inventory = replace(found, running=self.inventory.running)
        self._plan = self._wrapper.plan(self.inventory)

    def _hook(self, excepted: Sequence[str], agent: str = "") -> Report:
        report = self.hooking.put(self.inventory, self.settings, excepted, agent)
        if report.items:
            self._owner.record(self._report_events(report))
        return report

    @property
    def _wanted_file(self) -> Path:
        """One for each home: what is said of another home's files says nothing of one's own."""
        home = os.fsencode(os.path.realpath(self._around.home))
        return self.folders.data / f"wanted-{hashlib.sha256(home).hexdigest()[:12]}.json"

    def _wanted(self) -> Json:
        """Which agents' entries are to be kept wrapped, as the user last said."""
        try:
            said = json.loads(read_capped(self._wanted_file, WANTED_MAX))
            return {"on": bool(said["on"]), "except": [str(one) for one in said["except"]]}
        except (OSError, CallgateError, ValueError, KeyError, TypeError):
            return {"on": False, "except": []}

    def _want(self, wanted: Json) -> None:
        replace_file(self._wanted_file, json.dumps(wanted).encode())

    def _drift_event(self, change: Drift) -> Event:
        one = change.after or change.before
        name = ""
        detail: Json = {"before": self._said(change.before), "after": self._said(change.after)}
        if isinstance(one, Entry):
            name, detail["file"] = one.name, one.file.path
        return Event(change.kind, time.time_ns(), agent=change.agent, entry=name, detail=detail)

    def _said(self, one: Entry | AgentFound | None) -> object:
        if isinstance(one, Entry):
            address = self.address(one)
            url = redact_url(address, self.key) if address else None
            return {"argv": redact_argv(one.argv, self.key), "url": url, "enabled": one.enabled}
        return {"evidence": list(one.evidence)} if one else None

    def _report_events(self, report: Report) -> list[Event]:
        return [
            Event(
                f"entry.{item.done}",
                time.time_ns(),
                agent=item.agent,
                entry=item.entry,
                reason=item.why,
                detail={"file": item.file, "before": item.before, "after": item.after},
            )
            for item in report.items
            if item.done != "left"
        ]
