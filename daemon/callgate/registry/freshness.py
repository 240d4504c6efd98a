"""Pure: how old the rules may be: two clocks, and a local clock that cannot be right."""

from __future__ import annotations

from enum import StrEnum

HOUR = 3600
DAY = 24 * HOUR
CLOCK_SLACK = DAY
"""Seconds by which a local clock may differ from signed times before we say that it is wrong."""
FAR = 365 * DAY
"""Seconds past an expiry from which on a wrong clock is the likelier reason."""


class Freshness(StrEnum):
    """`soft` stale: alert and go on. `hard` stale: only servers that ran before."""

    FRESH = "fresh"
    SOFT = "soft"
    HARD = "hard"


def judge(now: float, proven: float, soft_hours: float, hard_hours: float) -> Freshness:
    """How stale rules are that were last proven current at `proven` (seconds since the epoch). 0 hours: never."""
    age = max(0.0, now - proven)
    if hard_hours and age > hard_hours * HOUR:
        return Freshness.HARD
    if soft_hours and age > soft_hours * HOUR:
        return Freshness.SOFT
    return Freshness.FRESH


def clock_problem(now: float, signed_at: float, expires: float) -> str | None:
    """A sentence if the local clock contradicts what was signed: behind the moment of signing, or years past the
    expiry. Expiry protects nothing while the clock is behind.
    """
    if signed_at and now < signed_at - CLOCK_SLACK:
        days = (signed_at - now) / DAY
        return f"this machine's clock is wrong: it is {days:,.0f} days behind a time that the registry was signed at"
    if expires and now > expires + FAR:
        days = (now - expires) / DAY
        return f"by this machine's clock the registry has expired {days:,.0f} days ago: check the clock first"
    return None
