"""Pure: what comes from the client: read strictly, tool calls held until the gate has spoken, the rest passed on."""

from __future__ import annotations

from callgate.shim import mcp, standin
from callgate.shim.answers import Answers, Out
from callgate.shim.batch import HeldBatch
from callgate.shim.frames import ALLOW, ASK, MAX_INSPECTED, TRUNCATED
from callgate.shim.jsonrpc import INVALID_REQUEST, WHITE, Batch, Message, Refused, dumps, parse
from callgate.shim.lines import Lines, Oversize
from callgate.shim.questions import Question, Questions


class HeldCall:
    """A tools/call that waits for its verdict: alone on its line, or a member of a batch."""

    __slots__ = ("batch", "index", "line", "message", "owner", "serial", "tool")

    def __init__(self, owner: Requests, line: bytes, message: Message, tool: str) -> None:
        self.owner = owner
        self.line = line
        self.message = message
        self.tool = tool
        self.batch: HeldBatch | None = None
        self.index = 0
        self.serial = 0

    def decided(self, effect: int, detail: dict[str, object], now: float) -> None:
        """The gate, or doubt, has spoken."""
        if effect == ALLOW:
            self.owner.allow(self, now)
        else:
            self.owner.deny(self, effect, detail)


class Requests:
    """The client's side of the relay."""

    __slots__ = ("_answers", "_is_line", "_limit", "_lines", "_out", "_questions", "_uid", "held", "refusal")

    def __init__(
        self, out: Out, questions: Questions, answers: Answers, message_max: int, uid: str, *, lines: bool = True
    ) -> None:
        self._out = out
        self._questions = questions
        self._answers = answers
        self._limit = message_max
        self._lines = Lines(message_max)
        self._is_line = lines
        self._uid = uid
        self.held = 0
        """Bytes that wait for the gate."""
        self.refusal = ""
        """Why there is no server; everything that is asked is answered with it."""

    def feed(self, chunk: bytes, now: float) -> None:
        """Bytes from the client."""
        for line in self._lines.feed(chunk):
            if isinstance(line, Oversize):
                self._oversize(line)
            else:
                self.take(line if isinstance(line, bytes) else b"".join(line), now)

    def finish(self, now: float) -> None:
        """The client will say no more. A last line without newline counts: servers read it."""
        rest = self._lines.rest()
        if rest:
            self.take(rest, now)

    def allow(self, call: HeldCall, now: float) -> None:
        """The gate lets the call go on."""
        message = call.message
        if message.id is not None:
            self._answers.expect_call(message.id, call.serial, now)
        if call.batch is None:
            self.held -= len(call.line)
            self._out.server.append(call.line)
        elif call.batch.decided(call.index, True, None):
            self._release(call.batch)

    def deny(self, call: HeldCall, effect: int, detail: dict[str, object]) -> None:
        """The call does not go on; its sender hears why, if it waits for an answer."""
        denial = None
        if call.message.id is not None:
            denial = mcp.denial(call.message, f"{self._uid}-{call.serial}", effect, detail)
        self.drop(call, denial)

    def take(self, line: bytes, now: float) -> None:
        """One message of the client: a line, or the body of a request."""
        body = line.strip(WHITE)
        if not body:
            self._out.server.append(line)
            return
        try:
            found = parse(body, line=self._is_line)
            if self.refusal:
                self._not_running(found)
            elif isinstance(found, Batch):
                self._batch(line, found, now)
            else:
                self._message(line, found, now)
        except Refused as refused:
            self._refuse([refused.id], refused.code, refused.reason)

    def _message(self, line: bytes, message: Message, now: float) -> None:
        if message.method == mcp.CALL:
            self._ask(HeldCall(self, line, message, mcp.tool_of(message)), now)
            self.held += len(line)
            return
        mcp.check_method(message)
        if message.method == mcp.CANCELLED and self._withdraw(message):
            return
        self._expect(message)
        self._out.server.append(line)

    def _batch(self, line: bytes, batch: Batch, now: float) -> None:
        held = HeldBatch(line, batch)
        calls = []
        try:
            for index, message in enumerate(batch.messages):
                if message.method == mcp.CALL:
                    call = HeldCall(self, b"", message, mcp.tool_of(message))
                    call.batch, call.index = held, index
                    calls.append(call)
                else:
                    mcp.check_method(message)
        except Refused as refused:
            ids = [message.id for message in batch.messages if message.method is not None and message.id is not None]
            self._refuse(ids, refused.code, f"in a batch: {refused.reason}")
            return
        for message in batch.messages:
            self._expect(message)
        if not calls:
            self._out.server.append(line)
            return
        held.waiting = len(calls)
        self.held += held.size
        for call in calls:
            self._ask(call, now)

    def _ask(self, call: HeldCall, now: float) -> None:
        body, flags = call.message.raw(), 0
        if len(body) > MAX_INSPECTED:
            body, flags = mcp.without_arguments(call.message, call.tool), TRUNCATED
        call.serial = self._questions.ask(ASK, flags, body, call, now).serial

    def _expect(self, message: Message) -> None:
        """Get ready for what a request that passes brings back, and tell the gate what is worth knowing."""
        if message.method in mcp.LISTS:
            self._answers.expect_list(message)
        elif message.method in mcp.OPENINGS:
            self._answers.expect_list(message, opens=True)
            said = mcp.opening(message)
            self._questions.note(dumps({"what": "said", "direction": "client", "method": message.method, **said}))

    def _withdraw(self, cancel: Message) -> bool:
        """Drop the call that `cancel` names if it still waits here: then neither of the two goes on."""
        question = self._waiting(cancel.params.get("requestId") if isinstance(cancel.params, dict) else None)
        if question is None or not isinstance(question.subject, HeldCall):
            return False
        self._questions.answered(question.serial)
        said = {"what": "said", "direction": "client", "method": mcp.CANCELLED, "call": question.serial}
        self._questions.note(dumps(said))
        question.subject.owner.drop(question.subject, None)
        return True

    def _waiting(self, key: object) -> Question | None:
        """The open question about the call with this id."""
        for question in self._questions.open.values():
            call = question.subject
            if isinstance(call, HeldCall) and call.message.id is not None and call.message.key == key:
                return question
        return None

    def drop(self, call: HeldCall, denial: str | None) -> None:
        """The call does not go on; `denial`, where there is one, is said to the client."""
        if call.batch is None:
            self.held -= len(call.line)
            if denial is not None:
                self._out.to_client(denial)
        elif call.batch.decided(call.index, False, denial):
            self._release(call.batch)

    def _release(self, batch: HeldBatch) -> None:
        self.held -= batch.size
        left = batch.forward()
        if left:
            self._out.server.append(left)
        if not batch.denials:
            return
        expected = batch.expected() if left else set()
        if expected:
            self._answers.expect_batch(expected, batch.denials)
        else:
            self._out.to_client("[" + ",".join(batch.denials) + "]")

    def _not_running(self, found: Message | Batch) -> None:
        """Answer what is asked of a server that must not run, so that the agent's model can say why it does not."""
        messages = found.messages if isinstance(found, Batch) else [found]
        answers = [
            standin.answer(message, self.refusal)
            for message in messages
            if message.method is not None and message.id is not None
        ]
        if answers:
            self._out.to_client("[" + ",".join(answers) + "]" if isinstance(found, Batch) else answers[0])

    def _oversize(self, line: Oversize) -> None:
        if not line.ended:
            id_bytes = mcp.peek_id(line.glimpse)
            id_text = id_bytes.decode("ascii", "replace") if id_bytes is not None else "null"
            self._refuse([id_text], INVALID_REQUEST, f"larger than {self._limit:,} bytes")

    def _refuse(self, ids: list[str], code: int, reason: str) -> None:
        for id_text in ids:
            self._out.to_client(mcp.error(id_text, code, f"Callgate did not pass this message on: {reason}"))
        self._questions.note(dumps({"what": "said", "direction": "client", "method": "", "refused": reason}))
