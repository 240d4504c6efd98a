"""The gate with a real log: each question has one row, and a row that could not be written is never forgotten."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from callgate.audit.store import Filter, Reader, Writer
from callgate.detect import listing as listings
from callgate.detect.listing import Listing
from callgate.gate import Gate
from callgate.model.call import Call, Caller, Effect, Mode, Session
from callgate.model.event import Event, Row
from callgate.model.identity import Identified, ServerIdentity
from callgate.model.pin import Kind
from callgate.policy.allowlist import Allowlist, Approval
from callgate.settings import Audit, Durability, Payload, Settings

FILES = ServerIdentity("npm", "files", "1.0.0")
F = str(FILES)
UNKNOWN = ServerIdentity("npm", "unknown")
ENFORCE = Settings(mode=Mode.ENFORCE)
RULES = Allowlist((Approval("files", (FILES,), Effect.ALLOW, {"delete": Effect.DENY, "write": Effect.ASK}),))


def of_session(server: ServerIdentity = FILES, *, root: str = "boot-1-2") -> Session:
    return Session("0123456789abcdef", Caller(0, 4711, "claude-code", "by test", root), Identified(server, "x"), "f")


def call(
    tool: str | None = "read",
    number: int = 1,
    arguments: dict[str, object] | None = None,
    session: Session | None = None,
) -> Call:
    who = session or of_session()
    return Call(f"{who.uid}-{number}", who, "tools/call", tool, arguments, 100)


def listing(*names: str) -> Listing:
    return listings.read(Kind.TOOL, json.dumps({"result": {"tools": [{"name": name} for name in names]}}))


@dataclass
class Place:
    """A gate in a folder of its own, and a clock that a test may turn."""

    path: Path
    rules: Allowlist | None = RULES
    clock: list[int] = field(default_factory=lambda: [10**18])

    def __post_init__(self) -> None:
        self.writer = Writer.open(self.path, Durability.COMMIT)
        self.gate = Gate(self.writer, lambda: self.rules, ENFORCE, lambda: self.clock[0], b"k" * 32)

    def rows(self, kind: str = "") -> list[Row]:
        return list(Reader(self.path).rows(Filter(kind=kind)))

    def locked(self) -> sqlite3.Connection:
        """Another program that keeps the log locked, as a backup tool might: nothing can be written."""
        other = sqlite3.connect(self.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        return other


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    tmp_path.chmod(0o700)
    place = Place(tmp_path / "audit.db")
    yield place
    place.writer.close()


def test_each_effect_is_given_and_written_with_its_reason(place: Place) -> None:
    verdicts = [place.gate.check(call(tool, n)) for n, tool in enumerate(("read", "write", "delete", None))]
    assert [verdict.effect for verdict in verdicts] == [Effect.ALLOW, Effect.ASK, Effect.DENY, Effect.DENY]
    assert place.rows() == []  # staged only
    assert place.gate.commit()
    rows = place.rows("call.asked")
    assert [row.event.effect for row in rows] == ["allow", "ask", "deny", "deny"]
    assert [row.event.reason for row in rows] == [verdict.reason for verdict in verdicts]
    assert {(row.event.agent, row.event.server, row.event.mode) for row in rows} == {
        ("claude-code", "npm:files@1.0.0", "enforce")
    }
    assert Reader(place.path).verify().ok


def test_in_observe_everything_passes_and_the_row_says_what_would_have_been(place: Place) -> None:
    place.gate.settings = Settings(mode=Mode.OBSERVE)
    verdict = place.gate.check(call("delete"))
    assert verdict.effect is Effect.ALLOW and "would deny" in verdict.reason
    assert place.gate.hide(of_session(), listing("read", "delete")) == []
    assert place.gate.launch(of_session(UNKNOWN), ["unknown"], {}).effect is Effect.ALLOW
    place.gate.commit()
    assert [(row.event.effect, row.event.mode) for row in place.rows("call.asked")] == [("deny", "observe")]


def test_a_server_off_the_list_neither_starts_nor_shows_nor_calls(place: Place) -> None:
    unknown = of_session(UNKNOWN)
    assert place.gate.launch(unknown, ["npx", "unknown"], {"cwd": "/"}).effect is Effect.DENY
    assert place.gate.check(call(session=unknown)).effect is Effect.DENY
    assert place.gate.hide(unknown, listing("a", "b")) == ["a", "b"]
    place.gate.commit()
    assert [row.event.kind for row in place.rows()] == ["server.launched", "call.asked", "tools.listed"]


@pytest.mark.parametrize("doubt", Effect)
def test_without_a_readable_registry_doubt_decides(place: Place, doubt: Effect) -> None:
    place.rules = None
    place.gate.settings = replace(ENFORCE, on_doubt=doubt)
    verdict = place.gate.check(call())
    assert verdict.effect is doubt and verdict.rule == "doubt" and "no readable registry" in verdict.reason


def test_rules_that_change_hold_from_the_next_call_on(place: Place) -> None:
    assert place.gate.check(call(number=1)).effect is Effect.ALLOW
    place.rules = Allowlist()
    assert place.gate.check(call(number=2)).effect is Effect.DENY


def test_a_repeated_call_gets_the_recorded_verdict_and_no_second_row(place: Place) -> None:
    assert place.gate.check(call("read")).effect is Effect.ALLOW
    place.gate.commit()
    place.rules = Allowlist()
    assert place.gate.check(call("read"), retry=True).effect is Effect.ALLOW
    place.gate.commit()
    assert len(place.rows()) == 1


def test_a_repeated_call_that_is_staged_but_not_yet_durable_is_known_too(place: Place) -> None:
    place.gate.check(call("read"))
    place.gate.check(call("read"), retry=True)
    place.gate.commit()
    assert len(place.rows()) == 1


def test_a_repeated_call_that_is_not_in_the_log_is_judged_and_says_so(place: Place) -> None:
    assert place.gate.check(call("delete"), retry=True).effect is Effect.DENY
    place.gate.commit()
    (row,) = place.rows()
    assert row.event.detail["retry"] is True


@pytest.mark.parametrize(
    "other",
    [
        call("delete"),
        call("read", session=of_session(UNKNOWN)),
        call("read", session=of_session(UNKNOWN, root="boot-9-9")),
    ],
    ids=["another tool", "another server", "another process tree"],
)
def test_a_verdict_is_not_given_again_to_a_call_that_only_has_the_same_uid(place: Place, other: Call) -> None:
    assert place.gate.check(call("read")).effect is Effect.ALLOW
    place.gate.commit()
    assert place.gate.check(other, retry=True).effect is Effect.DENY
    place.gate.commit()
    assert len(place.rows()) == 2


def test_what_a_shim_spooled_is_no_verdict_of_the_gate(place: Place) -> None:
    asked = call("delete")
    forged = Event(
        "call.asked", 1, uid=asked.uid, session=asked.session.caller.session, server=str(FILES), tool="delete",
        effect="allow", rule="doubt", mode="enforce", detail={"spooled": True},
    )  # fmt: skip
    place.gate.record(forged)
    place.gate.commit()
    assert place.gate.check(asked, retry=True).effect is Effect.DENY


@pytest.mark.parametrize(("effect", "mode"), [("maybe", "enforce"), ("allow", "lenient"), ("", "")])
def test_a_row_that_makes_no_sense_is_no_verdict(place: Place, effect: str, mode: str) -> None:
    asked = call("read")
    place.gate.record(
        Event(
            "call.asked", 1, uid=asked.uid, session="boot-1-2", server=str(FILES), tool="read", effect=effect, mode=mode
        )
    )
    place.gate.commit()
    assert place.gate.check(asked, retry=True).rule == "tool.approved:files"


def test_a_clock_that_is_set_back_does_not_disturb_the_order_of_rows(place: Place) -> None:
    for moment in (10**18, 5 * 10**17, 0, 10**18 + 1, -5):
        place.clock[0] = moment
        place.gate.check(call(number=moment))
        assert place.gate.commit()
    rows = place.rows("call.asked")
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert [row.event.time for row in rows] == [10**18, 5 * 10**17, 0, 10**18 + 1, -5]
    assert Reader(place.path).verify().ok


def test_rows_that_cannot_be_written_void_the_whole_turn_and_leave_a_gap_that_is_told(place: Place) -> None:
    place.gate.check(call(number=1))
    assert place.gate.commit()
    other = place.locked()
    place.clock[0] += 7
    for number in (2, 3, 4):
        place.gate.check(call(number=number))
    assert not place.gate.commit()
    assert place.gate.in_doubt("x").effect is Effect.DENY
    other.close()
    place.gate.check(call(number=5))
    assert place.gate.commit()
    rows = place.rows()
    assert [row.event.kind for row in rows] == ["call.asked", "log.gap", "call.asked"]
    assert rows[1].event.detail == {"rows": 3, "since": str(10**18 + 7)}
    assert rows[2].event.uid.endswith("-5")
    place.gate.check(call(number=6))
    assert place.gate.commit()
    assert len(place.rows("log.gap")) == 1
    assert Reader(place.path).verify().ok


def test_in_observe_a_call_that_cannot_be_written_goes_on_all_the_same(place: Place) -> None:
    place.gate.settings = Settings(mode=Mode.OBSERVE, on_doubt=Effect.DENY)
    assert place.gate.in_doubt("the audit log cannot be written").effect is Effect.ALLOW


def test_a_cut_whose_commit_fails_does_not_hide_that_the_turn_is_lost(place: Place) -> None:
    other = place.locked()
    place.gate.check(call(number=1))
    assert place.gate.cut(10**18) == 0
    assert not place.gate.commit()
    other.close()
    place.gate.check(call(number=2))
    assert place.gate.commit()
    assert [row.event.kind for row in place.rows()] == ["log.gap", "call.asked"]


def test_old_rows_are_cut_and_the_rest_verifies(place: Place) -> None:
    for number in range(5):
        place.clock[0] = 10**18 + number
        place.gate.check(call(number=number))
    place.gate.commit()
    assert place.gate.cut(10**18 + 3) == 3
    assert place.gate.cut(10**18 + 3) == 0
    assert [row.event.kind for row in place.rows()] == ["call.asked", "call.asked", "log.cut"]
    assert Reader(place.path).verify().ok


@pytest.mark.parametrize("payload", Payload)
def test_the_arguments_are_kept_as_the_settings_say(place: Place, payload: Payload) -> None:
    place.gate.settings = replace(ENFORCE, audit=Audit(payload=payload))
    place.gate.check(call(arguments={"path": "/etc", "password": "hunter2"}))
    place.gate.commit()
    (row,) = Reader(place.path).get("1")
    note = row.event.detail.get("payload")
    assert (note is None) == (payload is Payload.NONE)
    if payload in (Payload.NONE, Payload.DIGEST):
        assert row.payload is None
    else:
        assert row.payload is not None and "/etc" in row.payload
        assert ("hunter2" in row.payload) == (payload is Payload.FULL)


def test_a_command_line_is_written_without_its_secrets(place: Place) -> None:
    place.gate.launch(of_session(), ["npx", "files", "--api-key", "s3cret-value-1234"], {})
    place.gate.commit()
    (row,) = place.rows()
    assert "s3cret" not in str(row.event.detail) and row.event.detail["argv"]
