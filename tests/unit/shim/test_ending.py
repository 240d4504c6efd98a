"""A server is told to end in ever firmer ways, and the last one comes in a bounded time."""

from __future__ import annotations

import signal

from callgate.shim.ending import EOF_GRACE, EOF_LIMIT, TERM_GRACE, Ending


def test_a_silent_server_gets_the_signals_one_after_the_other() -> None:
    ending = Ending()
    assert ending.due(1e9) == 0
    ending.input_closed(0)
    assert ending.due(EOF_GRACE - 0.1) == 0
    assert ending.due(EOF_GRACE) == signal.SIGTERM
    assert ending.due(EOF_GRACE + TERM_GRACE - 0.1) == 0
    assert ending.due(EOF_GRACE + TERM_GRACE) == signal.SIGKILL
    assert not ending.hopeless
    assert ending.due(EOF_GRACE + 2 * TERM_GRACE) == signal.SIGKILL
    assert ending.due(EOF_GRACE + 3 * TERM_GRACE) == signal.SIGKILL
    assert ending.hopeless


def test_a_server_that_still_works_is_given_time_but_not_for_ever() -> None:
    ending = Ending()
    ending.input_closed(0)
    now = 0.0
    while ending.due(now) == 0:
        ending.heard(now)
        now += EOF_GRACE / 2
    assert EOF_LIMIT <= now < EOF_LIMIT + EOF_GRACE


def test_after_a_signal_only_sigkill_is_left() -> None:
    ending = Ending()
    ending.told(0)
    ending.heard(0.1)
    assert ending.due(TERM_GRACE - 0.1) == 0
    assert ending.due(TERM_GRACE) == signal.SIGKILL
