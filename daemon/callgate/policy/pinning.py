"""Pure: what a change of a definition may do alone, as a verdict on what is called or shown by it."""

from __future__ import annotations

from dataclasses import dataclass, field

from callgate.model.call import Effect, Verdict
from callgate.model.identity import ServerIdentity
from callgate.model.pin import Change, Kind, PinRules

REASONS_SHOWN = 3
"""Reasons told to an agent's user; `callgate pins diff` shows all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to note about a listing, and what it means for calls (None: nothing)."""

    kind: str
    """Of the event: docs/events.md."""
    name: str
    verdict: Verdict | None
    detail: dict[str, object]


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be done about a listing: by name, what is not as it was approved; and what to note."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def judge(change: Change, rules: PinRules, server: ServerIdentity, kind: Kind, name: str) -> Verdict | None:
    """The verdict on a definition that differs in this way from the pinned one. None if the rules let it pass."""
    if not change.reasons:
        return None
    effect = max(rules.effect(reason.of) for reason in change.reasons)
    if effect is Effect.ALLOW:
        return None
    graver = [reason for reason in change.reasons if rules.effect(reason.of) is effect]
    worst = max(reason.of for reason in graver)
    said = "; ".join(reason.text for reason in graver[:REASONS_SHOWN])
    what = f"the {kind.noun} {name!r} of {server.short}" if name else f"what {server.short} says of itself"
    return Verdict(effect, f"pin.{worst.word}", f"{what} is not as it was approved: {said}")


def unlisted(rules: PinRules, server: ServerIdentity, tool: str) -> Verdict | None:
    """The verdict on a call of a tool that was never listed."""
    if rules.unlisted is Effect.ALLOW:
        return None
    return Verdict(rules.unlisted, "pin.unlisted", f"{server.short} has never listed a tool {tool!r}")
