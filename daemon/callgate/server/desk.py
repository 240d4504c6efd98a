"""What each frame of a shim means: the one place where questions meet the gate. Runs on the listener's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from callgate.audit.redact import redact
from callgate.gate import Gate
from callgate.model.call import Effect, Mode, Session, Verdict
from callgate.model.errors import ProtocolError, RegistryError
from callgate.model.startup import Startup, as_started
from callgate.policy import canary
from callgate.policy.ladder import doubt
from callgate.server import questions
from callgate.server.hooks import Around, HookDesk
from callgate.server.questions import Hello
from callgate.settings import Payload, Personal
from callgate.shim import frames
from callgate.system.sockets import Peer

log = logging.getLogger(__name__)

NOTES = {"answered": "call.answered", "started": "server.started", "ended": "server.ended", "said": "message.seen"}
"""What a shim notes -> the kind of the audit event. Anything else is a protocol error."""
SAID_MAX = 16 * 1024
"""Bytes of one note that are looked at for secrets; the rest is left out."""
STAND_IN = Verdict(Effect.ALLOW, canary.RULE, "a canary's server", ("/bin/cat",), "/bin/cat")
"""What a canary's shim starts in the place of the server: a canary that is let through comes back as it went."""
NOISE_MAX = 80
"""Characters kept of a line of a server that is no message: enough to recognise a banner."""


@dataclass(slots=True)
class Visit:
    """One connection of a shim: who it is, once that is known."""

    peer: Peer
    session: Session | None = None
    waiting: bool = False
    """The HELLO is being looked into: further frames wait."""
    shim_start: float = 0.0
    server_pid: int = 0
    server_start: float = 0.0
    """0.0: that pid is not known to be a process group of the shim's own."""
    ended: bool = False
    """The shim said that its server has ended."""
    asked: int = 0
    left: bool = False
    """The connection has ended."""
    canary: bool = False
    """It stands for nobody: the daemon itself has started it, to see a canary refused."""
    greeting: int = 0
    """The serial of its HELLO."""
    hello: Hello | None = None
    answered: bool = False
    """Its server has answered, so the code that it starts with is loaded."""


class Reply(NamedTuple):
    """The bytes of an answer to the question `serial`."""

    serial: int
    data: bytes
    always: bool = False
    """Sent even if the rows behind it could not be made durable: it lets nothing run."""
    lost: bytes = b""
    """What is sent in its place then; empty: an answer to an ASK."""


class Surveyor(Protocol):
    """Looks things up for the desk, off its thread: what a launch starts, who the peer is, what a pid is."""

    def meet(self, hello: Hello, peer: Peer) -> Session:
        """The session of a shim that said `hello`."""

    def again(self, hello: Hello, session: Session) -> Verdict | None:
        """What of a server that was started is not any more as it was looked at before; None if all is."""

    def birth(self, pid: int) -> float:
        """When that process started, 0.0 if there is none."""

    def birth_of_child(self, pid: int, parent: int) -> float:
        """When that process, a child of `parent` that leads a group, started; 0.0 if it is anything else."""

    def reap(self, parent: int, parent_start: float, pid: int, start: float) -> bool:
        """End the process group of a server once its shim has ended; leave it alone if the shim lives on. May take
        seconds. True if there was something to end.
        """


@dataclass(slots=True)
class Desk:
    """Turns frames into gate questions and verdicts into frames."""

    gate: Gate
    surveyor: Surveyor
    workers: Executor
    undertaker: Executor
    """For what may take seconds: nobody who says hello waits behind it."""
    later: Callable[[Callable[[], None]], None]
    """Runs a function on the listener's thread."""
    send: Callable[[Visit, Reply], None]
    """Sends a late answer, after a commit."""
    refuse: Callable[[Visit], None]
    """Ends a connection."""
    around: Around | None = None
    """What hooks need to be told about; None: nobody has hooks here."""
    canary: Callable[[Peer], bool] = lambda peer: False
    """Is this a shim that the daemon has started itself, to see a canary refused?"""
    sessions: dict[str, Visit] = field(default_factory=dict)
    """The live shims by uid, for status."""
    _hooks: HookDesk | None = None

    def frame(self, visit: Visit, kind: int, serial: int, body: bytes) -> Reply | None:
        """Handle one frame that is no NOTE. Raises ProtocolError if the peer does not speak our protocol."""
        if kind == frames.ASK:
            return self._ask(visit, serial, body)
        if kind == frames.LIST:
            return self._list(visit, serial, body)
        if kind == frames.HOOK:
            self._hook(visit, serial, body)
            return None
        if kind == frames.HELLO:
            self._hello(visit, serial, questions.hello(body))
            return None
        raise ProtocolError("shim", f"sends a frame of the unknown kind {kind}")

    def gone(self, visit: Visit) -> None:
        """A connection has ended: note a server that lost its shim, and see to it that it does not live on."""
        visit.left = True
        session = visit.session
        if session is None:
            return
        if self.sessions.get(session.uid) is visit:
            del self.sessions[session.uid]
            self.gate.left(session)
        if visit.ended or not visit.server_start:
            return
        pid, start, shim, shim_start = visit.server_pid, visit.server_start, session.caller.pid, visit.shim_start

        def look() -> None:
            if self.surveyor.reap(shim, shim_start, pid, start):
                self.later(lambda: self.gate.note("server.ended", session, {"orphan": pid}, uid=session.uid))

        self.undertaker.submit(look)

    def _hello(self, visit: Visit, serial: int, hello: Hello) -> None:
        if visit.session is not None or visit.waiting:
            raise ProtocolError("shim", "says hello twice")
        visit.waiting = True

        def look() -> None:
            try:
                visit.canary = self.canary(visit.peer)
                session = self.surveyor.meet(hello, visit.peer)
                visit.shim_start = self.surveyor.birth(visit.peer.pid)
                if hello.server_pid:
                    visit.server_pid = hello.server_pid
                    visit.server_start = self.surveyor.birth_of_child(hello.server_pid, visit.peer.pid)
            except Exception as error:  # a task edge: whatever went wrong, the shim gets an answer
                log.exception("a shim could not be identified")
                why = f"the server could not be identified ({error})"
                self.later(lambda: self._unmet(visit, serial, why))
                return
            self.later(lambda: self._met(visit, serial, hello, session))

        self.workers.submit(look)

    def _met(self, visit: Visit, serial: int, hello: Hello, session: Session) -> None:
        if visit.canary:
            visit.session, visit.waiting = session, False
            self.send(visit, Reply(serial, questions.answer(serial, STAND_IN), always=True))
            return
        before = self.sessions.get(session.uid)
        if before is not None and before.peer.pid != visit.peer.pid:
            log.warning("pid %d claims to be the shim of pid %d", visit.peer.pid, before.peer.pid)
            self._unmet(visit, serial, "another shim has this uid")
            return
        startup = session.startup
        late = hello.server_pid and (hello.resumed or self.gate.settings.mode is Mode.ENFORCE)
        if late and startup is not None and startup.instead is not None:
            session = replace(session, startup=_runs_already(session, startup))
        visit.session, visit.waiting = session, False
        visit.greeting, visit.hello = serial, hello
        self.sessions[session.uid] = visit
        detail = {"cwd": hello.cwd, "pid": session.caller.pid, "caller": session.caller.agent_evidence}
        if hello.build:
            detail["build"] = hello.build
        if hello.resumed:
            detail["resumed"] = True
        if session.startup is not None and session.startup.file:
            detail["file"] = session.startup.file
        verdict = self.gate.launch(session, hello.argv, detail)
        if verdict.argv:
            visit.session = as_started(session)
        self.send(visit, Reply(serial, questions.answer(serial, verdict)))
        if visit.left:  # before it was answered
            self.gone(visit)

    def _unmet(self, visit: Visit, serial: int, why: str) -> None:
        answer = questions.answer(serial, self.gate.in_doubt(why))
        self.send(visit, Reply(serial, answer, always=True))
        self.refuse(visit)

    def _hook(self, visit: Visit, serial: int, body: bytes) -> None:
        """A hook's event: understood on a work thread, judged on this one."""
        if self.around is None or visit.waiting:
            raise ProtocolError("hook", "asks where nobody answers hooks", "run `callgate up`")
        if self._hooks is None:
            self._hooks = HookDesk(self.gate, self.around, self._live)
        hooks, visit.waiting = self._hooks, True

        def look() -> None:
            try:
                heard = hooks.hear(visit.peer, body)
            except ProtocolError as error:
                log.warning("pid %d: %s", visit.peer.pid, error)
                self.later(lambda: self.refuse(visit))
            except Exception:  # a task edge: the client decides by on_doubt
                log.exception("a hook's event could not be handled")
                self.later(lambda: self.refuse(visit))
            else:
                self.later(lambda: self._heard(visit, serial, *hooks.answer(heard)))

        self.workers.submit(look)

    def _heard(self, visit: Visit, serial: int, answer: bytes, lost: bytes) -> None:
        visit.waiting = False
        pack = frames.pack
        self.send(visit, Reply(serial, pack(frames.ANSWER, serial, answer), lost=pack(frames.ANSWER, serial, lost)))

    def _live(self) -> list[Session]:
        return [visit.session for visit in self.sessions.values() if visit.session is not None]

    def _ask(self, visit: Visit, serial: int, body: bytes) -> Reply:
        call, retry = questions.call(_known(visit), serial, body)
        if visit.canary and not canary.is_canary(call.tool):
            return Reply(serial, questions.answer(serial, self.gate.in_doubt("it stands for no agent")))
        visit.asked += 1
        self._answered(visit)
        return Reply(serial, questions.answer(serial, self.gate.check(call, retry=retry)))

    def _list(self, visit: Visit, serial: int, body: bytes) -> Reply:
        session, listing = _known(visit), questions.listing(body)
        self._answered(visit)
        count = len(listing.definitions) + len(listing.nameless)
        try:
            if count > questions.TOOLS_MAX:
                raise ValueError(f"{count:,} {listing.kind}, more than {questions.TOOLS_MAX:,}")
            answer = questions.hidden(serial, self.gate.hide(session, listing))
        except ValueError as error:  # a server's doing, not the shim's: its other calls go on
            said = {"of": listing.kind.value, "count": count, "unread": str(error)}
            self.gate.note("tools.listed", session, said, uid=session.uid)
            answer = questions.answer(serial, self.gate.in_doubt(f"the server lists {error}"))
        except RegistryError as error:
            answer = questions.answer(serial, self.gate.in_doubt(f"the pins cannot be kept ({error})"))
        return Reply(serial, answer, always=True)

    def note(self, visit: Visit, body: bytes) -> None:
        """Handle a NOTE: nobody waits for it. Raises ProtocolError if it makes no sense."""
        session = _known(visit)
        if visit.canary:  # no server of anybody's runs behind it
            return
        what, said = questions.note(body)
        kind = NOTES.get(what)
        if kind is None:
            raise ProtocolError("shim", f"notes {what!r}, which means nothing")
        uid = session.uid
        if what == "answered":
            uid = f"{session.uid}-{said.pop('call', '')}"
        elif what == "started":
            self._started(visit, said)
        elif what == "ended":
            visit.ended = True
        elif what == "said":
            said = self._fit(said)
            if "refused" in said:
                self.gate.refuse(session, said)
                return
        self.gate.note(kind, session, said, uid=uid)

    def _fit(self, said: dict[str, Any]) -> dict[str, Any]:
        """What a client or a server has said, as far as the log may hold it."""
        policy, personal = self.gate.settings.audit.payload, self.gate.settings.audit.personal
        if policy is not Payload.FULL:
            plain, _ = redact(said, self.gate.payload_key, SAID_MAX, people=personal is Personal.MARK)
            said = plain if isinstance(plain, dict) else {}
        if "noise" in said:
            keeps = policy in (Payload.FULL, Payload.REDACTED)
            said["noise"] = str(said["noise"])[:NOISE_MAX] if keeps else "[cut]"
        return said

    def _started(self, visit: Visit, said: Mapping[str, Any]) -> None:
        pid = said.get("pid")
        if type(pid) is not int or not 1 < pid < 2**31:
            raise ProtocolError("shim", "starts a server without a pid")
        visit.server_pid, visit.server_start, visit.ended = pid, 0.0, False

        def look() -> None:
            visit.server_start = self.surveyor.birth_of_child(pid, visit.peer.pid)

        self.workers.submit(look)
        self._look_again(visit)

    def _answered(self, visit: Visit) -> None:
        """A call or what a server shows: at the first of them look again, as the code was loaded until then."""
        if not visit.answered:
            visit.answered = True
            self._look_again(visit)

    def _look_again(self, visit: Visit) -> None:
        """Look whether what was started is what was looked at: between the two a file may have been changed."""
        session, hello = visit.session, visit.hello
        if session is None or hello is None or session.startup is None or session.barred is not None:
            return

        def look() -> None:
            try:
                verdict = self.surveyor.again(hello, session)
            except Exception as error:  # a task edge: what could not be looked at is in doubt
                log.exception("a started server could not be looked at again")
                verdict = doubt(self.gate.settings.on_doubt, f"what was started cannot be looked at ({error})")
            if verdict is not None and verdict.effect is not Effect.ALLOW:
                self.later(lambda: self.revoke(visit, verdict))

        self.workers.submit(look)

    def revoke_by(self, uid: str, verdict: Verdict) -> None:
        """Revoke what the shim of this uid was allowed to run, if it is still there."""
        if (visit := self.sessions.get(uid)) is not None:
            self.revoke(visit, verdict)

    def revoke(self, visit: Visit, verdict: Verdict) -> None:
        """What was allowed to run must not any more: the shim ends its server and says why (not in observe mode)."""
        session = visit.session
        if visit.left or session is None or session.barred is not None:
            return
        visit.session = replace(session, barred=verdict)
        applied = self.gate.revoke(session, verdict)
        if applied.effect is not Effect.ALLOW:
            self.send(visit, Reply(visit.greeting, questions.answer(visit.greeting, applied), always=True))

    def undurable(self, reply: Reply) -> bytes:
        """What is sent in the place of an answer whose rows could not be made durable."""
        if reply.always:
            return reply.data
        if reply.lost:
            return reply.lost
        return questions.answer(reply.serial, self.gate.in_doubt("the audit log cannot be written"))


def _runs_already(session: Session, startup: Startup) -> Startup:
    """A server that runs in a floating version cannot be started as the approved one any more."""
    why = f"{session.server.server.short} runs already, in a version that nobody has approved: start it again"
    return replace(startup, instead=None, refusal=Verdict(Effect.DENY, "server.version", why))


def _known(visit: Visit) -> Session:
    if visit.session is None:
        raise ProtocolError("shim", "asks before it said hello")
    return visit.session
