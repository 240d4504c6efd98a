"""Where the rules come from: this machine's own registry or an organisation's, kept up to date and in force."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from callgate.model.call import Effect
from callgate.model.errors import CallgateError, RegistryError
from callgate.model.event import Event
from callgate.model.identity import ServerIdentity
from callgate.policy.allowlist import Allowlist
from callgate.policy.cedar import Policies
from callgate.registry.activation import InForce
from callgate.registry.cache import Cache
from callgate.registry.freshness import Freshness
from callgate.registry.local import Fresh, LocalRepository
from callgate.registry.options import LOCAL, Options
from callgate.registry.places import Folder
from callgate.registry.sync import Outcome, Source, Sync
from callgate.service.fears import Fears
from callgate.settings import Registry
from callgate.system.paths import Folders

log = logging.getLogger(__name__)

JITTER = 0.2
"""Part of the pause by which it varies, so that a fleet that was started at once does not ask at once."""
RETRY = 15.0
"""Seconds after a first poll that found no network; doubled up to the usual pause."""

Json = dict[str, Any]


class Registrar:
    """The rules in force and where they come from. Its methods may be called from any thread but the gate's.

    `switch` runs a function on the gate's thread and returns when it has run; `record` writes events to the log;
    `launched` gives the servers that were let run since a moment (nanoseconds); `rehearse` says what is to be feared
    of rules and a policy that are about to come into force, "" if nothing is.
    """

    def __init__(
        self,
        where: Folders,
        settings: Registry,
        *,
        switch: Callable[[Callable[[], None]], object] = lambda job: job(),
        record: Callable[[list[Event]], object] = lambda events: None,
        launched: Callable[[int], Iterable[str]] = lambda since: (),
        rehearse: Callable[[Allowlist, Policies], str] = lambda rules, policies: "",
    ) -> None:
        self.rules: Allowlist | None = None
        """The rules in force, None: there are none that could be read. Changed on the gate's thread only."""
        self.policies: Policies | None = None
        """The policy in force with them, None: there is none."""
        self.basis = ""
        """Names the rules in force in the audit log."""
        self._where = where
        self._settings = settings
        self._switch, self._record, self._launched, self._rehearse = switch, record, launched, rehearse
        self._fears = Fears(where.data / "policy-warning.json")
        self._warning = ""
        """What is to be feared of the policy in force."""
        self._local = LocalRepository(where.registry, where.registry_keys, where.registry_file)
        self._turn = threading.RLock()
        self._sync: Sync | None = None
        self._problem: CallgateError | None = None
        self._level = Freshness.FRESH
        self._told = ""
        self._woken = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._untold: list[Event] | None = []
        """Events of the time before the log can be written to; None from then on."""

    def load(self) -> None:
        """Put the last good rules in force, without a network; `start` looks for newer ones."""
        with self._turn:
            self._problem = None
            try:
                if not self._settings.url:
                    self._local.take_over()
                self._sync = self._made()
            except CallgateError as error:
                self._problem = error
                log.error("registry: %s", error)
                return
            self._sync.tidy()
            self._sync.load()
            if self._sync.source.local:
                self._poll_local()
            if self._sync.freshness() is Freshness.HARD:  # softer staleness may end with the first poll
                self._judge()

    def peek(self) -> None:
        """As `load`, but without a change to any file: for commands that run beside a daemon, or before the first."""
        try:
            self._sync = self._made()
            if self._sync.load():
                self._judge()
            elif self._sync.source.local and not self._local.exists():
                self.rules = self._local.earlier_rules()
        except CallgateError as error:
            self._problem = error

    def start(self) -> None:
        """Begin to follow the registry. From now on the gate's thread must run."""
        untold, self._untold = self._untold, None
        self._record(untold or [])
        self._thread = threading.Thread(target=self._run, name="callgate-registry", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 2.0) -> None:
        """Follow it no more. A fetch that is under way may go on for a moment, and changes nothing any more."""
        self._stopping = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join(seconds)
        if self._sync is not None:
            self._sync.source.place.close()

    def configure(self, settings: Registry) -> None:
        """Follow the registry that these settings name from now on."""
        with self._turn:
            if settings == self._settings:
                return
            before, self._settings = self._settings, settings
            if (before.url, before.root, before.channel) != (settings.url, settings.root, settings.channel):
                if before.url != settings.url:
                    self._put(None)
                if self._sync is not None:
                    self._sync.source.place.close()
                self._sync, self._level, self._told = None, Freshness.FRESH, ""
                self.load()
        self._woken.set()

    def refresh(self) -> None:
        """Put changes of this machine's own registry in force. Cheap if there are none."""
        if self._settings.url:
            return  # it has a thread of its own, which may be waiting for the network right now
        with self._turn:
            if self._sync is None:
                self.load()
            else:
                self._poll_local()

    def poll(self) -> None:
        """Look for changes at once."""
        with self._turn:
            if self._settings.url and self._sync is not None:
                self._poll(self._sync)
        self.refresh()

    def set(self, identity: ServerIdentity, tool: str | None, effect: Effect, name: str = "", file: str = "") -> None:
        """Approve or deny a server, or one tool of it, in this machine's own registry; in force when this returns. A
        new entry is called after `name`, and pins `file`, if it is given.

        Raises RegistryError, and then the rules in force are what they were.
        """
        if self._settings.url:
            raise RegistryError(
                str(identity),
                f"is decided by the organisation's registry ({self._settings.url})",
                f"ask for it by `callgate request {identity} --why TEXT`",
            )
        self._edit(lambda signed: self._local.set(identity, tool, effect, Fresh(name, file), signed))

    def set_policy(self, text: bytes | None) -> None:
        """Replace the policy of this machine's own registry, or (for None) remove it; in force when this returns.

        Raises RegistryError, and then the policy in force is what it was.
        """
        if self._settings.url:
            raise RegistryError(
                "policy", f"is decided by the organisation's registry ({self._settings.url})", "ask its owners"
            )
        self._edit(lambda signed: self._local.set_policy(text, signed))

    def _edit(self, edit: Callable[[Mapping[str, str]], None]) -> None:
        """Change this machine's own registry, given the digests of what is in force, and put it in force."""
        with self._turn:
            if self._problem is not None:
                raise self._problem
            sync = self._sync or self._made()
            edit(sync.good.digests if sync.good else {})
            self._sync = sync
            self._poll(sync)
            if sync.error is not None:
                raise sync.error

    @property
    def options(self) -> Options:
        """The options in force."""
        sync = self._sync
        return sync.in_force.options if sync and sync.in_force else LOCAL

    @property
    def problems(self) -> list[str]:
        """All that is wrong with the registry, for people."""
        found: list[str] = []
        if self._problem is not None:
            found.append(str(self._problem))
        sync = self._sync
        if sync is None:
            return found
        if sync.error is not None and sync.refused:
            found.append(str(sync.error))
        if self._level is not Freshness.FRESH:
            held = "only servers that ran here before may run" if self._level is Freshness.HARD else "they still hold"
            found.append(f"the rules are {_age(time.time() - sync.proven)} old and {self._level} stale: {held}")
        elif sync.in_force is None and not sync.source.local and not found:
            why = f" ({sync.error})" if sync.error else ""
            found.append(f"no rules have come from {sync.source.place.name} yet{why}")
        if clock := sync.clock_problem():
            found.append(clock)
        if self._warning:
            step = "`callgate policy break-glass --minutes N --why TEXT` suspends it for a while"
            found.append(f"policy: {self._warning}; {step}")
        if sync.source.local:
            if sync.good and (edited := self._local.edited(sync.good.digests)):
                found.append(str(edited))
            if self._local.exists() and self._where.registry_file.exists():
                found.append(f"{self._where.registry_file} is not read any more; use `callgate allow` and `deny`")
        return found

    def facts(self) -> Json:
        """The registry in short, for status and the log."""
        sync = self._sync
        good = sync.good if sync else None
        return {
            "approvals": len(self.rules.approvals) if self.rules else 0,
            "source": self._settings.url or "local",
            "channel": self._settings.channel.value,
            "versions": dict(good.versions) if good else {},
            "version": good.versions.get("timestamp", 0) if good else 0,
            "age": max(0, round(time.time() - sync.proven)) if sync and sync.proven else None,
            "polled": round(sync.polled) if sync else 0,
            "expires": round(good.expires) if good else 0,
            "freshness": self._level.value,
            "last_error": str(sync.error) if sync and sync.error else "",
            "problem": "; ".join(self.problems),
        }

    def _made(self) -> Sync:
        settings = self._settings
        if not settings.url:
            source = Source(Folder(self._where.registry / "public"), self._local.root, "stable", local=True)
            return Sync(source, Cache(self._where.registry_cache / "local"), self._activate, time.time)
        from callgate.registry.web import Web  # late: this machine's own registry needs no HTTP

        source = Source(Web(settings.url), self._where.config / settings.root, settings.channel.value)
        return Sync(source, Cache(self._where.registry_cache / "organisation"), self._activate, time.time)

    def _poll_local(self) -> None:
        if self._sync is not None and self._local.exists():
            self._poll(self._sync)
        elif self.rules is None:
            self._put(Allowlist())  # nothing was ever approved here

    def _poll(self, sync: Sync) -> Outcome:
        before = sync.error
        outcome = sync.poll()
        self._judge()
        if sync.error is not None:
            if str(sync.error) != str(before):
                log.warning("registry: %s", sync.error)
            if outcome is Outcome.REFUSED and str(sync.error) != self._told:
                self._told = str(sync.error)
                self._tell("registry.refused", str(sync.error))
        elif self._told:
            self._told = ""
        if outcome is Outcome.UPDATED:
            log.info("registry: rules of %s are in force", sync.source.place.name)
            self._tell("registry.updated", "")
        return outcome

    def _activate(self, found: InForce) -> None:
        if self._stopping:
            return
        before, self._warning = self._warning, self._feared(found)
        if self._warning and self._warning != before:
            log.warning("policy: %s", self._warning)
            self._tell("policy.warned", self._warning)
        self._put(self._limited(found.allowlist), found.policies, found.basis)

    def _feared(self, found: InForce) -> str:
        """What is to be feared of the policy that comes into force, or was when it came for the first time."""
        if found.policies is None:
            return ""
        warning = self._fears.of(found.policies)
        if not warning and self._untold is None:  # at a start it is what it was, and the log is not open yet
            warning = self._rehearse(found.allowlist, found.policies)
            self._fears.keep(found.policies, warning)
        return warning

    def _judge(self) -> None:
        """Act on how old the rules are by now."""
        sync = self._sync
        if sync is None or sync.in_force is None:
            return
        level = sync.freshness()
        if level is self._level:
            return
        self._level = level
        self._put(self._limited(sync.in_force.allowlist), sync.in_force.policies, sync.in_force.basis)
        if level is not Freshness.FRESH:
            self._tell("registry.stale", f"no proof for {_age(time.time() - sync.proven)} that the rules are current")

    def _limited(self, rules: Allowlist) -> Allowlist:
        if self._level is not Freshness.HARD or self._sync is None or self._sync.good is None:
            return rules
        return replace(rules, only=frozenset(self._launched(int(self._sync.good.adopted * 10**9))))

    def _put(self, rules: Allowlist | None, policies: Policies | None = None, basis: str = "") -> None:
        def job() -> None:
            self.rules, self.policies, self.basis = rules, policies, basis

        self._switch(job)

    def _tell(self, kind: str, reason: str) -> None:
        facts = self.facts()
        detail = {name: facts[name] for name in ("source", "channel", "approvals", "versions", "freshness")}
        event = Event(kind, time.time_ns(), reason=reason, basis=self.basis, detail=detail)
        if self._untold is None:
            self._record([event])
        else:
            self._untold.append(event)

    def _run(self) -> None:
        failures = 0
        while not self._stopping:
            pause = float(self._settings.poll)
            try:
                with self._turn:
                    followed = self._sync if self._settings.url else None
                if followed is not None:
                    outcome = self._follow(followed)
                    failures = failures + 1 if outcome is Outcome.AWAY else 0
                    if failures:
                        pause = min(pause, RETRY * 2 ** min(failures - 1, 10))
            except CallgateError as error:  # the gate is stopping
                log.error("registry: %s", error)
            except Exception:  # a task edge: the next poll may go well, and the rules in force stay
                log.exception("a look at the registry failed")
            self._woken.wait(pause * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - spreads load, no secret
            self._woken.clear()

    def _follow(self, sync: Sync) -> Outcome:
        with self._turn:
            return self._poll(sync) if sync is self._sync else Outcome.UNCHANGED


def _age(seconds: float) -> str:
    hours = max(0.0, seconds) / 3600
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:,.0f} days"
