"""Two clocks, and a local clock that cannot be right."""

from __future__ import annotations

import pytest
from callgate.registry.freshness import DAY, HOUR, Freshness, clock_problem, judge

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("hours", "soft", "hard", "level"),
    [
        (0, 24, 72, Freshness.FRESH),
        (24, 24, 72, Freshness.FRESH),
        (24.01, 24, 72, Freshness.SOFT),
        (72, 24, 72, Freshness.SOFT),
        (72.01, 24, 72, Freshness.HARD),
        (1e6, 0, 0, Freshness.FRESH),
        (1e6, 24, 0, Freshness.SOFT),
        (80, 0, 72, Freshness.HARD),
        (80, 100, 72, Freshness.HARD),
        (-500, 24, 72, Freshness.FRESH),
    ],
)
def test_rules_grow_stale_by_two_clocks(hours: float, soft: float, hard: float, level: Freshness) -> None:
    assert judge(NOW, NOW - hours * HOUR, soft, hard) is level


def test_rules_that_were_never_proven_current_are_as_stale_as_can_be() -> None:
    assert judge(NOW, 0.0, 24, 72) is Freshness.HARD


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (NOW, None),
        (NOW - DAY / 2, None),
        (NOW + 3 * DAY, None),
        (NOW + 300 * DAY, None),
        (NOW - 2 * DAY, "2 days behind"),
        (NOW - 3650 * DAY, "3,650 days behind"),
        (NOW + 5000 * DAY, "check the clock"),
    ],
)
def test_a_clock_that_contradicts_signed_times_is_said(now: float, said: str | None) -> None:
    problem = clock_problem(now, NOW, NOW + 3 * DAY)
    assert problem is None if said is None else problem is not None and said in problem


def test_a_registry_that_says_no_times_says_nothing_of_the_clock() -> None:
    assert clock_problem(NOW, 0.0, 0.0) is None
