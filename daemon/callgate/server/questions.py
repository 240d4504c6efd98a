"""Frames of gate.sock as values: what a shim asks, and the bytes of the answer. Touches nothing but its arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callgate.detect import listing as listings
from callgate.detect.listing import Listing
from callgate.model.call import Call, Effect, Session, Verdict
from callgate.model.errors import ProtocolError
from callgate.model.pin import Kind
from callgate.shim import frames

TEXT_MAX = 4096
"""Characters kept of a text that a shim tells about itself, for people."""
ARGV_MAX = 1024
"""Arguments kept of a command line."""
VARIABLES_MAX = 2000
"""Variables of one environment; all of their text fits into a frame."""
TOOLS_MAX = 20_000
"""Tools of one listing that are looked at; a longer listing cannot be decided."""
ID_MAX = 256
"""Characters of an id."""
JOINING = {"claudecode/toolUseId": "tool_use", "callId": "tool_use"}
"""Members of `_meta` -> what the rows call them."""
KINDS = {
    frames.PROMPTS: Kind.PROMPT,
    frames.TEMPLATES: Kind.TEMPLATE,
    frames.GREETING: Kind.INSTRUCTIONS,
}
"""Flags of a LIST; without one of them it lists tools."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A shim introduces itself; nothing of it is believed beyond what the operating system confirms."""

    uid: str
    resumed: bool
    launcher: str
    entry: str
    argv: tuple[str, ...]
    cwd: str
    path: str
    build: str
    server_pid: int
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables that may change what is started. Values may be secrets: to decide by, not to keep."""


def hello(body: bytes) -> Hello:
    """Read a HELLO. Raises ProtocolError."""
    said = _object(body)
    if said.get("version") != frames.VERSION:
        raise ProtocolError(
            "shim", f"speaks protocol {said.get('version')!r}, not {frames.VERSION}", "run `callgate up`"
        )
    uid, argv, server_pid = said.get("uid"), said.get("argv"), said.get("server_pid", 0)
    if not isinstance(uid, str) or len(uid) != 16 or not all(digit in "0123456789abcdef" for digit in uid):
        raise ProtocolError("shim", "gives no uid of 16 hex digits")
    if not isinstance(argv, list) or not argv or len(argv) > ARGV_MAX or not all(isinstance(arg, str) for arg in argv):
        raise ProtocolError("shim", "gives no command line")
    if type(server_pid) is not int or not 0 <= server_pid < 2**31:
        raise ProtocolError("shim", "gives a server_pid that is no pid")

    def whole(name: str) -> str:
        value = said.get(name, "")
        return value if isinstance(value, str) else ""

    def text(name: str) -> str:
        return whole(name)[:TEXT_MAX]

    return Hello(
        uid=uid,
        resumed=said.get("resumed") is True,
        launcher=text("launcher"),
        entry=text("entry"),
        argv=tuple(argv),
        cwd=whole("cwd"),  # a part of these two would lead to other programs than those that run
        path=whole("path"),
        build=text("build"),
        server_pid=server_pid,
        env=_variables(said.get("env", {})),
    )


def _variables(said: object) -> dict[str, str]:
    """What a shim tells of its environment, whole: what is cut could not be told apart. Raises ProtocolError."""
    if not isinstance(said, Mapping) or len(said) > VARIABLES_MAX:
        raise ProtocolError("shim", f"tells no environment, or more than {VARIABLES_MAX} variables of it")
    if not all(isinstance(value, str) for value in said.values()):
        raise ProtocolError("shim", "gives a variable that is not text")
    return dict(said)


def call(session: Session, serial: int, body: bytes) -> tuple[Call, bool]:
    """Read an ASK: the call, and whether it was asked before. A message that makes no sense names no tool."""
    flags = body[0] if body else 0
    raw = body[1:]
    tool, arguments, ids = None, None, {}
    try:
        message = _read(raw)
        params = message["params"]
        if isinstance(params["name"], str):
            tool = params["name"]
        arguments = params.get("arguments")
        ids = _ids(params.get("_meta"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # the ladder denies a call that names no tool
    truncated = bool(flags & frames.TRUNCATED)
    asked = Call(
        uid=f"{session.uid}-{serial}",
        session=session,
        method="tools/call",
        tool=tool,
        arguments=arguments if type(arguments) is dict and not truncated else None,
        size=len(raw),
        truncated=truncated,
        ids=ids,
    )
    return asked, bool(flags & frames.RETRY)


def _ids(meta: object) -> dict[str, str]:
    """The ids in a request's `_meta` by which other channels know the same call. Anybody can write them."""
    if not isinstance(meta, Mapping):
        return {}
    found = ((ours, meta[theirs]) for theirs, ours in JOINING.items() if theirs in meta)
    return {ours: value[:ID_MAX] for ours, value in found if isinstance(value, str) and value}


def listing(body: bytes) -> Listing:
    """Read a LIST: what an answer of the server shows, however much. Raises ProtocolError."""
    flags = body[0] if body else 0
    kind = next((kind for flag, kind in KINDS.items() if flags & flag), Kind.TOOL)
    if flags & frames.OVERSIZE_LIST:
        names = _object(body[1:]).get("names")
        if not isinstance(names, list):
            raise ProtocolError("shim", "sends a listing without names")
        return listings.of_names(kind, names)
    try:
        return listings.read(kind, body[1:])
    except (ValueError, RecursionError) as error:
        raise ProtocolError("shim", f"sends a listing that is not JSON ({error})") from error


def note(body: bytes) -> tuple[str, dict[str, Any]]:
    """Read a NOTE: what happened, and its fields. Raises ProtocolError."""
    said = _object(body)
    what = said.pop("what", None)
    if not isinstance(what, str):
        raise ProtocolError("shim", "notes something without saying what")
    return what, said


def answer(serial: int, verdict: Verdict) -> bytes:
    """The ANSWER to a HELLO or an ASK."""
    if verdict.effect is Effect.ALLOW:
        how: dict[str, object] = {"argv": list(verdict.argv)} if verdict.argv else {}
        how |= {"program": verdict.program} if verdict.program else {}
        return frames.pack(frames.ANSWER, serial, b"\0" + json.dumps(how).encode() if how else b"\0")
    said = json.dumps({"rule": verdict.rule, "reason": verdict.reason}).encode()
    return frames.pack(frames.ANSWER, serial, bytes((verdict.effect,)) + said)


def hidden(serial: int, names: Sequence[object]) -> bytes:
    """The ANSWER to a LIST. Raises ValueError if so many and so long names do not fit into a frame."""
    said = json.dumps({"hide": list(names)}, ensure_ascii=False).encode("utf-8", "backslashreplace")
    if len(said) >= frames.MAX_BODY:
        raise ValueError("more names than an answer can carry")
    return frames.pack(frames.ANSWER, serial, b"\0" + said)


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = _read(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("shim", f"sends a frame that is not JSON ({error})") from error
    if not isinstance(said, dict):
        raise ProtocolError("shim", "sends a frame that is not a JSON object")
    return said


def _read(raw: bytes) -> Any:
    """The JSON in `raw`. Raises ValueError or RecursionError. Unlike `json.loads` it does not guess the encoding, and
    an integer of more digits than Python turns into a number is no error but a text: it is kept, not computed with.
    """
    text = raw.decode().strip(" \t\r\n")
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        value, end = _LONG_DECODER.raw_decode(text)
    if end < len(text):
        raise ValueError(f"something follows at character {end}")
    return value


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


_DECODER = json.JSONDecoder()
_LONG_DECODER = json.JSONDecoder(parse_int=_integer)
"""For the rare message that needs it: a function of ours for each integer takes long."""
