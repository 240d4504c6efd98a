"""What the local API serves: the daemon's state as plain JSON, and the changes that a user may ask for."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from callgate import __version__
from callgate.audit.store import Filter
from callgate.audit.verdict import judge
from callgate.model.call import Effect
from callgate.model.errors import AuditError, CallgateError
from callgate.model.event import Event, Row
from callgate.model.identity import Identified, ServerIdentity
from callgate.model.inventory import Entry
from callgate.policy.allowlist import Allowlist
from callgate.service import policies
from callgate.service.asker import asked_by
from callgate.service.inventory import describe
from callgate.service.pins import Pins
from callgate.service.running import Running
from callgate.service.standing import standing
from callgate.service.trusting import trust

Json = dict[str, Any]

ROW = ("uid", "session", "user", "agent", "server", "entry", "tool", "effect", "rule", "reason", "mode", "basis")
"""Fields of a row that are left out where they are empty."""
ROWS_MAX = 10_000
"""Rows of the log in one answer; the client asks again from where it ended."""


SEARCH_TIME = 0.8
"""Seconds of one search of the log; the client asks again from where it ended, and shows how far it is."""
LOOKED_AT = 100
"""Launches, newest first, among which a server's name is looked for."""


class Desktop:
    """Implements server.api.Backend for one daemon. Its methods block and run on threads of the pool."""

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._pins = Pins(daemon, daemon.pins, lambda ref: [one.server for one, _ in self._matching(ref)])

    def status(self) -> Json:
        """Version, mode, counts, and all that is wrong."""
        daemon = self._daemon
        inventory = daemon.worker.inventory
        states = [state for _, state, _ in daemon.worker.states()]
        problems = list(daemon.worker.problems())
        problems += daemon.registry.problems
        problems += policies.standing(daemon)
        problems += daemon.problems()
        if daemon.pins.store.problem:
            problems.append(daemon.pins.store.problem)
        try:
            counts = daemon.reader.counts()
        except AuditError as error:
            counts = {"rows": 0, "bytes": 0, "effects": {}}
            problems.append(str(error))
        return {
            "version": __version__,
            "pid": os.getpid(),
            "started": daemon.started,
            "mode": daemon.settings.mode.value,
            "on_doubt": daemon.settings.on_doubt.word,
            "durability": daemon.settings.audit.durability.value,
            "agents": len(inventory.agents),
            "servers": {state: states.count(state) for state in sorted(set(states))},
            "hooks": daemon.worker.hooking.count(inventory, daemon.settings),
            "skipped": len(inventory.skipped),
            "shims": len(daemon.listener.desk.sessions),
            "registry": daemon.registry.facts(),
            "pins": self._pins.facts(),
            "log": counts,
            "parts": daemon.facts(),
            "folders": {"config": str(daemon.folders.config), "data": str(daemon.folders.data)},
            "problems": problems,
        }

    def inventory(self, fresh: bool) -> Json:
        """Agents, servers with identity, verdict and state, running processes, and what was skipped."""
        if fresh:
            self._daemon.worker.look("asked")
        return describe(self._daemon.worker, self._verdict)

    def events(self, filters: Mapping[str, str]) -> Json:
        """Rows of the log that pass the filters."""
        known = {
            "since",
            "until",
            "session",
            "user",
            "agent",
            "server",
            "entry",
            "tool",
            "effect",
            "kind",
            "rule",
            "uid",
            "text",
        }
        numbers = {"after", "before", "limit"}
        if unknown := set(filters) - known - numbers - {"order"}:
            raise CallgateError("log", f"has no filter {', '.join(sorted(unknown))}", "see `callgate log --help`")
        wanted: dict[str, Any] = {name: value for name, value in filters.items() if name in known}
        for name in ("since", "until", *numbers):
            if name in filters:
                wanted[name] = _number(name, filters[name])
        wanted["limit"] = min(wanted.get("limit", 100), ROWS_MAX)
        reader = self._daemon.reader
        found = reader.search(Filter(**wanted, newest_first=filters.get("order") == "newest"), SEARCH_TIME)
        first, last = reader.first_and_last()
        return {
            "events": [row_json(row) for row in found.rows],
            "looked": {"upto": found.upto, "first": first, "last": last},
        }

    def event(self, ref: str) -> Json:
        """All rows of one call or thing."""
        rows = self._daemon.reader.get(ref)
        if not rows:
            raise CallgateError(f"event {ref}", "is not in the log", "see `callgate log` for sequence numbers and ids")
        return {"events": [row_json(row) for row in rows]}

    def server(self, ref: str) -> Json:
        """Which rule allows or denies a server, and what would change that."""
        found = []
        for identified, entries in self._matching(ref):
            for verdict, alike in self._verdicts(identified, entries):
                found.append(
                    {
                        "identity": str(identified.server),
                        "short": identified.server.short,
                        "evidence": identified.evidence,
                        "entries": [f"{entry.agent}: {entry.name} ({entry.file.path})" for entry in alike],
                        **verdict,
                        "approvals": _approvals(self._daemon.registry.rules, identified),
                        "policy": policies.explain(self._daemon, identified, alike),
                        "change": _change(verdict, ref, local=not self._daemon.settings.registry.url),
                    }
                )
        return {"servers": found}

    def _verdicts(self, identified: Identified, entries: Sequence[Entry]) -> list[tuple[Json, list[Entry]]]:
        """The verdict on a server, or those on its entries where they start it in ways that make a difference."""
        if not entries:
            return [(self._verdict(identified, None), [])]
        found: list[tuple[Json, list[Entry]]] = []
        for entry in entries:
            verdict = self._verdict(identified, entry)
            same = next((alike for other, alike in found if other == verdict), None)
            if same is None:
                found.append((verdict, [entry]))
            else:
                same.append(entry)
        return found

    def verify(self) -> Json:
        """Check the whole log."""
        return judge(self._daemon.folders.audit, trust(self._daemon.folders))

    def rule(self, server: str, tool: str | None, effect: str) -> Json:
        """Allow or deny a server or one of its tools."""
        try:
            wanted = Effect.of(effect)
        except ValueError as error:
            raise CallgateError("rule", str(error)) from error
        matching = self._matching(server)
        identities = sorted({identified.server for identified, _ in matching})
        if len(identities) > 1:
            names = ", ".join(map(str, identities))
            raise CallgateError(server, f"is the name of several servers ({names})", "name one of these identities")
        identity = identities[0]
        entries = sorted({entry.name for _, found in matching for entry in found})
        name = entries[0] if len(entries) == 1 and identity.kind == "exe" else ""
        file = self._file(identity, matching) if wanted is not Effect.DENY else ""
        self._daemon.registry.set(identity, tool, wanted, name, file)
        detail = {"identity": str(identity), "asked": server, **asked_by()}
        event = Event(
            "registry.changed",
            time.time_ns(),
            server=str(identity),
            tool=tool or "",
            effect=wanted.word,
            detail=detail,
        )
        self._daemon.record([event])
        floats = identity.version is None and identity.kind in ("npm", "pypi", "oci")
        return {
            "identity": str(identity),
            "short": identity.short,
            "tool": tool,
            "effect": wanted.word,
            "entries": entries,
            "floats": floats,
        }

    def _file(self, identity: ServerIdentity, matching: Sequence[tuple[Identified, list[Entry]]]) -> str:
        """The file that an identity rests on, by its entries or the last launch of it; empty if it rests on none."""
        if identity.kind != "exe":
            return ""
        for entry in (entry for _, entries in matching for entry in entries):
            startup = self._daemon.worker.startup(entry, self._daemon.registry.rules)
            if startup is not None and startup.file:
                return startup.file
        wanted = Filter(kind="server.launched", server=str(identity), limit=1, newest_first=True)
        return next((str(row.event.detail.get("file", "")) for row in self._daemon.reader.rows(wanted)), "")

    def policy(self) -> Json:
        """The policy in force."""
        return policies.describe(self._daemon)

    def set_policy(self, file: str | None, force: bool) -> Json:
        """Put a policy in force, or remove the one that is."""
        return policies.put(self._daemon, file, force)

    def break_glass(self, minutes: int, why: str) -> Json:
        """Suspend the policy for some minutes; 0 ends that."""
        return policies.suspend(self._daemon, minutes, why)

    def pins(self) -> Json:
        """What servers listed, and which of it is held."""
        return self._pins.overview()

    def compare_pins(self, server: str, name: str | None) -> Json:
        """What of a server is not as it was approved."""
        return self._pins.compare(server, name)

    def approve_pins(self, server: str, pins: Sequence[Mapping[str, object]]) -> Json:
        """Trust definitions."""
        return self._pins.approve(server, pins)

    def forget_pins(self, server: str, name: str | None) -> Json:
        """Forget definitions."""
        return self._pins.forget(server, name)

    def wrap(self, agent: str | None) -> Json:
        """Wrap what is found, from now on."""
        return self._daemon.worker.wrap(agent)

    def unwrap(self, agent: str | None) -> Json:
        """Give files back, and leave them alone from now on."""
        return self._daemon.worker.unwrap(agent)

    def reload(self) -> Json:
        """Read settings and registry again."""
        self._daemon.reload()
        return self.status()

    def stop(self) -> Json:
        """End the daemon, after this answer."""
        self._daemon.request_stop()
        return {"pid": os.getpid()}

    def _verdict(self, identified: Identified, entry: Entry | None) -> Json:
        daemon = self._daemon
        return standing(daemon.worker, daemon.registry.rules, daemon.settings.on_doubt, identified, entry)

    def _launched_as(self, name: str) -> list[ServerIdentity]:
        """The servers that were lately started under this name without an entry (`callgate shim`)."""
        wanted = Filter(kind="server.launched", entry=name, limit=LOOKED_AT, newest_first=True)
        return sorted(
            {ServerIdentity.parse(row.event.server) for row in self._daemon.reader.rows(wanted) if row.event.server}
        )

    def _matching(self, ref: str) -> list[tuple[Identified, list[Entry]]]:
        """The servers that a person may mean by an identity or by the name of an entry; never empty.

        What reads as an identity is one: whoever can write a config could give another server that name.
        """
        known = self._daemon.worker.identified()
        with contextlib.suppress(ValueError):
            meant = ServerIdentity.parse(ref)
            return [(one, entries) for one, entries in known if one.server == meant] or [
                (Identified(meant, "as you wrote it"), [])
            ]
        found = [(one, entries) for one, entries in known if any(entry.name == ref for entry in entries)]
        found = found or [(Identified(one, "seen in the log"), []) for one in self._launched_as(ref)]
        if not found:
            raise CallgateError(f"server {ref!r}", "is not known", "`callgate servers` lists names and identities")
        return found


def row_json(row: Row) -> Json:
    """One row of the log as the local API and `callgate log --json` give it."""
    event = row.event
    said: Json = {"seq": row.seq, "time": event.time, "kind": event.kind}
    for name in ROW:
        if value := getattr(event, name):
            said[name] = value
    if event.detail:
        said["detail"] = dict(event.detail)
    if row.payload is not None:
        said["payload"] = row.payload
    said["hash"] = row.hash
    return said


def _number(name: str, text: str) -> int:
    try:
        number = int(text)
        if not 0 <= number < 2**63:
            raise ValueError(text)
        return number
    except ValueError:
        raise CallgateError("log", f"`{name}` must be a number, not {text!r}", "see `callgate log --help`") from None


def _approvals(rules: Allowlist | None, found: Identified) -> list[Json]:
    """The registry's entries that reach a server, with their terms."""
    matching = rules.of(found.server) if rules else ()
    return [
        {
            "name": one.name,
            "effect": one.effect.word,
            "owner": one.terms.owner,
            "risk": one.terms.risk,
            "until": one.terms.until,
            "terms": str(one.terms),
        }
        for one in matching
    ]


_STEPS = {
    "server.version": "start an approved version, or have this one approved",
    "server.digest": "install the approved version anew, or have what is there now examined and approved",
    "server.arguments": "start it with the approved arguments, or have these approved",
    "server.environment": "take the variable out of its entry, or have it approved",
    "server.lookalike": "check who wrote it: if it is a mistake, start the approved one instead",
}
"""What comes next, by the rule that refuses a server."""


def _change(verdict: Json, ref: str, *, local: bool) -> str:
    allowed = verdict["effect"] == "allow"
    if verdict["rule"] in _STEPS and not allowed:
        return _STEPS[verdict["rule"]]
    if not local:
        what = "only its owner denies it" if allowed else f"`callgate request {ref} --why TEXT` asks for it"
        return f"the organisation's registry decides: {what}"
    return f"`callgate deny {ref}` denies it" if allowed else f"`callgate allow {ref}` allows it"
