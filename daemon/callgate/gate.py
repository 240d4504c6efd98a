"""The heart: one call in -> facts -> verdict -> audit row -> one answer.

The gate belongs to one thread (the listener's). It stages rows as it judges; the listener commits them together and
only then sends the answers, so an answer never leaves before its row is durable.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from callgate.audit.argv import redact_argv
from callgate.audit.payload import Kept, keep
from callgate.audit.store import Writer
from callgate.model.call import Call, Effect, Mode, Session, Verdict
from callgate.model.errors import AuditError
from callgate.model.event import Event, Row
from callgate.policy import ladder
from callgate.policy.allowlist import Allowlist
from callgate.settings import Settings

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Gate:
    """Judges launches, calls and listings, and writes down what it judged.

    `rules` gives the rules in force (None: there are none that could be read); `now` the time in nanoseconds;
    `payload_key` is this machine's key for redaction marks and payload digests.
    """

    audit: Writer
    rules: Callable[[], Allowlist | None]
    settings: Settings
    now: Callable[[], int]
    payload_key: bytes
    unsettled: bool = False
    """Rows were committed since the log was last tidied up."""
    _lost: bool = False
    """A row of this turn could not even be staged, and took those before it with it."""

    def launch(self, session: Session, argv: Sequence[str], detail: Mapping[str, object]) -> Verdict:
        """May this shim start its server? `argv` is the original command line."""
        verdict = ladder.judge_launch(self.rules(), session.server, self.settings.on_doubt)
        facts = {
            "argv": redact_argv(argv, self.payload_key),
            "evidence": session.server.evidence,
            "also": list(session.server.also),
            **detail,
        }
        self._stage(self._event("server.launched", session, verdict, uid=session.uid, detail=facts))
        return ladder.applied(verdict, self.settings.mode)

    def check(self, call: Call, *, retry: bool = False) -> Verdict:
        """May this call go on? With `retry`, a verdict that is in the log already is given again, not judged anew."""
        if retry and (row := self._known(call.uid)):
            known = Verdict(Effect.of(row.event.effect), row.event.rule, row.event.reason)
            return ladder.applied(known, Mode(row.event.mode))
        verdict = ladder.judge_call(self.rules(), call.session.server, call.tool, self.settings.on_doubt)
        kept = None
        if call.arguments is not None:
            kept = keep(call.arguments, self.settings.audit.payload, self.settings.audit.payload_max, self.payload_key)
        detail: dict[str, object] = {"bytes": call.size}
        if call.truncated:
            detail["truncated"] = True
        if retry:
            detail["retry"] = True
        self._stage(self._event("call.asked", call.session, verdict, uid=call.uid, tool=call.tool, detail=detail), kept)
        return ladder.applied(verdict, self.settings.mode)

    def hide(self, session: Session, tools: Sequence[str]) -> list[str]:
        """The tools of a listing that the agent is not shown (none in observe mode)."""
        hidden = ladder.judge_listing(self.rules(), session.server, tools, self.settings.on_doubt)
        detail = {"tools": list(tools), "denied": hidden}
        self._stage(self._event("tools.listed", session, None, uid=session.uid, detail=detail))
        return hidden if self.settings.mode is Mode.ENFORCE else []

    def note(self, kind: str, session: Session | None, detail: Mapping[str, object], *, uid: str = "") -> None:
        """Write down something that nobody waits for."""
        self._stage(self._event(kind, session, None, uid=uid, detail=detail))

    def record(self, event: Event) -> None:
        """Write down an event of another part of the daemon."""
        self._stage(event)

    def commit(self) -> bool:
        """Make all staged rows durable. False if that failed: then the verdicts given since are void, and `in_doubt`
        is what their callers get.
        """
        lost, self._lost = self._lost, False
        try:
            self.audit.commit()
        except AuditError as error:
            log.error("the audit log cannot be written, calls are answered by on_doubt: %s", error)
            return False
        return not lost

    def settle(self) -> None:
        """Tidy the log up in an idle moment, so that no call has to wait for it."""
        self.unsettled = False
        try:
            self.audit.checkpoint()
        except AuditError as error:
            log.warning("the audit log could not be tidied up: %s", error)

    def in_doubt(self, why: str) -> Verdict:
        """The answer to a question that could not be judged or not be written down."""
        return ladder.applied(ladder.doubt(self.settings.on_doubt, why), self.settings.mode)

    def _known(self, uid: str) -> Row | None:
        try:
            return self.audit.find_call(uid)
        except AuditError as error:
            log.error("the audit log cannot be read: %s", error)
            return None

    def _stage(self, event: Event, kept: Kept | None = None) -> None:
        try:
            self.audit.append(event, kept)
            self.unsettled = True
        except AuditError as error:
            log.error("the audit log cannot be written, calls are answered by on_doubt: %s", error)
            self._lost = True

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
            detail=detail,
        )
