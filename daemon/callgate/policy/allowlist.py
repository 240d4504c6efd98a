"""Pure: which servers and tools are approved, and what that means for one launch or call."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from callgate.model.call import Effect, Verdict
from callgate.model.identity import BUILTIN, Identified, ServerIdentity
from callgate.model.pin import Kind, Pin, Pins
from callgate.policy import terms
from callgate.policy.labels import NONE, Known, Labels
from callgate.policy.starting import ANY_START, Starting
from callgate.policy.terms import Terms

ANY_TOOL = "*"
KNOWN_MAX = 1024
"""Verdicts on tools that are kept, so that the next call of the same tool finds its own."""
KNOWN_NAME_MAX = 256
"""Characters of a tool's name up to which its verdict is kept: names are chosen by whoever calls."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What the organisation (or, without one, the user) says of one server."""

    name: str
    """The registry's name for it, for people; it allows nothing. (A hook knows by it that an agent's tool is MCP's.)"""
    identities: tuple[ServerIdentity, ...]
    effect: Effect
    tools: Mapping[str, Effect] = field(default_factory=dict)
    """By exact tool name; `*` stands for all others. A tool that is not named at all has the server's effect."""
    pins: Pins = field(default_factory=dict)
    """What was approved of what the server shows. A kind that is left out is pinned by each machine on first use."""
    labels: Mapping[str, Labels] = field(default_factory=dict)
    """What its tools read and do, by tool name; `*` stands for all others."""
    terms: Terms = terms.NONE
    """Who answers for it, its risk, and until when it allows anything."""
    launch: Starting = ANY_START
    """How it may be started."""

    def tool_effect(self, tool: str) -> Effect:
        """The effect of this approval on one tool: never milder than the effect on its server."""
        named = self.tools.get(tool, self.tools.get(ANY_TOOL, self.effect))
        return max(named, self.effect)


@dataclass(frozen=True, slots=True)
class Allowlist:
    """All approvals. What is on none of them is denied."""

    approvals: tuple[Approval, ...] = ()
    only: frozenset[str] | None = None
    """The registry is hard stale: none but these servers (by their full identity) may run. None: no such limit."""
    signed_at: float = 0.0
    """When the owner signed these rules (seconds since the epoch): a clock that is behind that is not believed."""

    _index: Mapping[tuple[str, str], Sequence[Approval]] = field(init=False, repr=False, compare=False)
    """By kind and name: a call must not have to look at thousands of approvals."""
    _verdicts: dict[tuple[Identified, str], Verdict] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        index: dict[tuple[str, str], list[Approval]] = {}
        for approval in self.approvals:
            for key in dict.fromkeys((known.kind, known.name) for known in approval.identities):
                index.setdefault(key, []).append(approval)
        object.__setattr__(self, "_index", index)

    def known(self, identity: ServerIdentity, tool: str = "") -> Known:
        """What is said of a server and a tool of it: the name in the first approval that reaches it, all labels."""
        matching = self.of(identity)
        if not matching:
            return Known()
        labels = [approval.labels.get(tool, approval.labels.get(ANY_TOOL, NONE)) for approval in matching]
        return Known(matching[0].name, frozenset[str]().union(*labels))

    def pins(self, identity: ServerIdentity, kind: Kind) -> Sequence[Mapping[str, Pin]]:
        """The pins of one kind that the approvals of a server have, by name; none if none of them has any."""
        return [approval.pins[kind] for approval in self.of(identity) if kind in approval.pins]

    def launches(self, identity: ServerIdentity) -> Sequence[Approval]:
        """The approvals of a server that say how it may be started."""
        return [approval for approval in self.of(identity) if approval.launch != ANY_START]

    def versions(self, identity: ServerIdentity) -> Sequence[ServerIdentity]:
        """The exact versions in which a package may run, as they are named: the last one is what floats become."""
        if identity.kind not in ("npm", "pypi", "oci"):
            return []
        near = self._index.get((identity.kind, identity.name), ())
        exact = [one for approval in near for one in approval.identities if one.version]
        same = [one for one in exact if (one.kind, one.name) == (identity.kind, identity.name)]
        return [one for one in dict.fromkeys(same) if self.effect(one) is not Effect.DENY]

    def effect(self, identity: ServerIdentity) -> Effect:
        """The effect on a server; deny if it is on no entry."""
        return max((approval.effect for approval in self.of(identity)), default=Effect.DENY)

    def allowed(self) -> Sequence[Approval]:
        """All approvals that deny nothing."""
        return [approval for approval in self.approvals if approval.effect is not Effect.DENY]

    def server(self, found: Identified, now: float = math.inf) -> Verdict:
        """May this server run at all? `now` is in seconds since the epoch; without it, what may end has ended."""
        return self._server(found, self.of(found.server), now)

    def _server(self, found: Identified, matching: Sequence[Approval], now: float) -> Verdict:
        if not matching and found.server.kind == BUILTIN:
            return Verdict(Effect.ALLOW, BUILTIN, "the agent's own tools are allowed unless a rule denies them")
        if not matching:
            return Verdict(
                Effect.DENY, "server.unapproved", f"{found.server.short} is not on the allowlist ({found.evidence})"
            )
        worst = max(matching, key=lambda approval: approval.effect)
        stopped = self.only is not None and str(found.server) not in self.only and found.server.kind != BUILTIN
        if stopped and worst.effect is not Effect.DENY:
            why = f"{found.server.short} never ran here, and for too long nobody could say whether it is still approved"
            return Verdict(Effect.DENY, "registry.stale", why)
        if worst.effect is not Effect.DENY and all(self._ended(one, now) for one in matching):
            return _expired(found, max(matching, key=lambda approval: approval.terms.ends))
        if worst.effect is Effect.ALLOW:
            return Verdict(
                Effect.ALLOW, f"server.approved:{worst.name}", f"{found.server.short} is approved as {worst.name}"
            )
        return Verdict(
            worst.effect,
            f"server.{worst.effect.word}:{worst.name}",
            f"{found.server.short} {_said(worst.effect, worst.name)}",
        )

    def tool(self, found: Identified, tool: str, now: float = math.inf) -> Verdict:
        """May this tool of this server be called? A server that may not run has no tool that may be called."""
        verdict = self._verdicts.get((found, tool))
        if verdict is None:
            matching = self.of(found.server)
            verdict = self._tool(found, tool, matching, now)
            if len(tool) <= KNOWN_NAME_MAX and all(math.isinf(one.terms.ends) for one in matching):
                if len(self._verdicts) >= KNOWN_MAX:
                    self._verdicts.clear()
                self._verdicts[found, tool] = verdict
        return verdict

    def of(self, identity: ServerIdentity) -> Sequence[Approval]:
        """The approvals that reach a server, in the registry's order."""
        return [
            approval
            for approval in self._index.get((identity.kind, identity.name), ())
            if any(known.covers(identity) for known in approval.identities)
        ]

    def _ended(self, approval: Approval, now: float) -> bool:
        return approval.terms.ends <= max(now, self.signed_at) and not math.isinf(approval.terms.ends)

    def _tool(self, found: Identified, tool: str, matching: Sequence[Approval], now: float) -> Verdict:
        verdict = self._server(found, matching, now)
        if verdict.effect is Effect.DENY or not matching:
            return verdict
        worst = max(matching, key=lambda approval: approval.tool_effect(tool))
        effect = worst.tool_effect(tool)
        if effect is Effect.ALLOW:
            return Verdict(effect, f"tool.approved:{worst.name}", f"{tool!r} of {worst.name} is approved")
        return Verdict(effect, f"tool.{effect.word}:{worst.name}", f"{tool!r} {_said(effect, worst.name)}")


def _expired(found: Identified, latest: Approval) -> Verdict:
    whom = f"; {latest.terms.owner} may renew it" if latest.terms.owner else ""
    why = f"the approval of {found.server.short} as {latest.name} ended on {latest.terms.until}{whom}"
    return Verdict(Effect.DENY, f"server.expired:{latest.name}", why)


def _said(effect: Effect, name: str) -> str:
    what = "is held for an approval" if effect is Effect.ASK else "is denied"
    return f"{what} by the registry entry {name}"
