"""Pure: the ladder of the gate (design, section 6): from a launch, a call or a doubt to one verdict with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from callgate.model.call import Effect, Mode, Verdict
from callgate.model.identity import Identified
from callgate.model.startup import Startup
from callgate.policy.allowlist import Allowlist

UNAPPROVED = "server.unapproved"


def judge_launch(
    rules: Allowlist | None, found: Identified, on_doubt: Effect, now: float, startup: Startup | None = None
) -> Verdict:
    """May this server be started? With what was found of its start: is it as it was approved? `now`: seconds since the
    epoch.
    """
    if rules is None:
        return no_policy(on_doubt)
    if startup is None:
        return rules.server(found, now)
    if startup.rules is not rules:
        return Verdict(Effect.DENY, "server.unexamined", "the rules changed while it was looked at: start it again")
    verdict = rules.server(startup.instead.server if startup.instead else found, now)
    if startup.refusal is not None and verdict.rule == UNAPPROVED:
        return startup.refusal
    verdict = stricter(verdict, startup.refusal) if startup.refusal is not None else verdict
    if verdict.effect is not Effect.ALLOW:
        return verdict
    if startup.instead is None:
        return replace(verdict, program=startup.program)
    why = f"{found.server.short} is started as {startup.instead.server.server.short}: {verdict.reason}"
    return Verdict(verdict.effect, verdict.rule, why, startup.instead.argv, startup.program)


def judge_call(
    rules: Allowlist | None,
    found: Identified,
    tool: str | None,
    on_doubt: Effect,
    now: float,
    pin: Verdict | None = None,
) -> Verdict:
    """May this tool be called? A call that names no tool cannot be judged, and so is denied. `pin` is the verdict on
    the tool's definition, if that is not as it was approved.
    """
    if rules is None:
        return no_policy(on_doubt)
    if tool is None:
        return Verdict(Effect.DENY, "call.unnamed", "the call names no tool")
    verdict = rules.tool(found, tool, now)
    return pin if pin is not None and pin.effect > verdict.effect else verdict


def judge_listing(
    rules: Allowlist | None,
    found: Identified,
    tools: Iterable[str],
    on_doubt: Effect,
    now: float,
    pins: Mapping[str, Verdict],
) -> list[str]:
    """The tools that an agent is not shown: those that it may not call. A tool that needs asking is shown."""
    return [
        tool for tool in tools if judge_call(rules, found, tool, on_doubt, now, pins.get(tool)).effect is Effect.DENY
    ]


def stricter(before: Verdict, after: Verdict) -> Verdict:
    """The verdict of two rungs: the more severe one; of two equal ones that of the lower rung, which came first."""
    return after if after.effect > before.effect else before


def no_policy(on_doubt: Effect) -> Verdict:
    """There is no registry that could be read: doubt decides."""
    return doubt(on_doubt, "there is no readable registry")


def doubt(on_doubt: Effect, why: str) -> Verdict:
    """What a call gets that cannot be decided."""
    return Verdict(on_doubt, "doubt", f"{why}; on_doubt = {on_doubt.word}")


def applied(verdict: Verdict, mode: Mode) -> Verdict:
    """What is really done: in observe mode everything passes, and the reason says what would have happened."""
    if mode is Mode.ENFORCE:
        return verdict
    if verdict.effect is Effect.ALLOW:
        return replace(verdict, argv=(), program="") if verdict.argv or verdict.program else verdict
    return Verdict(Effect.ALLOW, verdict.rule, f"observed only, would {verdict.effect.word}: {verdict.reason}")
