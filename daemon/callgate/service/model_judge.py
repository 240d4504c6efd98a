"""Decides requests to models and writes them down: the model leg's side of the gate."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from callgate.audit.payload import Kept, keep
from callgate.audit.redact import redact
from callgate.model.call import Call, Caller, Mode, Session, Verdict
from callgate.model.channel import Secrets
from callgate.model.event import Event
from callgate.model.identity import Identified, ServerIdentity
from callgate.modelproxy.dialects.turn import NAME_MAX, Said, ToolUse
from callgate.modelproxy.reading import BODY_MAX, read_object
from callgate.policy import canary, ladder, models
from callgate.server.model_leg import Turn
from callgate.service.running import Running
from callgate.session.recent import Recent, Use
from callgate.settings import Payload

_MARK = re.compile(r"\[redacted:([a-z-]+):[0-9a-f]{6}\]")
"""Kinds of marks that are personal data, which a prompt may well hold."""
CALLERS_MAX = 4096
"""Processes whose agent is remembered."""


class ModelJudge:
    """One for the daemon. Its methods block; they are called on threads of a pool."""

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._lock = threading.Lock()
        self._boot = os.urandom(4).hex()
        self._last = 0
        self._callers: dict[str, Caller] = {}
        self._recent = Recent()
        self._told: dict[str, int] = {}
        """Of each turn that is being answered: characters of calls that were taken up."""

    def next_uid(self) -> str:
        """An id for a turn: unique on this machine."""
        with self._lock:
            self._last += 1
            return f"model-{self._boot}-{self._last}"

    def judge(self, turn: Turn) -> Verdict:
        """What applies to a request, after its row is durable."""
        daemon, settings = self._daemon, self._daemon.settings
        rules, host = settings.model, turn.route.host
        found = self._secrets(turn) if rules.secrets is Secrets.DENY else []
        verdict = models.judge(rules, host, turn.asked.model if turn.asked else None, found)
        caller = daemon.survey.caller(turn.peer, turn.route.agent)
        if turn.asked is not None and canary.is_canary(turn.asked.model):
            return self._canary(turn, turn.asked.model, caller)
        with self._lock:
            self._callers[turn.uid] = caller
            while len(self._callers) > CALLERS_MAX:
                del self._callers[next(iter(self._callers))]
        kept = self._kept({"prompt": turn.asked.prompt} if turn.asked and turn.asked.prompt else None)
        event = self._event("model.asked", turn, caller, verdict, _asked(turn, found))
        if not daemon.on_gate(lambda: daemon.gate.record(event, kept)):
            return ladder.applied(ladder.doubt(settings.on_doubt, "the audit log cannot be written"), settings.mode)
        return ladder.applied(verdict, settings.mode)

    def heard(self, turn: Turn, uses: Sequence[ToolUse]) -> None:
        """Take up the calls that the model has asked for so far."""
        size = sum(len(use.name) + len(use.arguments) for use in uses)
        with self._lock:
            caller = self._callers.get(turn.uid)
            if caller is None or self._told.get(turn.uid) == size:
                return
            self._told[turn.uid] = size
            self._recent.spoke(caller.session, [one for use in uses for one in self._asked_for(use)])

    def asked(self, call: Call, digest: str) -> str:
        """Did the model ask for this call? See `Recent.asked`."""
        session, tool = call.session, call.tool or ""
        names = (tool,) if call.deed is not None else (f"{session.entry} {tool}", f"mcp {session.entry} {tool}")
        ids = (id for id in (call.ids.get("tool_use"), call.ids.get("call")) if id)
        with self._lock:
            return self._recent.asked(session.caller.session, names, ids, digest)

    def _asked_for(self, use: ToolUse) -> list[Use]:
        said = self._use(use)
        digest, inner = str(said.get("digest", "")), str(said.get("inner_digest", ""))
        found = [Use(use.id, use.name, digest)] if digest else []
        return [*found, Use(use.id, str(said["inner_name"]), inner)] if inner else found

    def _canary(self, turn: Turn, name: str, caller: Caller) -> Verdict:
        """Refuse a canary, in whatever mode; without its row it proves nothing."""
        daemon = self._daemon
        server = Identified(ServerIdentity("url", turn.route.host), "the model's API")
        session = Session(turn.uid, replace(caller, agent=turn.route.agent), server, "")
        said = {"channel": "model", "pid": caller.pid}

        def job() -> None:
            daemon.gate.refuse(session, said, name)

        daemon.on_gate(job)
        return canary.VERDICT

    def answered(self, turn: Turn, said: Said, size: int, problem: str) -> None:
        """An answer has passed, or as much of it as came."""
        daemon = self._daemon
        with self._lock:
            caller = self._callers.pop(turn.uid, None)
            self._told.pop(turn.uid, None)
        now = time.monotonic()
        detail: dict[str, object] = {
            "host": turn.route.host,
            "model": said.model or (turn.asked.model if turn.asked else ""),
            "status": turn.status,
            "ms": round((now - turn.began) * 1000, 1),
            "bytes": size,
        }
        if turn.first:
            detail["first_ms"] = round((turn.first - turn.began) * 1000, 1)
        for name, value in (("input_tokens", said.input_tokens), ("output_tokens", said.output_tokens)):
            if value:
                detail[name] = value
        for name, text in (("stop", said.stop), ("error", self._plain(said.error)), ("problem", problem)):
            if text:
                detail[name] = text
        if said.tool_uses:
            detail["tool_uses"] = [self._use(use) for use in said.tool_uses]
        whole: dict[str, object] = {"text": said.text} if said.text else {}
        if said.tool_uses:
            whole["tool_uses"] = [_with_arguments(use) for use in said.tool_uses]
        kept = self._kept(whole or None)
        event = self._event("model.answered", turn, caller, None, detail)
        daemon.on_gate(lambda: daemon.gate.record(event, kept))

    def _event(
        self, kind: str, turn: Turn, caller: Caller | None, verdict: Verdict | None, detail: Mapping[str, object]
    ) -> Event:
        mode: Mode = self._daemon.settings.mode
        return Event(
            kind,
            time.time_ns(),
            uid=turn.uid,
            session=caller.session if caller else "",
            agent=(caller.agent if caller else None) or turn.route.agent,
            effect=verdict.effect.word if verdict else "",
            rule=verdict.rule if verdict else "",
            reason=verdict.reason if verdict else "",
            mode=mode.value if verdict else "",
            user=caller.user if caller else "",
            detail=detail,
        )

    def _use(self, use: ToolUse) -> dict[str, object]:
        """A call that the model asks for, with the digest that the row of the call itself will have."""
        said: dict[str, object] = {"id": use.id, "name": use.name}
        arguments = read_object(use.arguments.encode("utf-8", "surrogatepass")) if not use.cut else None
        if isinstance(arguments, dict):
            said["digest"] = self._digest(arguments)
            name, inner = arguments.get("name"), arguments.get("arguments")
            if isinstance(name, str) and isinstance(inner, dict):  # a tool that calls the tool of that name
                said |= {"inner_name": name[:NAME_MAX], "inner_digest": self._digest(inner)}
        elif use.cut:
            said["cut"] = True
        return said

    def _digest(self, arguments: dict[str, object]) -> str:
        kept = keep(arguments, Payload.DIGEST, 0, self._daemon.key)
        return kept.digest if kept else ""

    def _kept(self, value: dict[str, object] | None) -> Kept | None:
        if value is None:
            return None
        audit = self._daemon.settings.audit
        return keep(value, audit.payload, audit.payload_max, self._daemon.key, audit.personal)

    def _secrets(self, turn: Turn) -> list[str]:
        """The kinds of secrets in a whole request: the conversation so far goes to the model with each one."""
        if turn.body is None:
            return []
        plain, count = redact(turn.body, self._daemon.key, BODY_MAX, people=False)
        return _MARK.findall(json.dumps(plain)) if count else []

    def _plain(self, text: str) -> str:
        """A model's own words without secrets, as far as a row holds them."""
        if self._daemon.settings.audit.payload in (Payload.NONE, Payload.DIGEST):
            return "[cut]" if text else ""
        plain, _ = redact(text, self._daemon.key, 1000)
        return str(plain)


def _asked(turn: Turn, secrets: list[str]) -> dict[str, object]:
    detail: dict[str, object] = {"host": turn.route.host, "dialect": turn.dialect.name, "bytes": turn.size}
    if turn.unread:
        detail["unread"] = turn.unread
    if secrets:
        detail["secrets"] = sorted(set(secrets))
    if (asked := turn.asked) is not None:
        detail["model"] = asked.model
        detail["tools"] = len(asked.tools)
        for name, value in (("system", asked.system), ("conversation", asked.session)):
            if value:
                detail[name] = value
        if asked.results:
            detail["results"] = [
                {"id": one.id, "bytes": one.size, **({"error": True} if one.error else {})} for one in asked.results
            ]
    return detail


def _with_arguments(use: ToolUse) -> dict[str, object]:
    arguments = read_object(use.arguments.encode("utf-8", "surrogatepass"))
    return {"name": use.name, "arguments": arguments if isinstance(arguments, dict) else use.arguments}
