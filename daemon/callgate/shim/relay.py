"""Pure: one session between a client and a server: bytes in, bytes and questions out, no I/O and no clock.

Whatever could make the server do something is read strictly, and a tool call goes on only after the gate has said so.
What goes on are the bytes that came.
"""

from __future__ import annotations

from callgate.shim.answers import Answers, Listing, Out
from callgate.shim.frames import ALLOW, DENY, EFFECTS
from callgate.shim.jsonrpc import loads
from callgate.shim.questions import NEVER, Questions
from callgate.shim.requests import HeldCall, Requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

WAITING, STARTED, REFUSED = "waiting", "started", "refused"
"""What became of the question whether the server may run."""
UNHEARD_MAX = 64 * 1024
"""Bytes of the client that are remembered for a server that has said nothing: an `initialize` has about a thousand."""
DOUBT = "on_doubt"
"""The rule that is named when the gate did not answer."""


class Terms:
    """What the organisation wants when the gate does not answer, and the limits."""

    __slots__ = ("deadline", "enforce", "message_max", "on_doubt", "uid")

    def __init__(self, uid: str, enforce: bool, on_doubt: int, deadline: float, message_max: int) -> None:
        self.uid = uid
        self.enforce = enforce
        self.on_doubt = on_doubt
        self.deadline = deadline
        self.message_max = message_max


class Asking:
    """The open questions of one session, and what is done where no answer comes.

    `record` keeps a decision that was taken without the gate, before it takes effect, and says whether it could.
    """

    __slots__ = ("_record", "_terms", "questions")

    def __init__(self, terms: Terms, record: Callable[[dict[str, object]], bool], now: float) -> None:
        self._terms = terms
        self._record = record
        self.questions = Questions(terms.deadline, _grace(terms), now)

    def answered(self, serial: int, body: bytes, now: float) -> None:
        """An ANSWER of the gate. Raises ValueError if it is not one: then the connection is of no use."""
        effect, detail = read_answer(body)
        self._settle(serial, effect, detail, now)

    def tick(self, now: float) -> None:
        """Decide what can wait no longer."""
        for question in self.questions.overdue(now):
            call = question.subject
            tool = call.tool if isinstance(call, HeldCall) else None
            effect, detail = self._doubt(f"{self._terms.uid}-{question.serial}", tool, question.asked, now)
            if isinstance(call, HeldCall | Listing):
                call.decided(effect, detail, now)

    def _settle(self, serial: int, effect: int, detail: dict[str, object], now: float) -> None:
        question = self.questions.answered(serial)
        if question is not None and isinstance(question.subject, HeldCall | Listing):
            question.subject.decided(effect, detail, now)

    def _doubt(self, uid: str, tool: str | None, asked: float, now: float) -> tuple[int, dict[str, object]]:
        """What is done without the gate, kept for the log before it is done."""
        terms = self._terms
        effect = terms.on_doubt if terms.enforce else ALLOW
        reason = f"the Callgate daemon did not answer within {terms.deadline:g} s; start it with `callgate up`"
        entry: dict[str, object] = {"call": uid, "tool": tool, "effect": EFFECTS[effect], "reason": reason}
        if not self._record(entry | {"ms": round((now - asked) * 1000, 1)}) and terms.enforce and effect == ALLOW:
            effect, reason = DENY, reason + "; and that could not be recorded"
        return effect, {"rule": DOUBT, "reason": reason}


class Relay(Asking):
    """The events of one session. After each of them `out` and `questions.frames` hold what is to be written."""

    __slots__ = ("_answers", "_early", "_ended", "_requests", "_since", "_unheard", "argv", "launch", "out", "program")

    def __init__(self, terms: Terms, record: Callable[[dict[str, object]], bool], now: float) -> None:
        super().__init__(terms, record, now)
        self._since = now
        self._early: list[bytes] = []
        self._ended = False
        self.out = Out()
        self._answers = Answers(self.out, self.questions, terms.message_max, enforce=terms.enforce)
        self._requests = Requests(self.out, self.questions, self._answers, terms.message_max, terms.uid)
        self.launch = WAITING if terms.enforce else STARTED
        """In observe mode the server starts without waiting; the gate may still say no."""
        self.argv: list[str] = []
        """The command line to start in the place of the agent's, if there is one."""
        self._unheard: bytearray | None = bytearray()
        """What the client said as long as the server has said nothing; None afterwards, or if it is too much."""
        self.program = ""
        """The file to execute, if the gate names it: nothing is looked up a second time."""

    def learn(self, enforce: bool, on_doubt: int) -> None:
        """The organisation wants something else from now on."""
        self._terms.enforce, self._terms.on_doubt = enforce, on_doubt
        self._answers.enforce = enforce
        self.questions.grace = _grace(self._terms)

    def from_client(self, chunk: bytes, now: float) -> None:
        """Bytes from the client."""
        if self.launch is WAITING:
            self._early.append(chunk)
        else:
            self._pass(chunk, now)

    def client_ended(self, now: float) -> None:
        """The client will say no more."""
        self._ended = True
        if self.launch is not WAITING:
            self._requests.finish(now)

    def from_server(self, chunk: bytes, now: float) -> None:
        """Bytes from the server."""
        self._unheard = None
        self._answers.feed(chunk, now)

    def server_ended(self) -> None:
        """The server will say no more."""
        self._answers.finish()

    def answered(self, serial: int, body: bytes, now: float) -> None:
        """An ANSWER of the gate. Raises ValueError if it is not one: then the connection is of no use."""
        effect, detail = read_answer(body)
        if self.questions.is_hello(serial):
            self.questions.greeted()
            self._launch(effect, detail, now)
            return
        self._settle(serial, effect, detail, now)

    def tick(self, now: float) -> None:
        """Decide what can wait no longer."""
        if self.launch is WAITING and now >= self._since + self._terms.deadline:
            self._launch(*self._doubt("", None, self._since, now), now)
        super().tick(now)

    def wake_at(self) -> float:
        """When `tick` has something to do, at the earliest."""
        launch = self._since + self._terms.deadline if self.launch is WAITING else NEVER
        return min(launch, self.questions.wake_at())

    @property
    def held(self) -> int:
        """Bytes of the client that wait for the gate."""
        held = self._requests.held
        return held + sum(map(len, self._early)) if self._early else held

    @property
    def held_answers(self) -> int:
        """Bytes of the server that wait for the gate."""
        return self._answers.held_bytes

    @property
    def owes_server(self) -> bool:
        """Is something of the client still on its way to the server?"""
        return bool(self._requests.held) or self.launch is WAITING

    @property
    def owes_client(self) -> bool:
        """Does an answer of the server still wait for the gate?"""
        return self._answers.held > 0

    def _launch(self, effect: int, detail: dict[str, object], now: float) -> None:
        """May the server run? Asked at the start and after each reconnect: what was allowed can be revoked."""
        before = self.launch
        if before is REFUSED:
            return
        if effect == ALLOW:
            if before is WAITING:
                self._oblige(detail)
            self.launch = STARTED
        else:
            self.launch = REFUSED
            self._requests.refusal = (
                f"Callgate does not let this server run: {detail.get('reason') or 'no reason was given'} "
                f"(rule: {detail.get('rule') or 'none'}). "
                "Tell your user, who can look at it with `callgate servers` and decide."
            )
            self.out.complaints.append(self._requests.refusal)
        if before is WAITING:
            early, self._early = self._early, []
            for chunk in early:
                self._pass(chunk, now)
            if self._ended:
                self._requests.finish(now)
        elif self.launch is REFUSED:
            self._answer_unheard(now)

    def _pass(self, chunk: bytes, now: float) -> None:
        """Let the client's bytes go on, and remember them until the server has said something."""
        self._requests.feed(chunk, now)
        if self._unheard is not None:
            self._unheard += chunk
            if len(self._unheard) > UNHEARD_MAX:
                self._unheard = None

    def _answer_unheard(self, now: float) -> None:
        """A server that is ended before it said anything owes the client all answers: they are given in its place."""
        unheard, self._unheard = self._unheard, None
        if unheard and unheard.endswith(b"\n") and not self._requests.held:
            self._requests.feed(bytes(unheard), now)

    def _oblige(self, detail: dict[str, object]) -> None:
        """Take over what the gate wants to be started. Raises ValueError if it makes no sense."""
        argv, program = detail.get("argv", []), detail.get("program", "")
        if (
            not isinstance(argv, list)
            or not all(isinstance(word, str) for word in argv)
            or not isinstance(program, str)
        ):
            raise ValueError("an answer to HELLO that cannot be followed")
        self.argv, self.program = argv, program


def read_answer(body: bytes) -> tuple[int, dict[str, object]]:
    """Effect and detail of an ANSWER. Raises ValueError if it is none."""
    effect = body[0] if body else -1
    if not 0 <= effect < len(EFFECTS):
        raise ValueError(f"effect {effect}")
    return effect, loads(body[1:]) if len(body) > 1 else {}


def _grace(terms: Terms) -> float:
    """A spooled row is as good as a question where everything passes: then nobody waits for a daemon that is away."""
    return terms.deadline if terms.enforce else 0.0
