"""Break-glass: in the log before it holds, bounded, over by itself whatever happens to daemon and clock."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from callgate.model.errors import CallgateError
from callgate.model.event import Event
from callgate.service.breakglass import MINUTE, BreakGlass
from until import until


class Watched:
    """A break-glass whose effects are kept, in order."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self.effects: list[object] = []
        self.events: list[Event] = []
        self.durable = durable
        self.glass = BreakGlass(path, self.effects.append, self.record)

    def record(self, events: list[Event]) -> bool:
        self.events += events
        self.effects += [event.kind for event in events]
        return self.durable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "break-glass.json"


def test_it_is_in_the_log_before_it_holds(path: Path) -> None:
    watched = Watched(path)
    state = watched.glass.begin(30, "the release is blocked", 60)
    assert watched.effects == ["policy.suspended", state["until"]]
    assert state["until"] - state["since"] == 30 * MINUTE
    assert watched.events[0].reason == "the release is blocked" and watched.events[0].detail["minutes"] == 30
    assert watched.glass.end() and not watched.glass.end()
    assert watched.effects[2:] == [0, "policy.resumed"] and watched.glass.state is None and not path.exists()


def test_what_cannot_be_logged_does_not_hold(path: Path) -> None:
    watched = Watched(path, durable=False)
    with pytest.raises(CallgateError, match="log"):
        watched.glass.begin(1, "x", 60)
    assert watched.effects == ["policy.suspended"] and watched.glass.state is None and not path.exists()


@pytest.mark.parametrize(
    ("minutes", "why", "most"),
    [
        (61, "x", 60),
        (0, "x", 60),
        (-1, "x", 60),
        (5, "", 60),
        (5, " ", 60),
        (5, "a\nb", 60),
        (5, "x" * 501, 60),
        (1, "x", 0),
    ],
)
def test_it_is_bounded_and_needs_a_reason(path: Path, minutes: int, why: str, most: float) -> None:
    watched = Watched(path)
    with pytest.raises(CallgateError):
        watched.glass.begin(minutes, why, most)
    assert watched.effects == []


def note(path: Path, since: float, until: float) -> None:
    now = time.time_ns()
    path.write_text(json.dumps({"since": now + int(since * 1e9), "until": now + int(until * 1e9), "why": "x"}))


def test_it_ends_by_itself(path: Path) -> None:
    note(path, -60, 0.2)
    watched = Watched(path)
    watched.glass.load()
    assert watched.glass.state is not None
    until(lambda: watched.glass.state is None, "the end of the time", 10)
    until(lambda: len(watched.effects) == 3, "its row", 10)
    assert watched.effects[1:] == [0, "policy.resumed"] and not path.exists()


def test_the_next_daemon_goes_on_with_what_is_left(path: Path) -> None:
    before = Watched(path)
    state = before.glass.begin(30, "x", 60)
    before.glass.stop()
    after = Watched(path)
    after.glass.load()
    assert after.glass.state == state and after.effects == [state["until"]]
    after.glass.stop()


@pytest.mark.parametrize(("since", "until_"), [(-3600, -1), (3600, 7200)], ids=["over", "clock set back"])
def test_the_next_daemon_ends_what_is_over_and_trusts_no_clock_that_was_set_back(
    path: Path, since: float, until_: float
) -> None:
    note(path, since, until_)
    watched = Watched(path)
    watched.glass.load()
    assert watched.glass.state is None and watched.effects == [0, "policy.resumed"] and not path.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"since": 1}', '{"since": 1, "until": "x", "why": ""}', "[" * 10_000])
def test_a_note_that_makes_no_sense_suspends_nothing(path: Path, text: str) -> None:
    path.write_text(text)
    watched = Watched(path)
    watched.glass.load()
    assert watched.glass.state is None and watched.effects == []


def test_beginning_again_replaces_the_time(path: Path) -> None:
    watched = Watched(path)
    watched.glass.begin(60, "one", 60)
    state = watched.glass.begin(1, "two", 60)
    assert watched.glass.state == state and watched.effects[-1] == state["until"]
    watched.glass.stop()
