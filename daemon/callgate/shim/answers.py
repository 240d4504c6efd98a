"""Pure: what comes from the server: passed on, except lists of tools, answers to cut batches, and endless lines."""

from __future__ import annotations

from callgate.shim import mcp
from callgate.shim.frames import ALLOW, LIST, MAX_INSPECTED, OVERSIZE_LIST
from callgate.shim.jsonrpc import WHITE, Batch, Message, Refused, dumps, keep, parse, salvage
from callgate.shim.lines import Lines, Oversize
from callgate.shim.mcp import Shown
from callgate.shim.questions import Questions

CALLS_MAX = 10_000
"""Calls whose answer is awaited, for the notes; a server that never answers must not make us grow."""
LISTED_MAX = 8 * 1024 * 1024
"""Bytes of a line that is read in full because it may be an awaited list. It takes eight times as much memory, and what
is larger than an eighth of this the gate does not compare either: it holds all of it."""
LOOK_MAX = 64 * 1024
"""Bytes of a message in which the shim looks for what the notes tell. Larger ones are results."""
WISHES_MAX = 20
"""Notes in one second of what the server asks of the client; each is a row of the log. The others are counted."""
NOISE_MAX = 5
"""Lines that are no JSON which are noted in one session."""
NOISE_SIZE = 4096
"""Bytes of each that go to the gate, which keeps less: it would not recognise a secret that is cut in two."""


class Out:
    """What is to be written: whole lines for either side. Who writes takes them away."""

    __slots__ = ("client", "complaints", "server")

    def __init__(self) -> None:
        self.client: list[bytes] = []
        self.server: list[bytes] = []
        self.complaints: list[str] = []
        """For stderr: what cannot be said in the protocol."""

    def to_client(self, text: str) -> None:
        """Say something of our own to the client."""
        self.client.append(text.encode() + b"\n")


class Listing:
    """One thing that an answer shows to the model, inside a line that waits."""

    __slots__ = ("line", "message", "owner", "shown")

    def __init__(self, owner: Answers, line: HeldLine, message: Message, shown: Shown) -> None:
        self.owner = owner
        self.line = line
        self.message = message
        self.shown = shown

    def decided(self, effect: int, detail: dict[str, object], now: float) -> None:
        """The gate, or doubt, has spoken."""
        self.owner.list_decided(self, effect, detail)


class HeldLine:
    """A line of the server that waits for what the gate says about what it shows."""

    __slots__ = ("edits", "raw", "text", "waiting")

    def __init__(self, raw: bytes, text: str) -> None:
        self.raw = raw
        self.text = text
        self.edits: list[tuple[int, int, str]] = []
        self.waiting = 0

    def edited(self) -> bytes:
        """The line with the edits made; the very bytes that came when there are none."""
        if not self.edits:
            return self.raw
        text = self.text
        outer: list[tuple[int, int, str]] = []
        for edit in sorted(self.edits, key=lambda edit: (edit[0], -edit[1])):
            if not outer or edit[0] >= outer[-1][1]:  # an edit inside another one, of a whole message, is void
                outer.append(edit)
        for start, end, new in reversed(outer):
            text = text[:start] + new + text[end:]
        body = self.raw.strip(WHITE)
        at = self.raw.index(body)
        return self.raw[:at] + text.encode() + self.raw[at + len(body) :]


class Answers:
    """The server's side of the relay."""

    __slots__ = (
        "_batches",
        "_calls",
        "_is_line",
        "_lines",
        "_lists",
        "_noise",
        "_openings",
        "_out",
        "_questions",
        "_second",
        "_told",
        "_wishes",
        "enforce",
        "held",
        "held_bytes",
    )

    def __init__(
        self,
        out: Out,
        questions: Questions,
        message_max: int,
        *,
        enforce: bool,
        lines: bool = True,
        beside: Answers | None = None,
    ) -> None:
        """`lines`: messages come as lines; if not, they come by `take`. `beside`: another stream of the same server,
        with which we share what is awaited, because it may come on either.
        """
        self._out = out
        self._questions = questions
        self.enforce = enforce
        """Is what the gate hides really hidden, so that it is waited for?"""
        self._is_line = lines
        self._lines = Lines(message_max)
        self._calls: dict[bytes, tuple[int, float]] = beside._calls if beside else {}
        self._lists: dict[object, str] = beside._lists if beside else {}
        self._openings: set[object] = beside._openings if beside else set()
        """Of these, the keys of openings."""
        self._batches: list[tuple[set[object], list[str]]] = beside._batches if beside else []
        self._noise = 0
        self._told = False
        self._second = 0.0
        self._wishes = 0
        """What the server has asked of the client since `_second`."""
        self.held = 0
        """Lines that wait for the gate."""
        self.held_bytes = 0
        """Their size: the more of them wait, the less is to be read."""

    def expect_call(self, id_text: str, serial: int, now: float) -> None:
        """A call was forwarded: its answer will be noted."""
        if len(self._calls) >= CALLS_MAX:
            del self._calls[next(iter(self._calls))]
        self._calls[id_text.encode()] = (serial, now)

    def expect_list(self, request: Message, *, opens: bool = False) -> None:
        """A list, or an opening, was forwarded: from now until its answer every line of the server is parsed."""
        if request.id is not None:
            self._lists[request.key] = request.id
            if opens:
                self._openings.add(request.key)

    def expect_batch(self, keys: set[object], denials: list[str]) -> None:
        """A batch went on without some members: their refusals belong into the server's answer to it."""
        self._batches.append((keys, denials))

    def feed(self, chunk: bytes, now: float) -> None:
        """Bytes from the server."""
        if self._wishes > WISHES_MAX and now >= self._second + 1:
            self._note_more()
        for line in self._lines.feed(chunk):
            if isinstance(line, Oversize):
                self._oversize(line)
            elif self._lists and not self._batches and _size(line) > LISTED_MAX:
                self._too_long([line] if isinstance(line, bytes) else line)
            elif self._lists or self._batches:
                self._inspect(line if isinstance(line, bytes) else b"".join(line), now)
            elif isinstance(line, bytes):
                self._out.client.append(line)
                self._look(line, len(line), now)
            else:
                self._out.client += line
                ends = line[0][: mcp.HINT] + b"".join(line[-2:])[-mcp.HINT :]
                self._look(ends, sum(map(len, line)), now)

    def take(self, message: bytes, now: float) -> None:
        """One whole message of a server that may answer on any of its streams: what shows something to the model is
        held on each of them, whoever asked for it.
        """
        if self._lists or self._batches or mcp.may_show(message):
            self._inspect(message, now)
        else:
            self._out.client.append(message)
            self._look(message, len(message), now)

    def take_glimpse(self, glimpse: bytes) -> None:
        """The beginning of a message that is larger than we relay."""
        self._oversize(Oversize(glimpse, ended=False))

    def finish(self) -> None:
        """The server has said all: what it left without a newline goes on too, unless it could be a list of tools."""
        self._note_more()
        rest = self._lines.rest()
        if rest and not self._lists:
            self._out.client.append(rest)

    def list_decided(self, listing: Listing, effect: int, detail: dict[str, object]) -> None:
        """The gate has named what to hide, or refused to decide."""
        line, message, shown = listing.line, listing.message, listing.shown
        hide = detail.get("hide")
        spans = [(start, end) for _, start, end in shown.items]
        if not shown.key:
            if effect != ALLOW or hide:
                line.edits += [(start, end, '""') for start, end in spans]
        elif effect != ALLOW:
            text = f"Callgate cannot show this list: {detail.get('reason')}"
            line.edits.append((message.start, message.end, mcp.error(message.id or "null", mcp.UNREADABLE, text)))
        elif hide and type(hide) is list:
            kept = [index for index, name in enumerate(shown.names) if name not in hide]
            if len(kept) < len(spans):
                line.edits.append((spans[0][0], spans[-1][1], keep(message.text, spans, kept)))
        line.waiting -= 1
        if not line.waiting:
            self.held -= 1
            self.held_bytes -= len(line.raw)
            self._out.client.append(line.edited())

    def _look(self, line: bytes, size: int, now: float) -> None:
        """Note whose answer this seems to be. A hint by a glance (at the ends of a long line): it decides nothing."""
        if self._calls:
            id_bytes = mcp.peek_id(line)
            call = self._calls.pop(id_bytes, None) if id_bytes is not None else None
            if call is not None:
                failed = size <= LOOK_MAX and mcp.looks_failed(line)
                self._questions.note(
                    b'{"what":"answered","call":%d,"ms":%.3f,"bytes":%d,"error":%b}'
                    % (call[0], (now - call[1]) * 1000, size, b"true" if failed else b"false")
                )
                return
        if size <= LOOK_MAX:
            if b'"method"' in line:
                method = mcp.peek_request(line)
                if method is not None:
                    self._note_wish(method, now)
            elif line.lstrip()[:1] not in (b"{", b"[", b""):
                self._note_noise(line)

    def _note_wish(self, method: bytes, now: float) -> None:
        """The server asks something of the client. How often it may say so in our log is not its choice."""
        if now >= self._second + 1:
            self._note_more()
            self._second = now
        self._wishes += 1
        if self._wishes <= WISHES_MAX:
            self._questions.note(b'{"what":"said","direction":"server","method":"%b"}' % method)

    def _note_more(self) -> None:
        more = self._wishes - WISHES_MAX
        self._wishes = 0
        if more > 0:
            self._questions.note(b'{"what":"said","direction":"server","method":"","more":%d}' % more)

    def _note_noise(self, line: bytes) -> None:
        self._noise += 1
        if self._noise <= NOISE_MAX:
            said = {
                "what": "said",
                "direction": "server",
                "method": "",
                "noise": line[:NOISE_SIZE].decode("ascii", "replace"),
            }
            self._questions.note(dumps(said))

    def _inspect(self, line: bytes, now: float) -> None:
        """Read a line in full, because it may be the list or the answer to a batch that are awaited."""
        body = line.strip(WHITE)
        if not body:
            self._out.client.append(line)
            return
        try:
            found = parse(body, line=self._is_line)
            messages = found.messages if isinstance(found, Batch) else [found]
            listings = [
                (message, shown)
                for message in messages
                for shown in mcp.shown_in(message, opens=self._opens(message))
                if shown.items or not shown.key
            ]
        except Refused as refused:
            self._unreadable(line, body, refused, now)
            return
        answered = {message.key for message in messages if message.method is None and message.id is not None}
        for key in answered:
            self._lists.pop(key, None)
            self._openings.discard(key)
        held = HeldLine(line, found.text)
        denials = self._denials_for(answered, messages)
        if denials and isinstance(found, Batch):
            held.edits.append((messages[-1].end, messages[-1].end, "".join("," + denial for denial in denials)))
        elif denials:
            self._out.to_client("[" + ",".join(denials) + "]")
        waiting = [one for one in listings if one[1].key or self.enforce]
        for message, shown in listings:
            if (message, shown) not in waiting:  # nothing would be taken out of it: nobody has to wait
                flags, told = _told(message, shown)
                self._questions.note(bytes((flags,)) + told, LIST)
        if not waiting:
            self._out.client.append(held.edited())
            self._look(line, len(line), now)
            return
        held.waiting = len(waiting)
        self.held += 1
        self.held_bytes += len(line)
        for message, shown in waiting:
            self._ask(Listing(self, held, message, shown), now)

    def _opens(self, message: Message) -> bool:
        """Does it answer an opening, or look as if it did where nobody knows what was asked?"""
        if message.method is not None:
            return False
        return message.key in self._openings or (not self._is_line and mcp.looks_opening(message))

    def _ask(self, listing: Listing, now: float) -> None:
        flags, body = _told(listing.message, listing.shown)
        if len(body) > MAX_INSPECTED:
            self.list_decided(listing, -1, {"reason": f"their names alone are more than {MAX_INSPECTED} bytes"})
            return
        self._questions.ask(LIST, flags, body, listing, now)

    def _denials_for(self, answered: set[object], messages: list[Message]) -> list[str]:
        """The refusals that are due with this answer. An error without an id says that no batch is understood."""
        lost = any("error" in message.parts and message.id in (None, "null") for message in messages)
        denials: list[str] = []
        for batch in [batch for batch in self._batches if lost or batch[0] & answered]:
            self._batches.remove(batch)
            denials += batch[1]
        return denials

    def _unreadable(self, line: bytes, body: bytes, refused: Refused, now: float) -> None:
        """A line that is not strict JSON while a list is awaited. What could be that list to a careless parser is kept
        from the client; anything else is none of our business.
        """
        names, id_text = salvage(body)
        is_result = names == [] or "result" in [name.casefold() for name in names or ()]
        if not is_result or id_text.encode() in self._calls:
            self._out.client.append(line)
            self._look(line, len(line), now)
            return
        waiting = list(self._lists.values())
        refused_ids = [id_text] if id_text in waiting else waiting or [id_text]
        for one in refused_ids:
            self._out.to_client(
                mcp.error(one, mcp.UNREADABLE, f"Callgate refused the server's answer: {refused.reason}")
            )
        self._forget(refused_ids)
        self._out.complaints.append(f"an answer of the server was refused: {refused.reason}")

    def _too_long(self, pieces: list[bytes]) -> None:
        """A line that may be an awaited list and is too long for one. In observe mode it goes on unread; else whoever
        seems to wait for it, or all who wait for a list, are told that it is not shown.
        """
        id_bytes = mcp.peek_id(pieces[0][: mcp.HINT] + b"".join(pieces[-2:])[-mcp.HINT :])
        waiting = [id_bytes.decode("ascii", "replace")] if id_bytes is not None else list(self._lists.values())
        if id_bytes is not None:
            self._calls.pop(id_bytes, None)
        self._forget(waiting)
        self._out.complaints.append(f"an answer of more than {LISTED_MAX} bytes came while a list was awaited")
        if not self.enforce:
            self._out.client += pieces
            return
        for one in waiting:
            self._out.to_client(mcp.error(one, mcp.TOO_LARGE, "Callgate: the answer is too large to be looked at"))

    def _oversize(self, line: Oversize) -> None:
        """A line that is larger than we relay: whoever waits for it is told as soon as we can see who that is."""
        if not line.ended:
            self._told = False
            self._out.complaints.append("a message of the server is larger than what is relayed; it is thrown away")
        id_bytes = None if self._told else mcp.peek_id(line.glimpse)
        if id_bytes is not None:
            self._told = True
            self._calls.pop(id_bytes, None)
            id_text = id_bytes.decode("ascii", "replace")
            self._forget([id_text])
            self._out.to_client(mcp.error(id_text, mcp.TOO_LARGE, "Callgate: the answer is too large to relay"))

    def _forget(self, ids: list[str]) -> None:
        """These lists are not awaited any more: their answer came, in some form."""
        for key in [key for key, id_text in self._lists.items() if id_text in ids]:
            del self._lists[key]
            self._openings.discard(key)


def _size(line: bytes | list[bytes]) -> int:
    return len(line) if isinstance(line, bytes) else sum(map(len, line))


def _told(message: Message, shown: Shown) -> tuple[int, bytes]:
    """What the gate is told of an answer: all of it, or of one that is too large the names."""
    body = message.raw()
    if len(body) <= MAX_INSPECTED:
        return shown.flag, body
    return shown.flag | OVERSIZE_LIST, dumps({"names": shown.names})
