"""Pure: what a candidate policy would have done with the calls and launches that the log recorded."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from callgate.model.call import Call, Caller, Deed, Doing, Effect, Mode, Session
from callgate.model.event import Event, Row
from callgate.model.identity import BUILTIN, Identified, ServerIdentity
from callgate.policy import builtin, facts
from callgate.policy.cedar import Policies
from callgate.policy.facts import Moment, Request
from callgate.policy.labels import Known
from callgate.policy.schema import FROM_ARGUMENTS

KINDS = ("call.asked", "server.launched")
CHANGES_MAX = 10_000
"""Changes that are kept one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class Change:
    """One recorded question that the candidate answers otherwise."""

    seq: int
    entry: str
    tool: str
    agent: str
    before: Effect
    after: Effect
    rule: str
    reason: str


@dataclass(slots=True)
class Replayed:
    """The outcome, counted and listed."""

    questions: int = 0
    """Calls and launches that the policy is asked about."""
    earlier: int = 0
    """Those that are denied before the policy is asked, whatever it says."""
    unread: int = 0
    """Rows that cannot be asked again: without a server identity that makes sense."""
    partial: int = 0
    """Questions of which the log did not keep all arguments, while the candidate looks at arguments."""
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    changed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """How many per effect before, effect after, and rule."""
    changes: list[Change] = field(default_factory=list)

    @property
    def denies_everything(self) -> bool:
        """Would nothing of all that was let through pass any more?"""
        return bool(self.before.keys() - {"deny"}) and self.after.keys() == {"deny"}


@dataclass(frozen=True, slots=True)
class Machine:
    """What rows do not say, since it is the same for all rows of a machine."""

    user: str
    groups: tuple[str, ...]
    home: str
    known: Callable[[ServerIdentity, str], Known]
    """What the registry says of a server and a tool."""
    moment: Callable[[int], Moment]
    """The local time of a row's nanoseconds."""


def replay(rows: Iterable[Row], candidate: Policies, machine: Machine) -> Replayed:
    """Ask the candidate about every recorded call and launch."""
    found = Replayed()
    for row in rows:
        event = row.event
        if event.kind not in KINDS or not event.effect:
            continue
        by_policy = event.rule.startswith(("policy:", "policy."))
        try:
            before = Effect.of(event.effect)
            if before is Effect.DENY and not by_policy:
                found.earlier += 1
                continue
            request = _request(row, candidate, machine, found)
        except ValueError:
            found.unread += 1
            continue
        judged = candidate.judge(request).verdict
        after = max(Effect.ALLOW if by_policy else before, judged.effect)
        _count(found, row, before, after, judged.rule, judged.reason)
    return found


def _count(found: Replayed, row: Row, before: Effect, after: Effect, rule: str, reason: str) -> None:
    found.questions += 1
    found.before[before.word] += 1
    found.after[after.word] += 1
    if after is before:
        return
    found.changed[before.word, after.word, rule] += 1
    if len(found.changes) < CHANGES_MAX:
        event = row.event
        found.changes.append(Change(row.seq, event.entry, event.tool, event.agent, before, after, rule, reason))


def _request(row: Row, candidate: Policies, machine: Machine, found: Replayed) -> Request:
    """The question of a row. Raises ValueError."""
    event = row.event
    session = _session(event, machine)
    known, mode = machine.known(session.server.server, event.tool), Mode(event.mode)
    moment = machine.moment(event.time)
    if event.kind == "server.launched":
        argv = event.detail.get("argv")
        words = [str(word) for word in argv] if isinstance(argv, list) else []
        return facts.of_launch(session, words, known.approval, mode, moment)
    arguments = _arguments(row)
    lost = arguments is None
    if lost and candidate.wanted & FROM_ARGUMENTS:
        found.partial += 1
    size = event.detail.get("bytes")
    call = Call(
        event.uid,
        session,
        "tools/call",
        event.tool,
        arguments,
        size if isinstance(size, int) else 0,
        truncated=lost,
        deed=_deed(event, arguments, machine) if session.server.server.kind == BUILTIN else None,
        asked_by_model=_asked(event),
    )
    return facts.of_call(call, known, mode, moment, candidate.wanted)


def _asked(event: Event) -> str:
    """What was known then; rows say it only where the policy of that time wanted to know."""
    said = event.detail.get("asked_by_model")
    return said if isinstance(said, str) and said in ("yes", "no") else "unknown"


def _deed(event: Event, arguments: Mapping[str, object] | None, machine: Machine) -> Deed:
    cwd = event.detail.get("cwd")
    return builtin.look(
        Doing(str(event.detail.get("does"))), arguments, cwd if isinstance(cwd, str) else "", machine.home
    )


def _session(event: Event, machine: Machine) -> Session:
    caller = Caller(
        0,
        0,
        event.agent or None,
        "from the log",
        event.session,
        proven=bool(event.agent) and not event.detail.get("unproven"),
        user=machine.user,
        groups=machine.groups,
        home=machine.home,
    )
    return Session("", caller, Identified(ServerIdentity.parse(event.server), "from the log"), event.entry)


def _arguments(row: Row) -> Mapping[str, object] | None:
    """What the log kept of the arguments, if it is all of them."""
    if row.payload is None:
        return None if row.event.detail.get("truncated") or row.event.detail.get("payload") else {}
    try:
        found = json.loads(row.payload)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Mapping) else None
