"""What an agent's hook asks or tells, and the bytes that its client is to give the agent. One place for all agents.

`hear` runs off the listener's thread (it parses, and asks the operating system who the peer is), `answer` on it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from callgate.agents import ALL
from callgate.agents.hook_event import HookEvent, read
from callgate.agents.hooking import Hooks, Phase, filled, plain
from callgate.audit.payload import keep
from callgate.gate import Gate
from callgate.model.call import Call, Caller, Deed, Effect, Session, Verdict
from callgate.model.errors import ProtocolError
from callgate.model.identity import BUILTIN, Identified, ServerIdentity
from callgate.policy import builtin, canary, ladder
from callgate.policy.allowlist import Allowlist
from callgate.server.hook_server import OWN, Called, Entry, Known, called
from callgate.settings import Payload
from callgate.shim import frames
from callgate.system.sockets import Peer

ASKED_MAX = 2048
"""Calls that were asked and not answered yet, of which we remember when."""
WONDERED_MAX = 1024
"""Tools of which we remember that we said that they are not clear."""
HEAD_MAX = 16 * 1024
"""Bytes of a hook frame's head."""
NEXT_STEP = (
    "it is not behind Callgate's gate: run `callgate wrap`, then start the agent again (`callgate servers` shows why)"
)


class Around(Protocol):
    """What is known outside of the gate."""

    def caller(self, peer: Peer, claimed: str = "") -> Caller:
        """Who is at the other end, as the operating system says."""

    def entries(self, agent: str) -> Sequence[Entry]:
        """The servers in the configs of an agent. Must not block."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A hook's event, understood as far as it can be off the gate's thread."""

    hooks: Hooks
    agent: str
    event: str
    size: int
    asks: bool
    said: HookEvent
    caller: Caller
    deed: Deed


@dataclass(slots=True)
class Asked:
    """A call that was asked."""

    uid: str
    at: float
    session: Session
    mcp: bool


@dataclass(slots=True)
class HookDesk:
    """Turns hook events into gate questions and verdicts into what the agent's dialect says."""

    gate: Gate
    around: Around
    live: Callable[[], Sequence[Session]]
    """The sessions of all shims that are connected now."""
    _asked: OrderedDict[str, Asked] = field(default_factory=OrderedDict)
    _wondered: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)
    _named: tuple[Allowlist | None, frozenset[str]] = None, frozenset()
    """The registry's rules, and the plain names of the MCP servers in them."""

    def hear(self, peer: Peer, body: bytes) -> Heard:
        """Understand a HOOK frame. Raises ProtocolError if no client of ours sends such a frame."""
        length = int.from_bytes(body[:4], "little")
        if not 0 < length <= min(HEAD_MAX, len(body) - 4):
            raise ProtocolError("hook", "sends a frame without a head")
        head, raw = _head(body[4 : 4 + length]), body[4 + length :]
        agent, event, size = head.get("agent"), head.get("event"), head.get("size")
        record = next((each for each in ALL if each.id == agent), None)
        if record is None or record.hooks is None or not isinstance(event, str) or type(size) is not int:
            raise ProtocolError("hook", "is of no agent that we know", "run `callgate up`")
        said = read(record.hooks, event[:100], raw, size)
        caller = self.around.caller(peer, record.id)
        cwd = head.get("cwd")
        place = said.cwd or (cwd if isinstance(cwd, str) else "")
        deed = builtin.look(record.hooks.doing(said.tool), said.arguments, place, caller.home)
        return Heard(record.hooks, record.id, event[:100], size, head.get("asks") is True, said, caller, deed)

    def answer(self, heard: Heard) -> tuple[bytes, bytes]:
        """The body of the ANSWER, and the one to send if the rows behind it could not be made durable."""
        phase = heard.said.phase
        verdict = Verdict(Effect.ALLOW, "", "")
        if phase is Phase.ASK or (heard.asks and phase is None):
            verdict = self._ask(heard)
        elif phase in (Phase.DONE, Phase.FAILED):
            self._done(heard)
        else:
            self._tell(heard)
        lost = self.gate.in_doubt("the audit log cannot be written")
        return _body(heard, verdict), _body(heard, lost)

    def _ask(self, heard: Heard) -> Verdict:
        said = heard.said
        uid = _uid(heard)
        server = self._called(heard)
        session = self._session(heard, server)
        if not said.problem:
            self._remember(heard, Asked(uid, time.monotonic(), session, server.mcp))
        if server.mcp and server.covered:
            detail = {"server": server.name, "tool": server.tool, "bytes": heard.size, "ids": dict(said.ids)}
            if kept := keep(said.arguments, Payload.DIGEST, 0, self.gate.payload_key):
                detail["digest"] = kept.digest  # by which the call is known where no id says so
            self.gate.note("hook.asked", session, _with_agent(heard, detail), uid=uid)
            return Verdict(Effect.ALLOW, "hook.covered", "its shim decides")
        given = None
        if said.problem:
            given = ladder.doubt(
                self.gate.settings.on_doubt, f"what the agent gave to its hook is not clear: {said.problem}"
            )
        elif server.mcp:
            given = Verdict(
                Effect.DENY, "hook.unwrapped", f"the MCP server {server.name!r} was called, but {NEXT_STEP}"
            )
        self._wonder(heard, server, session, uid)
        call = Call(
            uid,
            session,
            "tools/call",
            (server.tool if server.mcp else said.tool) or "?",
            said.arguments,
            heard.size,
            bool(said.problem),
            ids=said.ids,
            channel="hook",
            deed=None if server.mcp else heard.deed,
            hook_of=heard.agent if heard.caller.agent not in (heard.agent, None) else "",
        )
        return self.gate.check(call, retry=bool(said.ids.get("tool_use")), given=given)

    def _called(self, heard: Heard) -> Called:
        """What a call goes to: an MCP server, behind a gate of ours or not, or the agent itself."""
        if canary.is_canary(heard.said.tool):
            return OWN
        live = self.live()
        own = [each for each in live if self._same(each.caller, heard.caller)]
        others = {each.entry for each in live if each.caller.agent == heard.agent}
        return called(heard.hooks, heard.said, Known(self.around.entries(heard.agent), own, others, self._registered))

    def _registered(self, name: str) -> bool:
        """Does the registry name an MCP server so? `name` is plain."""
        rules = self.gate.rules()
        if rules is not self._named[0]:
            approvals = rules.approvals if rules is not None else ()
            servers = [one for one in approvals if any(each.kind != BUILTIN for each in one.identities)]
            self._named = rules, frozenset(plain(one.name) for one in servers)
        return name in self._named[1]

    def _wonder(self, heard: Heard, server: Called, session: Session, uid: str) -> None:
        """Say once that a tool which is taken for the agent's own could be one of a server that nobody knows."""
        about = heard.agent, heard.said.tool
        if not server.unclear or about in self._wondered:
            return
        if len(self._wondered) >= WONDERED_MAX:
            self._wondered.popitem(last=False)
        self._wondered[about] = None
        detail = {"tool": heard.said.tool, "servers": list(server.unclear), "bytes": heard.size}
        self.gate.note("hook.unclear", session, _with_agent(heard, detail | {"ids": dict(heard.said.ids)}), uid=uid)

    @staticmethod
    def _same(shim: Caller, hook: Caller) -> bool:
        """Do both belong to one run of an agent? Where no process proves which agent it is, its name has to do."""
        return shim.session == hook.session or (not hook.proven and shim.agent == hook.agent)

    def _session(self, heard: Heard, server: Called = OWN) -> Session:
        own = Identified(
            ServerIdentity(BUILTIN, heard.caller.agent or heard.agent), "a tool that the agent brings itself"
        )
        return Session("", heard.caller, server.identity or own, server.name)

    def _remember(self, heard: Heard, asked: Asked) -> None:
        if len(self._asked) >= ASKED_MAX:
            self._asked.popitem(last=False)
        self._asked[_key(heard)] = asked

    def _done(self, heard: Heard) -> None:
        asked = self._asked.pop(_key(heard), None)
        said = heard.said
        detail: dict[str, object] = {"bytes": said.response, "error": said.phase is Phase.FAILED, "ids": dict(said.ids)}
        if asked is not None:
            detail["ms"] = round((time.monotonic() - asked.at) * 1000, 1)
        server = OWN if asked is not None else self._called(heard)
        mcp = asked.mcp if asked is not None else server.mcp
        session = asked.session if asked is not None else self._session(heard, server)
        if not mcp:
            detail["channel"] = "hook"
        uid = asked.uid if asked is not None else _uid(heard)
        self.gate.note("hook.answered" if mcp else "call.answered", session, _with_agent(heard, detail), uid=uid)

    def _tell(self, heard: Heard) -> None:
        said = heard.said
        session = self._session(heard)
        detail: dict[str, object] = {"ids": dict(said.ids), "bytes": heard.size}
        detail |= {name: text for name, text in (("cwd", said.cwd), ("problem", said.problem)) if text}
        detail = _with_agent(heard, detail)
        if said.phase is Phase.PROMPT:
            self.gate.note("prompt.submitted", session, detail, payload={"prompt": said.prompt})
        elif said.phase in (Phase.BEGIN, Phase.END):
            self.gate.note("session.started" if said.phase is Phase.BEGIN else "session.ended", session, detail)
        else:
            self.gate.note("hook.unknown", session, detail | {"event": heard.event})


def _head(data: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ProtocolError("hook", f"sends a head that is not JSON ({error})") from error
    if not isinstance(said, dict) or said.get("version") != frames.VERSION:
        raise ProtocolError("hook", "speaks another protocol", "run `callgate up`")
    return said


def _with_agent(heard: Heard, detail: dict[str, object]) -> dict[str, object]:
    """Say so where the hook of one agent is run by another one, which reads its files."""
    return detail | ({"hook_of": heard.agent} if heard.caller.agent not in (heard.agent, None) else {})


def _key(heard: Heard) -> str:
    """What the events before and after one call have in common: the id, where there is one, and what is called."""
    said = heard.said
    run = heard.caller.session if heard.caller.proven else said.ids.get("session", "")
    parts = [run, said.ids.get("tool_use", ""), said.tool, said.arguments]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _uid(heard: Heard) -> str:
    """The same for the same call, should two hooks see it; that something else is called under an id that was used is
    no such case.
    """
    return (_key(heard)[:16] if heard.said.ids.get("tool_use") else secrets.token_hex(8)) + "-h"


def _body(heard: Heard, verdict: Verdict) -> bytes:
    """The body of the ANSWER: what the client is to do."""
    phase = Phase.ASK if heard.asks and heard.said.phase is None else heard.said.phase
    output = heard.hooks.output(phase, verdict.effect)
    reason = f"Callgate: {verdict.reason} [{verdict.rule}]"
    out = b"" if output.json is None else json.dumps(filled(output.json, reason)).encode()
    err = reason.encode("utf-8", "backslashreplace") if output.speaks else b""
    return bytes((verdict.effect, output.code)) + len(out).to_bytes(4, "little") + out + err
