"""Pure: what the shim knows of MCP: which messages carry a decision, and how a refusal is said in the protocol."""

from __future__ import annotations

from callgate.shim.frames import ASK_USER, GREETING, PROMPTS, TEMPLATES
from callgate.shim.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    STRICT,
    Message,
    Part,
    Refused,
    dumps,
    elements,
    unique,
    walk,
)

CALL = "tools/call"
LIST = "tools/list"
CANCELLED = "notifications/cancelled"
OPENINGS = ("initialize", "server/discover")
"""The first message of a client, before and since 2026-07-28. The answer may hold instructions for the model."""
LISTS = (LIST, "prompts/list", "resources/templates/list")
"""Requests whose answers show the model what it may use."""
SERVER_REQUESTS = (b"sampling/createMessage", b"elicitation/create", b"roots/list")
"""What servers ask of clients; noted, because a server can reach the model or the user through them."""

LAUNCH_REFUSED = 403
"""JSON-RPC error code of everything that is asked of a server that was not started (ours: outside -32768..-32000)."""
TOO_LARGE = 413
"""JSON-RPC error code in the place of an answer that is larger than we relay."""
UNREADABLE = 422
"""JSON-RPC error code in the place of a list of tools that could be read in two ways."""

MODERN = "2026-07-28"
"""The first stateless protocol version; versions are dates and compare as text."""
PREFIX = "io.modelcontextprotocol/"
PARAMS = frozenset(("name", "arguments", "_meta", "task", "inputResponses", "requestState"))
SHOWN = (("tools", 0, "name"), ("prompts", PROMPTS, "name"), ("resourceTemplates", TEMPLATES, "uriTemplate"))
"""What an answer may list: the member, the flag of its LIST, and what each is called by."""
INSTRUCTIONS = "instructions"
RESULT = frozenset((*(member for member, _, _ in SHOWN), INSTRUCTIONS, "nextCursor", "_meta"))
SHOWING = (*(f'"{member}"'.encode() for member in (*(shown[0] for shown in SHOWN), INSTRUCTIONS)), b"\\u")
"""One of these is in every answer that shows something; the last spells any of the others."""
GREETINGS = frozenset(("capabilities", "protocolVersion", "supportedVersions"))
"""Members of an answer to one of OPENINGS."""
MAX_NAME = 4096
"""Characters of a tool's name: it is kept and echoed."""
MAX_TOOLS = 20_000
"""Tools in one list; the gate looks at no more."""
HINT = 96
"""Bytes at either end of a message in which its id is looked for."""
SAID_MAX = 200
"""Characters kept of what a client says of itself."""


def tool_of(message: Message) -> str:
    """The tool that a tools/call names. Raises Refused if there is doubt about it."""
    params, id_text = message.params, message.id or "null"
    if type(params) is not dict or type(params.get("name")) is not str:
        raise Refused(INVALID_PARAMS, "tools/call needs params.name, a string", id_text)
    name: str = params["name"]
    if len(name) > MAX_NAME:
        raise Refused(INVALID_PARAMS, f"a tool name of more than {MAX_NAME} characters", id_text)
    if not params.keys() <= PARAMS:
        for key in params:
            if key not in PARAMS and key.casefold() in PARAMS:
                reason = f"the key {key!a} in params could be read as {key.casefold()!r}"
                raise Refused(INVALID_PARAMS, reason, id_text)
    return name


def check_method(message: Message) -> None:
    """Raises Refused for a method that is not tools/call but that a lenient server could take for it."""
    method = message.method
    if isinstance(method, str) and method != CALL and method.partition("\0")[0].strip().casefold() == CALL:
        raise Refused(INVALID_REQUEST, f"the method {method!a} could be read as {CALL}", message.id or "null")


def is_modern(params: object) -> bool:
    """Was this request made under the stateless protocol, whose results name their type?"""
    meta = params.get("_meta") if type(params) is dict else None
    version = meta.get(PREFIX + "protocolVersion") if type(meta) is dict else None
    return type(version) is str and version >= MODERN


def denial(message: Message, uid: str, effect: int, detail: dict[str, object]) -> str:
    """The answer to a call that does not go on: a tool result, so that the model reads it and can tell its user."""
    rule, reason = detail.get("rule"), detail.get("reason")
    lead = "Callgate needs a person's approval for this call" if effect == ASK_USER else "Callgate refused this call"
    text = (
        f"{lead}: {reason or 'no reason was given'} (rule: {rule or 'none'}). The tool did not run. Tell your user; "
        f"do not try to get round it. `callgate explain {uid}` says more."
    )
    result: dict[str, object] = {"content": [{"type": "text", "text": text}], "isError": True}
    if is_modern(message.params):
        result["resultType"] = "complete"
    return f'{{"jsonrpc":"2.0","id":{message.id},"result":{dumps(result).decode()}}}'


def error(id_text: str, code: int, text: str) -> str:
    """A JSON-RPC error. `id_text` is JSON, echoed as it is."""
    return f'{{"jsonrpc":"2.0","id":{id_text},"error":{{"code":{code},"message":{dumps(text).decode()}}}}}'


def without_arguments(message: Message, tool: str) -> bytes:
    """A tools/call that is too large to be looked at, reduced to what names it."""
    id_part = f',"id":{message.id}' if message.id is not None else ""
    return f'{{"method":"{CALL}","params":{{"name":{dumps(tool).decode()}}}{id_part}}}'.encode()


def opening(message: Message) -> dict[str, object]:
    """What a client says of itself in its first message: a hint, never proof."""
    params = message.params if type(message.params) is dict else {}
    meta = params.get("_meta")
    meta = meta if type(meta) is dict else {}
    client = params.get("clientInfo", meta.get(PREFIX + "clientInfo"))
    client = client if type(client) is dict else {}
    version = params.get("protocolVersion", meta.get(PREFIX + "protocolVersion"))
    said = {"version": version, "client": client.get("name"), "client_version": client.get("version")}
    return {key: value[:SAID_MAX] for key, value in said.items() if type(value) is str}


class Shown:
    """What an answer shows to the model, with the places of its parts."""

    __slots__ = ("flag", "items", "key")

    def __init__(self, flag: int, key: str, items: list[Part]) -> None:
        self.flag = flag
        """That of the LIST which asks about it."""
        self.key = key
        """The member that each is called by; "" for the instructions, which are one text."""
        self.items = items

    @property
    def names(self) -> list[object]:
        """The name of each, whatever it is."""
        return [item.get(self.key) if type(item) is dict else None for item, _, _ in self.items] if self.key else [""]


def shown_in(message: Message, *, opens: bool) -> list[Shown]:
    """What an answer shows; `opens`: it answers one of OPENINGS. Raises Refused where parsers differ."""
    value, start, _ = message.parts.get("result", (None, 0, 0))
    if type(value) is not dict:
        return []
    parts = unique(walk(message.text, start, STRICT)[0], RESULT)
    found = []
    for member, flag, key in SHOWN:
        if member in parts and type(parts[member][0]) is list:
            items = elements(message.text, parts[member][1])[0]
            if len(items) > MAX_TOOLS:
                raise Refused(INVALID_REQUEST, f"a list of more than {MAX_TOOLS:,} {member}")
            found.append(Shown(flag, key, items))
    if opens:
        found.append(Shown(GREETING, "", [parts[INSTRUCTIONS]] if INSTRUCTIONS in parts else []))
    return found


def may_show(message: bytes) -> bool:
    """Could this be an answer that shows something, to any parser? A look at the bytes that misses none."""
    return any(word in message for word in SHOWING)


def looks_opening(message: Message) -> bool:
    """Does it look like the answer to one of OPENINGS that instructs the model?"""
    result = message.parts.get("result", (None, 0, 0))[0]
    return type(result) is dict and INSTRUCTIONS in result and not result.keys().isdisjoint(GREETINGS)


def peek_id(line: bytes) -> bytes | None:
    """The id of an answer as its bytes, by a look at both ends instead of a parse: a hint, for notes only."""
    at = line.find(b'"id"', 0, HINT)
    if at >= 0 and line.count(b"{", 0, at) == 1:
        return _scalar(line[at + 4 : at + 4 + HINT])
    at = line.rfind(b'"id"', max(0, len(line) - HINT))
    if at >= 0 and line.count(b"}", at) == 1:
        return _scalar(line[at + 4 :])
    return None


def looks_failed(line: bytes) -> bool:
    """Does this seem to be an error, or a tool's result that says it is one? A hint, for notes only."""
    return b'"isError":true' in line or b'"isError": true' in line or line.find(b'"error"', 0, HINT) > 0


def peek_request(line: bytes) -> bytes | None:
    """Which of SERVER_REQUESTS this line seems to be: a hint, for notes only."""
    for method in SERVER_REQUESTS:
        if method in line:
            return method
    return None


def _scalar(text: bytes) -> bytes | None:
    """The id in `:id,...`, `:id}` with whitespace anywhere."""
    text = text.lstrip()
    if text[:1] != b":":
        return None
    text = text[1:].lstrip()
    if text[:1] == b'"':
        end = text.find(b'"', 1) + 1
        return text[:end] if end and b"\\" not in text[:end] else None
    ends = [end for end in (text.find(b","), text.find(b"}")) if end >= 0]
    return text[: min(ends)].strip() if ends else None
