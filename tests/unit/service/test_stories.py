"""Runs of agents as the local API and the command tell them, over a real daemon's log."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from callgate.audit.store import Reader, Writer
from callgate.model.errors import CallgateError
from callgate.model.event import Event
from callgate.service.stories import Stories
from callgate.service.story_page import render
from callgate.settings import Durability
from command import Cli
from installation import Installation

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
EVIL = "<script>alert(1)</script>\u202e\x1b[31m{x}[red]"


def rows(session: str, now: int) -> list[Event]:
    """One run whose model asked for one call, and in which another one came unasked."""
    said: dict[str, Any] = {"session": session, "agent": "x", "user": "ada"}
    use = {"id": "t1", "name": "mcp__s__echo", "digest": "aa"}
    judged = {"entry": "s", "server": "npm:s", "effect": "allow", "mode": "enforce"}
    return [
        Event("session.started", now, **said),
        Event("prompt.submitted", now + 1, **said, detail={"payload": {"digest": "p"}}),
        Event(
            "model.answered", now + 2, uid="m1", **said, detail={"tool_uses": [use], "input_tokens": 9, "model": EVIL}
        ),
        Event("call.asked", now + 3, uid="c1", tool=EVIL, **said, **judged, detail={"payload": {"digest": "bb"}}),
        Event("call.asked", now + 4, uid="c2", tool="echo", **said, **judged, detail={"ids": {"tool_use": "t1"}}),
        Event("call.answered", now + 5, uid="c2", **said, detail={"ms": 3.5, "bytes": 7, "error": False}),
    ]


@pytest.fixture
def place() -> Iterator[Installation]:
    with Installation() as made, socket.create_server(("127.0.0.1", 0)) as one:
        made.settle(f"[http]\nport = {one.getsockname()[1]}\n")
        yield made


def test_a_run_is_told_and_what_nobody_asked_for_is_found_once(place: Installation, tmp_path: Path) -> None:
    place.folders.make()
    place.start()
    place.signal(15)
    writer = Writer.open(place.folders.audit, Durability.COMMIT)
    now = time.time_ns()
    for event in rows("run-1", now):
        writer.append(event)
    writer.commit()
    writer.close()
    place.start()
    (listed,) = place.client.sessions()["sessions"]
    assert (listed["session"], listed["agent"], listed["calls"]) == ("run-1", "x", 2)
    story = place.client.session("run")
    assert [item["type"] for item in story["items"]] == ["event", "call", "call"]
    assert story["joined"] == 1 and story["channels"] == ["mcp", "model"] and story["tokens"]["input"] == 9
    joined = next(item for item in story["items"] if item.get("method"))
    assert joined["method"] == "id" and joined["result"]["ms"] == 3.5
    assert [one["kind"] for one in story["findings"]] == ["finding.unasked"]
    page = render(story)
    assert "<script>" not in page and "\x1b" not in page and "\u202e" not in page
    cli = Cli(place)
    told = cli("session", "run-1")
    assert told.code == 0 and "joined by id" in told.out and "\x1b[31m" not in told.out, told
    assert json.loads(cli("session", "run-1", "--format", "json").out)["calls"] == 2
    file = tmp_path / "story.html"
    assert (
        cli("session", "run-1", "--format", "html", "-o", str(file)).code == 0 and "A session of x" in file.read_text()
    )
    assert "is not in the log" in cli("session", "nobody").line
    with pytest.raises(CallgateError, match="not in the log"):
        place.client.session("zzz")


class Here:
    """The two things that the part needs of a daemon, over a real log."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.reader = writer, Reader(writer.path)
        self.written: list[str] = []

    def record(self, events: list[Event]) -> bool:
        for event in events:
            self.writer.append(event)
            self.written.append(event.kind)
        self.writer.commit()
        return True


def test_a_disagreement_is_written_down_once_also_by_the_next_daemon(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    writer = Writer.open(tmp_path / "audit.db", Durability.COMMIT)
    here = Here(writer)
    part = Stories(here)  # type: ignore[arg-type]
    part.start()
    for event in rows("run-2", time.time_ns()):
        writer.append(event)
    writer.commit()
    part.look()
    part.look()
    assert here.written == ["finding.unasked"]
    again = Stories(here)  # type: ignore[arg-type]
    again.start()
    again.look()
    assert here.written == ["finding.unasked"]
    writer.close()
