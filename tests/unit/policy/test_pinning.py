"""What a change may do alone."""

from __future__ import annotations

import pytest
from callgate.model.call import Effect
from callgate.model.identity import ServerIdentity
from callgate.model.pin import Change, ChangeClass, Kind, PinRules, Reason
from callgate.policy import pinning

SERVER = ServerIdentity("npm", "files", "1.0.0")
PASSES = {ChangeClass.COSMETIC, ChangeClass.TEXT, ChangeClass.NARROWING, ChangeClass.FIRST, ChangeClass.ADDED}


def change(*classes: ChangeClass) -> Change:
    return Change(tuple(Reason(of, f"because {of.word}", "hostile") for of in classes))


@pytest.mark.parametrize("of", ChangeClass)
def test_by_default_wording_passes_and_power_is_held(of: ChangeClass) -> None:
    verdict = pinning.judge(change(of), PinRules(), SERVER, Kind.TOOL, "read")
    assert (verdict is None) == (of in PASSES)
    if verdict:
        assert (verdict.effect, verdict.rule) == (Effect.DENY, f"pin.{of.word}")
        assert "'read' of npm:files@1.0.0" in verdict.reason and f"because {of.word}" in verdict.reason
        assert "hostile" not in verdict.reason


def test_the_gravest_effect_counts_and_not_the_gravest_class() -> None:
    rules = PinRules(text=Effect.DENY, capability=Effect.ASK)
    verdict = pinning.judge(change(ChangeClass.CAPABILITY, ChangeClass.TEXT), rules, SERVER, Kind.TOOL, "read")
    assert verdict and (verdict.effect, verdict.rule) == (Effect.DENY, "pin.text")


def test_no_difference_is_no_verdict() -> None:
    strict = PinRules(*[Effect.DENY] * 10)
    assert pinning.judge(Change(()), strict, SERVER, Kind.TOOL, "read") is None


def test_a_tool_that_was_never_listed_is_judged_by_its_own_rule() -> None:
    assert pinning.unlisted(PinRules(), SERVER, "read") is None
    verdict = pinning.unlisted(PinRules(unlisted=Effect.ASK), SERVER, "read")
    assert verdict and (verdict.effect, verdict.rule) == (Effect.ASK, "pin.unlisted")
