"""The writer: stage, commit, find, cut."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from callgate.audit.payload import Kept
from callgate.audit.store import CUT_ROWS, Filter, Reader, Writer
from callgate.model.errors import AuditError
from callgate.model.event import Event
from callgate.settings import Durability

DAY = 24 * 3600 * 10**9
T0 = 1_795_000_000_000_000_000
KEPT = Kept("d" * 64, 9, '{"a":"b"}', 1, True, b"s" * 16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "audit.db"


def asked(n: int, **more: object) -> Event:
    return Event("call.asked", T0 + n, **{"uid": f"u-{n}", "effect": "allow", "tool": "echo", **more})


def fill(path: Path, count: int, *, time: int = 0) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    for n in range(count):
        writer.append(asked(n + time))
    writer.commit()
    writer.close()


def seqs(path: Path) -> list[int]:
    return [row.seq for row in Reader(path).rows(Filter())]


@pytest.mark.parametrize("durability", Durability)
def test_a_committed_row_is_there_for_readers_at_once(path: Path, durability: Durability) -> None:
    writer = Writer.open(path, durability)
    assert writer.findings == ()
    assert [writer.append(asked(1)), writer.append(asked(2), KEPT)] == [1, 2]
    assert writer.pending == 2 and seqs(path) == []
    writer.commit()
    assert writer.pending == 0 and seqs(path) == [1, 2]
    assert Reader(path).verify().ok
    (row,) = Reader(path).get("u-2")
    assert row.payload == '{"a":"b"}'
    note = row.event.detail["payload"]
    assert isinstance(note, dict) and note["redactions"] == 1 and note["cut"] is True and note["digest"] == "d" * 64
    writer.close()


def test_a_payload_of_which_only_the_digest_is_kept_has_no_text(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    writer.append(asked(1), Kept("d" * 64, 9))
    writer.close()
    (row,) = Reader(path).get("1")
    assert row.payload is None and row.event.detail["payload"] == {"digest": "d" * 64, "size": 9}


def test_the_chain_goes_on_after_a_restart(path: Path) -> None:
    fill(path, 3)
    writer = Writer.open(path, Durability.COMMIT)
    assert writer.findings == () and writer.append(asked(4)) == 4
    writer.close()
    found = Reader(path).verify()
    assert found.ok and found.checked == 4


def test_rows_are_ordered_by_number_when_the_clock_is_set_back(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    for time in (T0, T0 - 10 * DAY, -5, 2**70):
        writer.append(Event("call.asked", time))
    writer.close()
    assert [row.event.time for row in Reader(path).rows(Filter())] == [T0, T0 - 10 * DAY, -5, 2**70]
    assert Reader(path).verify().ok


def test_a_second_writer_is_refused_until_the_first_is_closed(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    with pytest.raises(AuditError, match="another daemon"):
        Writer.open(path, Durability.COMMIT)
    writer.close()
    Writer.open(path, Durability.COMMIT).close()


def test_files_are_private(path: Path) -> None:
    before = os.umask(0)
    try:
        writer = Writer.open(path, Durability.COMMIT)
        writer.append(asked(1))
        writer.commit()
    finally:
        os.umask(before)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    writer.close()


def test_a_repeated_call_is_found_also_while_staged(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    writer.append(asked(1, effect="deny", rule="r", reason="no"))
    found = writer.find_call("u-1")
    assert found is not None and found.event.effect == "deny" and found.seq == 1
    writer.append(Event("call.answered", T0, uid="u-1"))
    writer.commit()
    found = writer.find_call("u-1")
    assert found is not None and found.event.kind == "call.asked"
    assert writer.find_call("u-2") is None and writer.find_call("\ud800") is None and writer.find_call("") is None
    for n in range(5):
        writer.append(asked(n + 10))
    assert writer.find_call("u-1", within_last=3) is None
    writer.close()


def test_hostile_text_in_a_row_is_stored_and_found(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    writer.append(Event("call.asked", T0, uid="\ud800\x00'\"", tool="x\x00y\u202e", reason="'; DROP TABLE event; --"))
    writer.close()
    (row,) = Reader(path).rows(Filter(tool="x\x00y\u202e"))
    assert row.event.uid == "\ud800\x00'\""
    assert Reader(path).verify().ok


def test_after_a_failed_append_nothing_of_the_batch_is_left_and_the_next_works(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    writer.append(asked(1))
    writer.commit()
    writer.append(asked(2))
    with sqlite3.connect(path, timeout=0) as other, pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("DELETE FROM event")  # nobody else can write while a batch is open
    writer._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(AuditError):
        writer.append(asked(3))
    assert writer.pending == 0
    writer._connection.execute("PRAGMA query_only = OFF")
    assert writer.append(asked(4)) == 2
    writer.commit()
    writer.close()
    assert [row.event.uid for row in Reader(path).rows(Filter())] == ["u-1", "u-4"]
    assert Reader(path).verify().ok


def test_a_row_that_someone_put_in_behind_our_back_does_not_stop_the_log(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    writer.append(asked(1))
    writer.commit()
    with sqlite3.connect(path) as other:
        other.execute("INSERT INTO event VALUES (2, '{}', x'00', x'00', 1, NULL, NULL, NULL, NULL)")
    other.close()
    with pytest.raises(AuditError):
        writer.append(asked(2))
    assert writer.append(asked(3)) == 3
    writer.commit()
    writer.close()
    found = Reader(path).verify()
    assert [(fault.first, fault.last) for fault in found.faults] == [(2, 2)]


def test_retention_removes_the_oldest_rows_and_their_payloads_and_the_chain_holds(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    for n in range(10):
        writer.append(asked(n * DAY), KEPT)
    assert writer.cut(T0 + 4 * DAY, T0 + 20 * DAY) == 4
    assert writer.cut(T0 + 4 * DAY, T0 + 20 * DAY) == 0
    assert seqs(path) == [5, 6, 7, 8, 9, 10, 11]
    (row,) = Reader(path).rows(Filter(kind="log.cut"))
    assert (row.seq, row.event.detail["first"], row.event.detail["last"], row.event.detail["rows"]) == (11, 1, 4, 4)
    found = Reader(path).verify()
    assert found.ok and found.cut == 4
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT min(seq), count(*) FROM event WHERE kept IS NOT NULL").fetchone() == (5, 6)
    other.close()
    writer.close()
    writer = Writer.open(path, Durability.COMMIT)
    assert writer.findings == () and writer.append(asked(11)) == 12
    writer.close()
    assert Reader(path).verify().ok


def test_retention_goes_in_slices_and_again_later(path: Path) -> None:
    fill(path, 2 * CUT_ROWS + 10)
    writer = Writer.open(path, Durability.COMMIT)
    assert [writer.cut(T0 + DAY, T0 + 2 * DAY) for _ in range(4)] == [CUT_ROWS, CUT_ROWS, 10, 0]
    assert Reader(path).verify().ok
    assert writer.cut(T0 + 3 * DAY, T0 + 4 * DAY) == 3  # the rows about the earlier cuts
    assert Reader(path).verify().ok
    writer.close()
    assert seqs(path) == [2 * CUT_ROWS + 14]


def test_retention_stops_at_the_first_row_that_is_not_old(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    for time in (0, 9 * DAY, 1, 2):
        writer.append(asked(time))
    assert writer.cut(T0 + DAY, T0 + 10 * DAY) == 1
    assert writer.cut(T0 + DAY, T0 + 10 * DAY) == 0
    writer.close()
    assert seqs(path) == [2, 3, 4, 5]


def test_a_time_yet_to_come_neither_holds_retention_up_nor_is_removed_itself(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    for time in (0, 900 * DAY, 1, 901 * DAY, 5 * DAY):
        writer.append(asked(time))
    assert writer.cut(T0 + DAY, T0 + 10 * DAY) == 3
    assert writer.cut(T0 + DAY, T0 + 10 * DAY) == 0
    assert writer.cut(T0 - 500 * DAY, T0 - 100 * DAY) == 0  # the clock is set back
    writer.close()
    assert seqs(path) == [4, 5, 6]


def test_rows_that_retention_removed_do_not_linger_in_the_file(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    writer.append(asked(1, reason="a-word-to-forget"), Kept("d", 1, '"a-payload-to-forget"', salt=b"s"))
    writer.append(asked(5 * DAY))
    writer.cut(T0 + DAY, T0 + 6 * DAY)
    writer.close()
    assert b"to-forget" not in path.read_bytes()
    assert not path.with_name("audit.db-wal").exists()
