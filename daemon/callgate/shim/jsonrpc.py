"""Pure: JSON-RPC messages, read so strictly that no two parsers can disagree, with the place of each part in the text.

Built on the C scanner of the `json` package without the package itself, whose import would cost 10 ms. Numbers come out
as floats: they are compared, never computed with, and an integer of 100,000 digits must not raise.
"""

from __future__ import annotations

from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner, scanstring
from itertools import accumulate

WHITE = b" \t\r\n"
"""The whitespace of JSON."""
MAX_DEPTH = 256
"""Levels of nesting. Nothing real is deeper, many parsers stop at 64 to 1,000, and ours must not eat its stack."""
MAX_MEMBERS = 64
"""Members of the envelope; JSON-RPC knows six."""
MAX_ID = 4096
"""Characters of an id; it is echoed and kept, so it has to be bounded."""

PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS = -32700, -32600, -32602

ENVELOPE = frozenset(("jsonrpc", "id", "method", "params", "result", "error"))

Part = tuple[object, int, int]
"""A parsed value, and where its text starts and ends."""


class Refused(Exception):
    """A message that could be read in two ways, or in none. `id` is the JSON text of its id, "null" when unsure."""

    def __init__(self, code: int, reason: str, id_text: str = "null") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.id = id_text


class Message:
    """One request, notification or answer: `text[start:end]`, and where its members stand."""

    __slots__ = ("end", "id", "key", "method", "params", "parts", "start", "text")

    def __init__(self, text: str, start: int, end: int, parts: dict[str, Part]) -> None:
        self.text = text
        self.start = start
        self.end = end
        self.parts = parts
        self.id: str | None = None
        """The JSON text of the id, never rewritten; None when there is no id."""
        self.key: object = None
        """Equal for ids that some parser takes for the same: 1 and 1.0."""
        if "id" in parts:
            value, at, to = parts["id"]
            self.id = text[at:to]
            self.key = value if type(value) is str or type(value) is float else (self.id,)
        self.method = parts["method"][0] if "method" in parts else None
        self.params = parts["params"][0] if "params" in parts else None

    def raw(self) -> bytes:
        """The bytes of this message as they came."""
        return self.text[self.start : self.end].encode()


class Batch:
    """Several messages in one array, as MCP 2025-03-26 has them."""

    __slots__ = ("messages", "text")

    def __init__(self, text: str, messages: list[Message]) -> None:
        self.text = text
        self.messages = messages


def parse(raw: bytes, *, line: bool = True) -> Message | Batch:
    """Read one message (without whitespace around it). Raises Refused for whatever two parsers could read differently;
    on a `line` that is also what some would take for the line's end.
    """
    try:
        return _parse(raw, line)
    except Refused as refused:
        refused.id = salvage(raw)[1]
        raise
    except UnicodeDecodeError as error:
        raise Refused(PARSE_ERROR, f"not UTF-8 at byte {error.start}", salvage(raw)[1]) from None
    except BROKEN:
        raise Refused(PARSE_ERROR, "not JSON") from None


def _parse(raw: bytes, line: bool) -> Message | Batch:
    if line and b"\r" in raw:
        raise Refused(PARSE_ERROR, "a carriage return inside: some readers take it for the end of the message")
    if _is_deep(raw):
        raise Refused(PARSE_ERROR, f"nested deeper than {MAX_DEPTH} levels")
    text = raw.decode()
    if line and not text.isascii():
        _check_separators(text)
    if b"\\" in raw and (b"\\ud" in raw or b"\\uD" in raw):
        _check_surrogates(text)
    if text[0] == "{":
        message = _message(text, 0)
        end = message.end
    elif text[0] == "[":
        spans, end = elements(text, 0)
        if any(type(value) is not dict for value, _, _ in spans) or not spans:
            raise Refused(INVALID_REQUEST, "a batch must hold messages and nothing else")
        batch = Batch(text, [_message(text, start) for _, start, _ in spans])
    elif text[0] == "\ufeff":
        raise Refused(PARSE_ERROR, "a byte order mark in front")
    else:
        _, end = STRICT(text, 0)
        raise Refused(INVALID_REQUEST, "neither an object nor an array")
    if end != len(text):
        raise Refused(PARSE_ERROR, f"something follows the message at character {end}")
    return message if text[0] == "{" else batch


def _message(text: str, at: int) -> Message:
    """The message whose "{" stands at `at`."""
    members, end = walk(text, at, STRICT)
    parts = unique(members, ENVELOPE)
    if len(parts) > MAX_MEMBERS:
        raise Refused(INVALID_REQUEST, f"more than {MAX_MEMBERS} members")
    message = Message(text, at, end, parts)
    if message.method is not None:
        if type(message.method) is not str:
            raise Refused(INVALID_REQUEST, "the method is not a string")
        if "result" in parts or "error" in parts:
            raise Refused(INVALID_REQUEST, "both a request and an answer")
    elif "method" in parts:
        raise Refused(INVALID_REQUEST, "the method is null")
    if message.id is not None and len(message.id) > MAX_ID:
        raise Refused(INVALID_REQUEST, f"an id of more than {MAX_ID} characters")
    return message


def unique(members: list[tuple[str, object, int, int]], known: frozenset[str]) -> dict[str, Part]:
    """Members by name. Raises Refused for a name given twice, and for one that only differs from a known name in case
    (some parsers, Go's among them, ignore case).
    """
    parts: dict[str, Part] = {name: (value, start, end) for name, value, start, end in members}
    if len(parts) != len(members):
        raise Refused(INVALID_REQUEST, "a key is given twice in the same object")
    if not parts.keys() <= known:
        for name in parts:
            if name not in known and name.casefold() in known:
                raise Refused(INVALID_REQUEST, f"the key {name!a} could be read as {name.casefold()!r}")
    return parts


def walk(text: str, at: int, scan: Scan) -> tuple[list[tuple[str, object, int, int]], int]:
    """The members of the object whose "{" stands at `at` as (name, value, start, end), and where the object ends."""
    members: list[tuple[str, object, int, int]] = []
    at += 1
    if text[at] <= " ":  # whitespace, or an error: worth a call
        at = _skip(text, at)
    if text[at] == "}":
        return members, at + 1
    while True:
        if text[at] != '"':
            raise StopIteration(at)
        name, at = scanstring(text, at + 1, True)
        if text[at] <= " ":
            at = _skip(text, at)
        if text[at] != ":":
            raise StopIteration(at)
        start = at + 1
        if text[start] <= " ":
            start = _skip(text, start)
        value, end = scan(text, start)
        members.append((name, value, start, end))
        at = end
        if text[at] <= " ":
            at = _skip(text, at)
        if text[at] == "}":
            return members, at + 1
        if text[at] != ",":
            raise StopIteration(at)
        at += 1
        if text[at] <= " ":
            at = _skip(text, at)


def elements(text: str, at: int) -> tuple[list[Part], int]:
    """The elements of the array whose "[" stands at `at`, and where the array ends."""
    found: list[Part] = []
    at = _skip(text, at + 1)
    if text[at] == "]":
        return found, at + 1
    while True:
        value, end = STRICT(text, at)
        found.append((value, at, end))
        at = _skip(text, end)
        if text[at] == "]":
            return found, at + 1
        if text[at] != ",":
            raise StopIteration(at)
        at = _skip(text, at + 1)


def keep(text: str, spans: list[tuple[int, int]], kept: list[int]) -> str:
    """What stands from the first to the last of `spans` (elements of one array), with only the `kept` ones left."""
    out: list[str] = []
    for index in kept:
        start, end = spans[index]
        if out:
            out.append(text[spans[index - 1][1] : start])  # the separator as it was written
        out.append(text[start:end])
    return "".join(out)


def salvage(raw: bytes) -> tuple[list[str] | None, str]:
    """What a careless parser would make of a refused line: the names of its members (None: it is no JSON to anyone,
    empty: an array or a bare value), and the text of its id, "null" unless there is exactly one.
    """
    text = raw.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    try:
        if text[:1] != "{":
            LENIENT(text, 0)
            return [], "null"
        members, _ = walk(text, 0, LENIENT)
    except RecursionError:
        return ["result"], "null"
    except BROKEN:
        return None, "null"
    ids = [text[start:end] for name, _, start, end in members if name.casefold() == "id"]
    sure = len(ids) == 1 and len(ids[0]) <= MAX_ID and ids[0].isascii() and ids[0][0] not in "{[NI"
    return [name for name, _, _, _ in members], ids[0] if sure else "null"


def dumps(value: object) -> bytes:
    """Compact ASCII JSON of plain dicts, lists, strings and numbers."""
    return "".join(_write(value, 0)).encode()


def loads(raw: bytes) -> dict[str, object]:
    """The object in `raw`, from a peer that is trusted to mean what it says. Raises ValueError if it is none."""
    try:
        value, _ = LENIENT(raw.decode(), 0)
    except BROKEN as error:
        raise ValueError(f"not JSON: {raw[:80]!r}") from error
    if type(value) is not dict:
        raise ValueError(f"not an object: {raw[:80]!r}")
    return value


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\n\r":
        at += 1
    return at


def _is_deep(raw: bytes) -> bool:
    """Is it nested too deeply? Looked at before the parser may use its stack on it, and in linear time."""
    most = MAX_DEPTH + 1
    if len(raw.split(b"[", most)) + len(raw.split(b"{", most)) - 2 <= MAX_DEPTH:  # split is faster than count
        return False
    outside = b"".join(raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    steps = outside.translate(STEPS, NO_BRACKET)
    return max(accumulate(memoryview(steps).cast("b")), default=0) > MAX_DEPTH


def _check_separators(text: str) -> None:
    for line in text.splitlines()[1:]:
        if line.strip().lstrip("\ufeff")[:1] in ("{", "["):
            raise Refused(PARSE_ERROR, "a Unicode line separator inside: some readers would take two messages from it")


def _check_surrogates(text: str) -> None:
    try:
        "".join(_rewrite(LENIENT(text, 0)[0], 0)).encode()
    except UnicodeEncodeError as error:
        raise Refused(PARSE_ERROR, "half of a surrogate pair in a string") from error


def _no_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused(INVALID_REQUEST, "a key is given twice in the same object")
    return found


def _no_constant(name: str) -> object:
    raise Refused(PARSE_ERROR, f"{name} is not JSON")


class _Rules:
    """What the C scanner asks of its owner."""

    strict = True
    object_hook = None
    array_hook = None
    parse_float = float
    parse_int = float
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner never writes to it; it looks for the name only

    def __init__(self, pairs: object, constant: object) -> None:
        self.object_pairs_hook = pairs
        self.parse_constant = constant


BROKEN = (StopIteration, ValueError, IndexError, RecursionError, SystemError)
"""What the C scanner raises; SystemError is what Python 3.11 makes of its own JSONDecodeError without `json`."""
Scan = make_scanner
STRICT = make_scanner(_Rules(_no_twins, _no_constant))  # type: ignore[arg-type]
LENIENT = make_scanner(_Rules(None, float))  # type: ignore[arg-type]
STEPS = bytes.maketrans(b"{}[]", b"\x01\xff\x01\xff")
NO_BRACKET = bytes(code for code in range(256) if code not in b"[]{}")
_write = make_encoder(None, repr, encode_basestring_ascii, None, ":", ",", False, False, False)
_rewrite = make_encoder(None, repr, encode_basestring, None, ":", ",", False, False, True)
