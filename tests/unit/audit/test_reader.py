"""Asking the log."""

import sqlite3
import threading
from pathlib import Path

import pytest
from callgate.audit.payload import Kept
from callgate.audit.store import Filter, Reader, Writer
from callgate.model.errors import AuditError
from callgate.model.event import Event
from callgate.settings import Durability

DAY = 24 * 3600 * 10**9
T0 = 20_000 * DAY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    path = tmp_path / "audit.db"
    writer = Writer.open(path, Durability.COMMIT)
    for n in range(100):
        event = Event(
            "call.asked", T0 + n * DAY, uid=f"u-{n // 2}", session=f"s-{n % 3}", agent="cursor" if n % 2 else "codex",
            server=f"npm:server-{n % 5}", entry=f"e-{n % 5}", tool=f"tool_{n % 10}",
            effect="deny" if n % 4 == 0 else "allow",
            rule="r", reason=f'It is "{n}" \u00e9', mode="enforce", detail={"tool": "hidden", "kind": "log.cut"},
        )  # fmt: skip
        writer.append(event, Kept("d", 1, f'{{"query":"Wanted-{n}"}}', salt=b"s") if n % 10 == 0 else None)
    writer.close()
    return path


def seqs(path: Path, **more: object) -> list[int]:
    return [row.seq for row in Reader(path).rows(Filter(**more))]


def test_filters_select_by_exact_field_and_combine(path: Path) -> None:
    assert seqs(path, tool="tool_3", agent="cursor", limit=3) == [4, 14, 24]
    assert seqs(path, tool="hidden") == [] and seqs(path, kind="log.cut") == [] and seqs(path, tool="tool_") == []
    assert seqs(path, uid="u-7") == [15, 16]
    assert seqs(path, session="s-1", server="npm:server-4", effect="deny") == [5, 65]
    assert len(seqs(path, rule="r", kind="call.asked", entry="e-0")) == 20
    assert seqs(path, tool="x' OR 1=1 --") == []


def test_newest_first_limit_and_following(path: Path) -> None:
    assert seqs(path, newest_first=True, limit=3) == [100, 99, 98]
    assert seqs(path, after=97) == [98, 99, 100]
    assert seqs(path, after=10, effect="deny", limit=2) == [13, 17]
    assert len(seqs(path)) == 100


def test_times_are_a_half_open_range(path: Path) -> None:
    assert seqs(path, since=T0 + 5 * DAY, until=T0 + 8 * DAY) == [6, 7, 8]
    assert seqs(path, since=T0 + 98 * DAY) == [99, 100] and seqs(path, until=T0 + DAY) == [1]
    assert seqs(path, since=T0 + 1000 * DAY) == []
    assert seqs(path, since=T0 + 90 * DAY, newest_first=True, limit=1, after=5) == [100]


def test_text_is_looked_for_in_row_and_payload_without_regard_to_case(path: Path) -> None:
    assert seqs(path, text="wanted-50") == [51]
    assert seqs(path, text='IS "77" \u00e9') == [78]
    assert seqs(path, text="100%") == []


def test_one_event_is_found_by_number_or_id_with_its_payload(path: Path) -> None:
    (row,) = Reader(path).get("51")
    assert row.event.uid == "u-25" and row.payload == '{"query":"Wanted-50"}' and len(row.hash) == 64
    assert [row.seq for row in Reader(path).get("u-25")] == [51, 52]
    for ref in ("101", "0", "-1", "\u0661", "9" * 400, "", "\ud800", "u-99"):
        assert Reader(path).get(ref) == []


def test_counts(path: Path) -> None:
    found = Reader(path).counts(T0 + 98 * DAY + 5)
    assert (found["rows"], found["last"], found["effects"]) == (100, 100, {"allow": 75, "deny": 25})
    assert found["today"] == {"allow": 2} and found["bytes"] > 10_000


def test_recent_rows_of_a_kind_come_oldest_first(path: Path) -> None:
    rows = list(Reader(path).recent("call.asked"))
    assert [row.seq for row in rows] == list(range(1, 101))
    assert list(Reader(path).recent("no.such")) == []


def test_verify_from_a_row_on(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("UPDATE event SET body = replace(body, 'u-4', 'u-5') WHERE seq IN (9, 90)")
    other.close()
    assert [fault.first for fault in Reader(path).verify().faults] == [9, 90]
    found = Reader(path).verify(since_seq=50)
    assert found.checked == 51


def test_an_edited_row_is_shown_as_it_stands_or_as_unreadable(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("UPDATE event SET body = 'garbage \"kind\"' WHERE seq = 9")
    other.close()
    (row,) = Reader(path).get("9")
    assert row.event.kind == "log.unreadable"
    assert len(seqs(path)) == 100


def test_a_log_that_is_not_there_or_no_log_is_an_error(tmp_path: Path) -> None:
    for reader in (Reader(tmp_path / "no.db"), Reader(tmp_path)):
        with pytest.raises(AuditError):
            reader.verify()
        with pytest.raises(AuditError):
            list(reader.rows(Filter()))
    (tmp_path / "x.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(AuditError):
        Reader(tmp_path / "x.db").verify()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["x.db"]


def test_a_reader_cannot_write(path: Path) -> None:
    with Reader(path)._open() as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM event")


def test_readers_and_the_writer_do_not_disturb_each_other(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    reader, wrong, done = Reader(path), [], threading.Event()

    def look() -> None:
        while not done.is_set():
            found = reader.verify()
            if not found.ok:
                wrong.append(found.faults)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(500):
        writer.append(Event("call.asked", n))
        writer.commit()
        if n % 100 == 0:
            writer.tidy()
    done.set()
    for thread in threads:
        thread.join(30)
    assert wrong == [] and reader.verify().checked == 600
    writer.close()


def test_a_search_without_time_says_how_far_it_looked_and_goes_on_from_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgate.audit.reader.SLICE", 30)
    reader, found, before, looks = Reader(path), [], 0, 0
    while looks == 0 or before:
        part = reader.search(Filter(text="wanted", newest_first=True, before=before), seconds=-1)
        found += [row.seq for row in part.rows]
        assert len(part.rows) <= 3
        before, looks = part.upto, looks + 1
    assert found == [91, 81, 71, 61, 51, 41, 31, 21, 11, 1] and looks == 5
    whole = reader.search(Filter(text="wanted"), seconds=60)
    assert [row.seq for row in whole.rows] == found[::-1] and whole.upto == 0
    assert reader.search(Filter(text="wanted", limit=2), seconds=60).upto == 11
