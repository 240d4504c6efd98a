"""Canaries are known by their name alone, and refused by a rule of their own."""

import pytest
from callgate.model.call import Effect
from callgate.policy import canary


def test_a_canary_is_refused_by_its_own_rule() -> None:
    assert (canary.VERDICT.effect, canary.VERDICT.rule) == (Effect.DENY, "canary")
    assert canary.is_canary(canary.PREFIX + "0a1b")


@pytest.mark.parametrize("name", [None, "", "canary", "callgate", "x" + canary.PREFIX, canary.PREFIX.upper()])
def test_other_names_are_no_canaries(name: str | None) -> None:
    assert not canary.is_canary(name)
