"""The daemon signs at its start and end, and says when the clock is not what it was."""

from __future__ import annotations

import signal
import time

import pytest
from callgate.audit.store import Writer
from callgate.model.event import Event
from callgate.service import checkpoints
from callgate.service.devicekey import public_key
from callgate.service.offline import verify_offline
from callgate.settings import Durability
from installation import Installation

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
HOUR = 3600 * 10**9


def test_every_start_and_stop_is_signed_and_a_clock_behind_the_log_is_said() -> None:
    with Installation() as place:
        place.folders.make()
        writer = Writer.open(place.folders.audit, Durability.COMMIT)
        writer.append(Event("call.asked", time.time_ns() + HOUR))
        writer.close()
        place.start()
        (jumped,) = place.rows(kind="clock.jumped")
        assert "behind the newest row" in jumped["reason"] and int(jumped["detail"]["by"]) < 0
        place.signal(signal.SIGTERM)
        place.start()
        whys = [row["detail"]["why"] for row in place.rows(kind="log.checkpoint")]
        assert whys[:1] == ["start"] and "stop" in whys and whys[-1] == "start"
        place.kill()
        found = verify_offline(place.folders)
        assert found["ok"] and found["signed"]["rows"] >= found["rows"] - 1
        assert public_key(place.folders) is not None


def test_the_clocks_are_compared_in_nanoseconds() -> None:
    before = checkpoints._parted()
    assert abs(checkpoints._parted() - before) < checkpoints.CLOCK_SLACK
