"""Waiting in tests: until something is so, and never longer than it may take."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that any wait of a test may take."""
STEP = 0.01


def until(ready: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """Wait until `ready` gives something true, and return it; fail, saying what was waited for, when time is over."""
    end = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        select.select([], [], [], STEP)
    return found
