"""The heart: one call in -> facts -> verdict -> audit row -> one answer.

The gate belongs to one thread (the listener's). It stages rows as it judges; the listener commits them together and
only then sends the answers, so an answer never leaves before its row is durable.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from callgate.audit.argv import redact_argv
from callgate.audit.callrow import seen, told
from callgate.audit.freetext import redact_event
from callgate.audit.log import SEQ_MAX
from callgate.audit.payload import Kept, keep
from callgate.audit.store import Writer
from callgate.detect.listing import Listing
from callgate.model.call import Call, Effect, Mode, Session, Verdict
from callgate.model.errors import AuditError, RegistryError
from callgate.model.event import Event
from callgate.model.pin import Kind, PinRules
from callgate.model.startup import as_started
from callgate.policy import canary, facts, ladder
from callgate.policy.allowlist import Allowlist
from callgate.policy.cedar import Policies
from callgate.policy.facts import Moment, Request
from callgate.policy.pinning import Judged
from callgate.policy.schema import ASKED
from callgate.settings import Payload, Personal, Settings

log = logging.getLogger(__name__)

JUDGED_MAX = 100
"""Tools of one listing that the policy is asked about: half a millisecond each where there are 200 policies, in which
no call is answered. Others are shown, and refused when they are called."""


class Pins(Protocol):
    """What is known of the definitions that servers show. Its methods raise RegistryError if that cannot be used."""

    def listed(
        self, session: Session, listing: Listing, allowlist: Allowlist | None, rules: PinRules, now: int
    ) -> Judged:
        """Judge a listing and keep what it shows, durably. Raises ValueError if it shows more than can be kept."""

    def verdict(self, session: Session, tool: str, allowlist: Allowlist | None, rules: PinRules) -> Verdict | None:
        """The verdict on a call by the tool's definition; None if that is as it was approved."""

    def left(self, uid: str) -> None:
        """A session has ended."""


@dataclass(slots=True)
class Gate:
    """Judges launches, calls and listings, and writes down what it judged.

    `rules` gives the rules in force (None: there are none that could be read), `policies` the policy in force (None:
    there is none); `now` the time in nanoseconds; `payload_key` is this machine's key for redaction marks and payload
    digests; `pins` what is known of tool definitions.
    """

    audit: Writer
    rules: Callable[[], Allowlist | None]
    settings: Settings
    now: Callable[[], int]
    payload_key: bytes
    policies: Callable[[], Policies | None] = lambda: None
    pins: Pins | None = None
    basis: Callable[[], str] = lambda: ""
    """Which rules are in force, in short."""
    stated_pins: Callable[[], PinRules | None] = lambda: None
    """What the registry says that changes of a definition may do alone; None leaves it to the settings."""
    asked_by_model: Callable[[Call, str], str] = lambda call, digest: "unknown"
    """Did the model ask for this call, whose arguments have that digest? Only asked where a policy wants to know."""
    suspended_until: int = 0
    """Nanoseconds: until then the policy stops nothing (break-glass), and rows say what it would have done."""
    _lost: bool = False
    """A row of this turn could not be written, and took those before it with it: the turn is void."""
    _turn: int = 0
    """Rows of this turn."""
    _missing: int = 0
    """Rows that could not be written since the log was last good."""
    _missing_since: int = 0

    def launch(self, session: Session, argv: Sequence[str], detail: Mapping[str, object]) -> Verdict:
        """May this shim start its server? `argv` is the original command line. With a command line in the verdict, the
        server of the session is from then on `as_started`.
        """
        rules, doubt = self.rules(), self.settings.on_doubt
        verdict = ladder.judge_launch(rules, session.server, doubt, self._seconds(), session.startup)
        said: dict[str, object] = {
            "argv": redact_argv(argv, self.payload_key),
            "evidence": session.server.evidence,
            "also": list(session.server.also),
            **detail,
        }
        started, line = as_started(session), verdict.argv or argv
        if verdict.argv:
            said |= {"asked": str(session.server.server), "instead": redact_argv(line, self.payload_key)}

        def asked(_: Policies, rules: Allowlist) -> Request:
            known = rules.known(started.server.server)
            return facts.of_launch(started, line, known.approval, self.settings.mode, self._moment())

        runs = started if verdict.argv and self.settings.mode is Mode.ENFORCE else session
        verdict = self._by_policy(verdict, started, asked, said)
        self._stage(self._event("server.launched", runs, verdict, uid=session.uid, detail=said))
        return ladder.applied(verdict, self.settings.mode)

    def revoke(self, session: Session, verdict: Verdict) -> Verdict:
        """A running server is not any more what was allowed: what is to be done about it."""
        self._stage(self._event("server.changed", session, verdict, uid=session.uid, detail={}))
        return ladder.applied(verdict, self.settings.mode)

    def check(self, call: Call, *, retry: bool = False, given: Verdict | None = None) -> Verdict:
        """May this call go on? With `retry`, a verdict that is in the log already is given again, not judged anew.
        `given` is a verdict that was found before any rule was asked, and stands.
        """
        if canary.is_canary(call.tool):
            return self.refuse(call.session, {"channel": call.channel, "pid": call.session.caller.pid}, call.tool)
        if retry and (known := self._known(call)):
            return known
        pin = self._pin(call.session, call.tool) if call.channel == "mcp" else None
        server, doubt = self._judged(call.session).server, self.settings.on_doubt
        verdict = given or ladder.judge_call(self.rules(), server, call.tool, doubt, self._seconds(), pin)
        if call.session.barred is not None:
            verdict = ladder.stricter(verdict, call.session.barred)
        kept = self._kept(call.arguments)
        detail: dict[str, object] = {"bytes": call.size}
        if call.truncated:
            detail["truncated"] = True
        if retry and call.channel == "mcp":
            detail["retry"] = True
        detail |= seen(call)

        def asked(policies: Policies, rules: Allowlist) -> Request:
            known = rules.known(server.server, call.tool or "")
            this = call
            if ASKED in policies.wanted:
                this = replace(call, asked_by_model=self.asked_by_model(call, kept.digest if kept else ""))
                detail["asked_by_model"] = this.asked_by_model
            return facts.of_call(this, known, self.settings.mode, self._moment(), policies.wanted)

        if given is None:
            verdict = self._by_policy(verdict, call.session, asked, detail)
        self._stage(self._event("call.asked", call.session, verdict, uid=call.uid, tool=call.tool, detail=detail), kept)
        return ladder.applied(verdict, self.settings.mode)

    def hide(self, session: Session, listing: Listing) -> list[object]:
        """What of a listing the agent is not shown, by name (nothing in observe mode). What has no proper name is never
        shown: no rule could reach it. Raises ValueError or RegistryError if its definitions cannot be kept.
        """
        judged = Judged()
        if self.pins is not None:
            judged = self.pins.listed(session, listing, self.rules(), self.pin_rules, self.now())
        for found in judged.findings:
            detail = {"kind": listing.kind.value, **found.detail}
            row = self._event(found.kind, session, found.verdict, uid=session.uid, tool=found.name, detail=detail)
            self._stage(row)
        if listing.kind is Kind.TOOL:
            hidden = ladder.judge_listing(
                self.rules(),
                self._judged(session).server,
                listing.names,
                self.settings.on_doubt,
                self._seconds(),
                judged.verdicts,
            )
            refused = self._never_permitted(session, listing, set(hidden))
            hidden += refused
            said: dict[str, object] = {"tools": listing.names, "denied": hidden}
            if refused:
                said["policy"] = refused
            if judged.verdicts:
                said["held"] = {name: verdict.rule for name, verdict in judged.verdicts.items()}
            if listing.nameless:
                said["nameless"] = len(listing.nameless)
            self._stage(self._event("tools.listed", session, None, uid=session.uid, detail=said))
        else:
            hidden = [name for name, verdict in judged.verdicts.items() if verdict.effect is Effect.DENY]
        return [*hidden, *listing.nameless] if self.settings.mode is Mode.ENFORCE else []

    def _never_permitted(self, session: Session, listing: Listing, hidden: set[str]) -> list[str]:
        """The tools of a listing that the policy denies whatever they would be called with."""
        policies, rules = self.policies(), self.rules()
        if policies is None or rules is None or self.now() < self.suspended_until:
            return []
        found = []
        for name in [name for name in listing.names if name not in hidden][:JUDGED_MAX]:
            known = rules.known(session.server.server, name)
            call = Call("", session, "tools/call", name)
            if policies.never(facts.of_call(call, known, self.settings.mode, self._moment(), policies.wanted)):
                found.append(name)
        return found

    @property
    def pin_rules(self) -> PinRules:
        """What changes of a definition may do alone."""
        return self.stated_pins() or self.settings.pins

    def left(self, session: Session) -> None:
        """A session has ended."""
        if self.pins is not None:
            self.pins.left(session.uid)

    def note(
        self,
        kind: str,
        session: Session | None,
        detail: Mapping[str, object],
        *,
        uid: str = "",
        payload: Mapping[str, object] | None = None,
    ) -> None:
        """Write down something that nobody waits for. Of `payload` is kept what the payload policy lets."""
        self.record(self._event(kind, session, None, uid=uid, detail=detail), self._kept(payload))

    def refuse(self, session: Session, detail: Mapping[str, object], name: str = "") -> Verdict:
        """Write down what is refused in whatever mode: what could be read in two ways, or the canary of that `name`."""
        said = str(detail.get("refused", ""))
        verdict = canary.VERDICT if name else Verdict(Effect.DENY, "malformed", said)
        event = self._event("canary.refused" if name else "call.refused", session, verdict, tool=name, detail=detail)
        self._stage(replace(event, uid=session.uid, mode=Mode.ENFORCE.value))
        return verdict

    def record(self, event: Event, kept: Kept | None = None) -> None:
        """Write down an event, its reason and free text redacted (unless all is kept), and its payload."""
        if (audit := self.settings.audit).payload is not Payload.FULL:
            event = redact_event(event, self.payload_key, people=audit.personal is Personal.MARK)
        self._stage(event, kept)

    def commit(self) -> bool:
        """Make all staged rows durable. False if that failed: then the verdicts given since are void, and `in_doubt`
        is what their callers get.
        """
        if not self._lost:
            try:
                self.audit.commit()
                if self._turn and self._missing:
                    log.warning("the audit log can be written again; %d rows are missing", self._missing)
                    self._missing = 0
            except AuditError as error:
                self._lose(error)
        good = not self._lost
        self._lost, self._turn = False, 0
        return good

    @property
    def staged(self) -> bool:
        """Is anything waiting for `commit`?"""
        return self._turn > 0

    @property
    def lost(self) -> bool:
        """Will `commit` fail, because a row could not even be staged?"""
        return self._lost

    def cut(self, before: int, upto: int = SEQ_MAX) -> int:
        """Remove one slice of rows that are older than `before` (nanoseconds), none after row `upto`: how many, 0 when
        none are left.
        """
        if not self.commit():
            self._lost = True  # for those whose rows were in this turn
            return 0
        try:
            return self.audit.cut(before, self.now(), upto)
        except AuditError as error:
            log.error("old rows could not be removed: %s", error)
            return 0

    @property
    def unsettled(self) -> int:
        """Rows that were committed since the log was last tidied up."""
        return self.audit.untidy

    def settle(self) -> None:
        """Tidy the log up in an idle moment, so that no call has to wait for it."""
        try:
            self.audit.tidy()
        except AuditError as error:
            log.warning("the audit log could not be tidied up: %s", error)

    def in_doubt(self, why: str) -> Verdict:
        """The answer to a question that could not be judged or not be written down."""
        return ladder.applied(ladder.doubt(self.settings.on_doubt, why), self.settings.mode)

    def _judged(self, session: Session) -> Session:
        """The session by which calls are judged. In observe mode a floating version runs that would not have: what its
        calls would have got is what the approved one gets.
        """
        return as_started(session) if self.settings.mode is Mode.OBSERVE else session

    def _pin(self, session: Session, tool: str | None) -> Verdict | None:
        """The verdict on a tool's definition, if it is not as it was approved."""
        if self.pins is None or tool is None:
            return None
        try:
            return self.pins.verdict(session, tool, self.rules(), self.pin_rules)
        except RegistryError as error:
            log.error("%s", error)
            return ladder.doubt(self.settings.on_doubt, "its pin cannot be read")

    def _by_policy(
        self,
        verdict: Verdict,
        session: Session,
        asked: Callable[[Policies, Allowlist], Request],
        detail: dict[str, object],
    ) -> Verdict:
        """The verdict after the policy's rung; which policies decided or observed is added to the row's `detail`."""
        policies, rules = self.policies(), self.rules()
        if policies is None or rules is None or verdict.effect is Effect.DENY:
            return verdict
        judged = policies.judge(asked(policies, rules))
        if not session.caller.proven:
            detail["unproven"] = True
        if judged.policies:
            detail["policies"] = list(judged.policies)
        if judged.observed:
            detail["observed"] = list(judged.observed)
        if judged.verdict.effect > verdict.effect and self.now() < self.suspended_until:
            why = f"the policy is suspended; {judged.verdict.rule} would {judged.verdict.effect.word}"
            return replace(verdict, rule="policy.suspended", reason=f"{why}: {judged.verdict.reason}")
        return ladder.stricter(verdict, judged.verdict)

    def _seconds(self) -> float:
        return self.now() / 10**9

    def _moment(self) -> Moment:
        local = time.localtime(self.now() // 10**9)
        return Moment(local.tm_hour, local.tm_wday + 1)

    def _kept(self, payload: Mapping[str, object] | None) -> Kept | None:
        audit = self.settings.audit
        return keep(payload, audit.payload, audit.payload_max, self.payload_key, audit.personal)

    def _known(self, call: Call) -> Verdict | None:
        """What this very call was told before, if the log says so."""
        try:
            row = self.audit.find_call(call.uid)
            before = told(row.event, call) if row is not None else None
            return ladder.applied(*before) if before else None
        except AuditError as error:
            log.error("the audit log cannot be read: %s", error)
        except ValueError:  # somebody has edited the row: `verify` will say so
            log.error("the row of call %s makes no sense", call.uid)
        return None

    def _stage(self, event: Event, kept: Kept | None = None) -> None:
        self._turn += 1
        if self._lost:  # its transaction is gone, and a row without those before it would say too much
            self._missing += 1
            return
        try:
            if self._missing and self._turn == 1:
                gap = {"rows": self._missing, "since": str(self._missing_since)}
                self.audit.append(Event("log.gap", self.now(), detail=gap))
            self.audit.append(event, kept)
        except AuditError as error:
            self._lose(error)

    def _lose(self, error: AuditError) -> None:
        """No row of this turn is in the log, nor will another one be."""
        self._lost = True
        if not self._missing:
            self._missing_since = self.now()
            log.error("the audit log cannot be written, calls are answered by on_doubt: %s", error)
        self._missing += self._turn

    def _event(
        self,
        kind: str,
        session: Session | None,
        verdict: Verdict | None,
        *,
        uid: str = "",
        tool: str | None = None,
        detail: Mapping[str, object],
    ) -> Event:
        return Event(
            kind=kind,
            time=self.now(),
            uid=uid,
            session=session.caller.session if session else "",
            agent=(session.caller.agent or "") if session else "",
            server=str(session.server.server) if session else "",
            entry=session.entry if session else "",
            tool=tool or "",
            effect=verdict.effect.word if verdict else "",
            rule=verdict.rule if verdict else "",
            reason=verdict.reason if verdict else "",
            mode=self.settings.mode.value if verdict else "",
            user=session.caller.user if session else "",
            basis=self.basis() if verdict else "",
            detail=detail,
        )
