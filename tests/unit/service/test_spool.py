"""What shims spooled becomes rows exactly once, and nothing that lies in the folder can hurt."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from callgate.audit.kinds.record import problems
from callgate.audit.store import Filter, Reader, Writer
from callgate.model.event import Event, Row
from callgate.service import spool
from callgate.service.backend import row_json
from callgate.service.spool import TAKEN, Intake
from callgate.settings import Durability
from callgate.shim.spool import Spool

HELLO = {"uid": "0123456789abcdef", "launcher": "claude-code", "entry": "notes", "argv": ["npx", "notes"]}
KEY = b"k" * 32
ENOUGH = 30.0


class Crash(Exception):
    """Stands for the end of the process at this point."""


class Place:
    """A spool folder, and a log that takes its rows."""

    def __init__(self, root: Path) -> None:
        root.chmod(0o700)
        self.folder = root / "spool"
        self.folder.mkdir()
        self.audit = root / "audit.db"
        self.writer = Writer.open(self.audit, Durability.COMMIT)
        self.intake = self.fresh()
        self.fails = 0
        """So many transactions fail."""
        self.crashes = False
        """The process ends right after the next commit."""

    def fresh(self) -> Intake:
        """What a daemon that starts now would use."""
        rows = Reader(self.audit).recent(TAKEN)
        taken = {str(row.event.detail["file"]): dict(row.event.detail) for row in rows}
        return Intake(self.folder, taken, self.record, lambda: 7, KEY)

    def record(self, events: list[Event]) -> bool:
        if self.fails:
            self.fails -= 1
            return False
        for event in events:
            self.writer.append(event)
        self.writer.commit()
        if self.crashes:
            self.crashes = False
            raise Crash
        return True

    def shim(self, uid: str = "0123456789abcdef") -> Spool:
        return Spool(str(self.folder), uid, "enforce", json.dumps(HELLO | {"uid": uid}).encode())

    def rows(self, kind: str = "call.asked") -> list[Row]:
        return list(Reader(self.audit).rows(Filter(kind=kind)))

    def tools(self) -> list[str]:
        return [row.event.tool for row in self.rows()]

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.writer.close()
    assert Reader(place.audit).verify().ok


def decision(tool: str, **more: object) -> dict[str, object]:
    return {"call": f"0123456789abcdef-{tool}", "tool": tool, "effect": "deny", "reason": "the gate is away", **more}


def test_each_decision_becomes_a_row_that_says_who_and_the_file_goes(place: Place) -> None:
    shim = place.shim()
    assert shim.record(decision("a")) and shim.record(decision("b", effect="allow"))
    assert place.intake.run(ENOUGH) == 2
    assert place.files() == []
    row = place.rows()[0].event
    assert (row.uid, row.agent, row.entry, row.tool, row.effect, row.mode, row.rule, row.reason) == (
        "0123456789abcdef-a", "claude-code", "notes", "a", "deny", "enforce", "doubt", "the gate is away",
    )  # fmt: skip
    assert row.detail["spooled"] is True and row.detail["argv"] == ["npx", "notes"] and row.time > 10**18
    assert place.tools() == ["a", "b"]
    assert place.intake.run(ENOUGH) == 0


def test_a_launch_that_was_decided_is_a_row_too(place: Place) -> None:
    place.shim().record({"effect": "deny", "reason": "away"})
    place.intake.run(ENOUGH)
    (row,) = place.rows("server.launched")
    assert row.event.uid == "0123456789abcdef" and row.event.effect == "deny"


def test_a_shim_goes_on_after_its_file_was_taken_in(place: Place) -> None:
    shim = place.shim()
    for tool in ("a", "b", "c"):
        shim.record(decision(tool))
        place.intake.run(ENOUGH)
    assert place.tools() == ["a", "b", "c"] and place.files() == []
    assert {row.event.entry for row in place.rows()} == {"notes"}


def test_secrets_on_the_command_line_do_not_reach_the_log(place: Place) -> None:
    argv = ["npx", "notes", "--api-key", "s3cret-value-1234"]
    Spool(str(place.folder), "x", "enforce", json.dumps(HELLO | {"argv": argv}).encode()).record(decision("a"))
    place.intake.run(ENOUGH)
    assert "s3cret" not in str(place.rows()[0].event.detail)


def test_a_crash_between_commit_and_removal_doubles_no_row(place: Place) -> None:
    shim = place.shim()
    shim.record(decision("a"))
    place.crashes = True
    with pytest.raises(Crash):
        place.intake.run(ENOUGH)
    assert place.files() and place.tools() == ["a"]
    assert place.fresh().run(ENOUGH) == 0
    assert place.files() == [] and place.tools() == ["a"]


def test_what_a_shim_adds_after_such_a_crash_is_taken_in_alone_and_still_says_who(place: Place) -> None:
    shim = place.shim()
    shim.record(decision("a"))
    place.crashes = True
    with pytest.raises(Crash):
        place.intake.run(ENOUGH)
    shim.record(decision("b"))
    assert place.fresh().run(ENOUGH) == 1
    assert place.tools() == ["a", "b"]
    assert place.rows()[1].event.entry == "notes" and place.rows()[1].event.agent == "claude-code"


def test_a_file_with_other_content_under_the_name_of_one_that_was_taken_in_is_new(place: Place) -> None:
    place.shim().record(decision("a"))
    place.crashes = True
    with pytest.raises(Crash):
        place.intake.run(ENOUGH)
    (file,) = place.folder.iterdir()
    file.unlink()
    for tool in ("x", "y", "z"):
        place.shim().record(decision(tool))
    assert place.fresh().run(ENOUGH) == 3
    assert place.tools() == ["a", "x", "y", "z"]


def test_a_log_that_cannot_be_written_leaves_the_file_for_the_next_time(place: Place) -> None:
    place.shim().record(decision("a"))
    place.fails = 1
    assert place.intake.run(ENOUGH) == 0 and place.files()
    assert place.intake.run(ENOUGH) == 1 and not place.files()
    assert place.tools() == ["a"]


@pytest.mark.parametrize("trouble", ["none", "crash at each slice", "fail at each slice", "no time"])
def test_a_long_file_is_taken_in_by_slices_each_line_once_whatever_happens(place: Place, trouble: str) -> None:
    shim = place.shim()
    wanted = [f"tool-{number}" for number in range(3000)]
    for tool in wanted:
        shim.record(decision(tool, padding="p" * 100))
    assert (place.folder / "0123456789abcdef.jsonl").stat().st_size > 4 * spool.SLICE
    for _ in range(100):
        place.crashes, place.fails = trouble.startswith("crash"), int(trouble.startswith("fail"))
        try:
            place.intake.run(0 if trouble == "no time" else ENOUGH)
            if trouble.startswith("fail"):
                place.intake.run(0)
        except Crash:
            place.intake = place.fresh()
        if not place.files():
            break
    assert place.tools() == wanted
    assert len(place.rows(TAKEN)) > 4


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_torn_last_line_is_told_and_the_whole_ones_are_taken(place: Place, cut: int) -> None:
    shim = place.shim()
    shim.record(decision("a"))
    shim.record(decision("b"))
    (file,) = place.folder.iterdir()
    os.truncate(file, file.stat().st_size - cut - 1)
    place.intake.run(ENOUGH)
    assert place.tools() == ["a"] and place.files() == []
    (told,) = place.rows("spool.unreadable")
    assert told.event.detail["lines"] == 1


def test_of_a_line_that_cannot_be_read_the_log_holds_only_the_size(place: Place) -> None:
    """It may be a piece of a command line, where secrets are."""
    line = b'"--api-key","hunter2","argv'
    (place.folder / "a.jsonl").write_bytes(line + b"\n")
    place.intake.run(ENOUGH)
    (told,) = place.rows("spool.unreadable")
    assert told.event.detail == {"file": "a.jsonl", "lines": 1, "bytes": len(line)}


HOSTILE = [
    b"\xff\xfe\x00" * 100, b"\n" * 10_000, b"[]\n" * 100, b"null\n7\n\"x\"\n", b"{\n", b"[" * 100_000 + b"\n",
    b'{"argv":7}\n{"call":7,"tool":[],"effect":{},"t":"x"}\n', b'{"argv":[1,null,{}]}\n{"call":"c","t":-1}\n',
    b'{"call":"c","t":' + b"9" * 1000 + b"}\n", b'{"call":"c","t":1e400,"x":NaN}\n',
    b'{"call":"\\ud800","tool":"\\u0000\\n\\u001b[31m"}\n', b"x" * (spool.SLICE * 3), b"\r\r\r\n" * 100,
    b'{"argv":["a"],"uid":"' + b"u" * 300_000 + b'"}\n{"call":"c","tool":"' + b"t" * 300_000 + b'"}\n',
]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: repr(data[:24]))
def test_any_bytes_in_a_spool_file_are_taken_in_without_harm(place: Place, data: bytes) -> None:
    (place.folder / "a.jsonl").write_bytes(data)
    place.shim("b" * 16).record(decision("honest"))
    place.intake.run(ENOUGH)
    assert "honest" in place.tools() and place.files() == []


def test_an_effect_that_is_none_is_left_out(place: Place) -> None:
    place.shim().record(decision("a", effect="grant", mode="root"))
    place.intake.run(ENOUGH)
    assert (place.rows()[0].event.effect, place.rows()[0].event.mode) == ("", "")


def test_ten_thousand_broken_lines_are_one_row_a_slice(place: Place) -> None:
    (place.folder / "a.jsonl").write_bytes(b"x\n" * 10_000)
    place.intake.run(ENOUGH)
    assert [row.event.detail["lines"] for row in place.rows("spool.unreadable")] == [10_000]


@pytest.mark.parametrize("kind", ["link", "hard link", "folder", "pipe", "socket-like name", "too large", "locked"])
def test_what_is_no_spool_file_of_ours_is_left_alone_and_holds_nobody_up(
    place: Place, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private.txt"
    private.write_text("my secret\n")
    path = place.folder / "a.jsonl"
    if kind == "link":
        path.symlink_to(private)
    elif kind == "hard link":
        path.hardlink_to(private)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "too large":
        monkeypatch.setattr(spool, "FILE_MAX", 1000)
        path.write_bytes(b"x" * 1001)
    elif kind == "locked":
        monkeypatch.setattr(spool, "LOCK_WAIT", 0.1)
        path.write_bytes(b"{}\n")
    else:
        path = place.folder / os.fsdecode(b"\xff\n\x1b[31m.jsonl")
        path.write_bytes(b"{}")
    holder = os.open(path, os.O_RDONLY) if kind == "locked" else -1
    if holder >= 0:
        fcntl.flock(holder, fcntl.LOCK_EX)
    place.shim("b" * 16).record(decision("honest"))
    place.intake.run(ENOUGH)
    if holder >= 0:
        os.close(holder)
    assert place.tools() == ["honest"]
    assert (path.name in place.files()) == (kind != "socket-like name")
    assert private.read_text() == "my secret\n"
    assert not any("secret" in str(row.event.detail) for row in place.rows(""))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_left_alone(place: Place) -> None:
    path = place.folder / "a.jsonl"
    path.write_text(json.dumps(decision("forged")) + "\n")
    os.chown(path, 65534, 65534)
    assert place.intake.run(ENOUGH) == 0
    assert place.files() == ["a.jsonl"] and place.tools() == []


def test_a_folder_that_is_gone_is_an_empty_one(place: Place) -> None:
    place.folder.rmdir()
    assert place.intake.run(ENOUGH) == 0


def test_what_a_command_did_without_a_daemon_becomes_rows(place: Place) -> None:
    detail = {"file": "/home/anna/.mcp.json", "before": "00", "after": "ff"}
    done = Event("entry.unwrapped", 5, agent="an-agent", entry="notes", reason="back", detail=detail)
    spool.leave(place.folder, [done, Event("agent.found", 6, agent="an-agent")])
    assert place.intake.run(ENOUGH) == 1
    (row,) = Reader(place.audit).rows(Filter(kind="entry.unwrapped"))
    assert row.event == Event(
        **{**{f: getattr(done, f) for f in done.__slots__}, "detail": {**detail, "spooled": True}}
    )
    assert problems(row_json(row)) == []
    assert list(place.folder.iterdir()) == []


def test_a_line_that_claims_to_be_anything_else_is_no_event_of_ours(place: Place) -> None:
    (place.folder / "command-1-1.jsonl").write_text('{"done": "log.cut", "t": 1}\n{"done": ["entry.wrapped"]}\n')
    place.intake.run(ENOUGH)
    assert list(Reader(place.audit).rows(Filter(kind="log.cut"))) == []
