"""Pure: what one agent says to one server over HTTP: exchanges that share the questions to the gate, as a relay has."""

from __future__ import annotations

from collections.abc import Callable

from callgate.shim import mcp
from callgate.shim.answers import Answers, Out
from callgate.shim.jsonrpc import WHITE, Batch, Message, Refused, parse
from callgate.shim.relay import Asking, Terms
from callgate.shim.requests import HeldCall, Requests


class Stream:
    """What a server says on one stream, or in one body."""

    def __init__(self, conversation: Conversation, beside: Answers | None) -> None:
        self.out = Out()
        self._conversation = conversation
        self.answers = Answers(
            self.out,
            conversation.questions,
            conversation.terms.message_max,
            enforce=conversation.terms.enforce,
            lines=False,
            beside=beside,
        )

    @property
    def is_waiting(self) -> bool:
        """Does something that the server said wait for the gate?"""
        return self.answers.held > 0

    def take(self, message: bytes, now: float) -> None:
        """One whole message of the server."""
        self.answers.take(message, now)

    def said(self) -> list[bytes]:
        """What the client is to be told, taken away."""
        said, self.out.client = self.out.client, []
        return said


class Exchange(Stream):
    """One message (or batch) of the client, and what is answered to it."""

    def __init__(self, conversation: Conversation, beside: Answers | None) -> None:
        super().__init__(conversation, beside)
        terms = conversation.terms
        self.requests = Requests(
            self.out, conversation.questions, self.answers, terms.message_max, terms.uid, lines=False
        )
        self.requests.refusal = conversation.refusal

    @property
    def is_waiting(self) -> bool:
        """Does something of either side wait for the gate?"""
        return self.requests.held > 0 or self.answers.held > 0

    def ask(self, body: bytes, now: float) -> None:
        """The body of a request. Afterwards, once nothing waits, `forward` and `said` hold what becomes of it."""
        self.requests.take(body, now)

    def forward(self) -> bytes | None:
        """What the server is to be told; None if nothing is left of it."""
        said, self.out.server = self.out.server, []
        return b"".join(said) if said else None

    def withdraw(self) -> None:
        """The client has gone away: what still waits for the gate does not go on."""
        questions = self._conversation.questions
        for serial, question in list(questions.open.items()):
            if isinstance(question.subject, HeldCall) and question.subject.owner is self.requests:
                del questions.open[serial]


class Conversation(Asking):
    """One agent's process and one server, under one MCP session id where there is one.

    With a session id the streams share what is awaited, because an answer may come on any of them; without one every
    request is on its own, and so are its ids.
    """

    def __init__(self, terms: Terms, record: Callable[[dict[str, object]], bool], now: float) -> None:
        super().__init__(terms, record, now)
        self.terms = terms
        self.refusal = ""
        """Why the server must not be reached; everything that is asked is answered with it."""
        self._shared: Answers | None = None
        self.questions.greeted()

    def share(self, stream: Stream) -> None:
        """From now on answers may come on any stream: the server has given a session id to what came on this one."""
        if self._shared is None:
            self._shared = stream.answers

    def stream(self) -> Stream:
        """A stream that the client opens to listen."""
        return Stream(self, self._shared)

    def exchange(self) -> Exchange:
        """A request of the client."""
        return Exchange(self, self._shared)

    def refuse(self, detail: dict[str, object]) -> None:
        """The gate does not let this server be reached."""
        self.refusal = refusal(detail)

    def frames(self, *, notes: bool = False) -> list[bytes]:
        """What is to be sent to the gate now, taken away. Notes travel with the next question, unless they are asked
        for: a turn of the gate, and a transaction, for each of them would cost more than the call.
        """
        if notes:
            self.questions.flush_notes()
        frames, self.questions.frames = self.questions.frames, []
        return frames


def refusal(detail: dict[str, object]) -> str:
    """What an agent is told of a server that must not be reached."""
    return (
        f"Callgate does not let this server be reached: {detail.get('reason') or 'no reason was given'} "
        f"(rule: {detail.get('rule') or 'none'}). "
        "Tell your user, who can look at it with `callgate servers` and decide."
    )


class Asked:
    """What can be told of a request's body before it is asked about."""

    def __init__(self, body: bytes) -> None:
        self.messages: list[Message] = []
        self.is_batch = False
        try:
            found = parse(body.strip(WHITE), line=False) if body.strip(WHITE) else None
        except Refused:
            return
        if isinstance(found, Batch):
            self.messages, self.is_batch = found.messages, True
        elif found is not None:
            self.messages = [found]

    @property
    def opens(self) -> bool:
        """Does it begin a session?"""
        return any(message.method in mcp.OPENINGS for message in self.messages)

    @property
    def ids(self) -> list[str]:
        """The JSON text of the ids that wait for an answer."""
        return [one.id for one in self.messages if one.method is not None and one.id is not None]

    def errors(self, code: int, text: str) -> bytes:
        """The same error for all that wait for an answer."""
        errors = [mcp.error(one, code, text) for one in self.ids or ["null"]]
        return ("[" + ",".join(errors) + "]" if self.is_batch else errors[0]).encode()
