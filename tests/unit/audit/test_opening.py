"""Opening what a tamperer, a crash or a careless hand left behind: the daemon starts, and it is said what was wrong."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from callgate.audit.check import Harm
from callgate.audit.opening import LEAP_MAX, TAIL_ROWS
from callgate.audit.store import Reader, Writer
from callgate.model.errors import AuditError
from callgate.model.event import Event
from callgate.settings import Durability


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "audit.db"


def fill(path: Path, count: int) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    for n in range(count):
        writer.append(Event("call.asked", n, uid=f"u-{n}"))
    writer.close()


def tamper(path: Path, *statements: str) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        other.execute(statement)
    other.close()


def reopened(path: Path) -> tuple[str, ...]:
    """Open, write one row, close; what was found."""
    writer = Writer.open(path, Durability.COMMIT)
    writer.append(Event("daemon.started", 5))
    writer.commit()
    writer.close()
    return writer.findings


def harms(path: Path) -> list[tuple[Harm, int, int]]:
    return [(fault.harm, fault.first, fault.last) for fault in Reader(path).verify().faults]


def test_an_edited_row_is_reported_and_the_log_goes_on(path: Path) -> None:
    fill(path, 10)
    tamper(path, "UPDATE event SET body = replace(body, 'u-4', 'u-5') WHERE seq = 5")
    assert reopened(path)[0].startswith("row 5: was edited")
    assert harms(path) == [(Harm.EDITED, 5, 5)]


def test_an_edit_before_the_tail_is_left_to_verify(path: Path) -> None:
    fill(path, TAIL_ROWS + 50)
    tamper(path, "UPDATE event SET body = replace(body, 'u-4', 'u-5') WHERE seq = 5")
    assert reopened(path) == ()
    assert harms(path) == [(Harm.EDITED, 5, 5)]


FORGED_HEAD = "UPDATE mark SET (seq, hash) = (SELECT seq, hash FROM event WHERE seq = 7) WHERE name = 'head'"


@pytest.mark.parametrize("head", ["", FORGED_HEAD])
def test_rows_cut_off_at_the_end_leave_a_gap_for_good(path: Path, head: str) -> None:
    fill(path, 10)
    tamper(path, "DELETE FROM event WHERE seq > 7", head)
    assert harms(path)[0] == (Harm.CUT_END, 8, 10)
    assert "rows 8 to 10: missing" in reopened(path)[0]
    assert harms(path) == [(Harm.MISSING, 8, 10)]
    assert Reader(path).verify().last[0] == 11


def test_a_deleted_log_is_noticed_by_the_head_file(path: Path) -> None:
    fill(path, 10)
    path.unlink()
    assert "rows 1 to 10: missing" in reopened(path)[0]
    assert harms(path) == [(Harm.CUT_START, 1, 10)]


def test_an_older_copy_put_back_is_noticed(path: Path) -> None:
    fill(path, 5)
    copy = path.read_bytes()
    fill(path, 5)
    path.write_bytes(copy)
    assert harms(path) == [(Harm.CUT_END, 6, 10)]
    assert "rows 6 to 10: missing" in reopened(path)[0]


def test_a_log_rewritten_as_a_whole_is_noticed_by_the_head_file(path: Path, tmp_path: Path) -> None:
    fill(path, 5)
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    writer = Writer.open(other / "audit.db", Durability.COMMIT)
    for n in range(5):
        writer.append(Event("call.asked", n, uid=f"u-{n}", effect="allow"))
    writer.close()
    path.write_bytes((other / "audit.db").read_bytes())
    assert harms(path) == [(Harm.EDITED, 5, 5)]


def test_a_missing_head_file_is_made_anew(path: Path) -> None:
    fill(path, 3)
    path.with_name("audit.db.head").unlink()
    assert reopened(path) == () and harms(path) == []


@pytest.mark.parametrize("note", [b"", b"garbage", b"x" * 86, b"9" * 20 + b" " + b"z" * 64 + b"\n", b"\xff" * 200])
def test_a_head_file_without_sense_is_ignored(path: Path, note: bytes) -> None:
    fill(path, 3)
    path.with_name("audit.db.head").write_bytes(note)
    assert reopened(path) == () and harms(path) == []


@pytest.mark.parametrize("seq", [10 + LEAP_MAX * 2, 2**53 - 1, 2**62])
def test_forged_notes_cannot_use_up_the_numbers(path: Path, seq: int) -> None:
    fill(path, 3)
    path.with_name("audit.db.head").write_bytes(b"%020d %s\n" % (seq, b"0" * 64))
    tamper(path, f"UPDATE mark SET seq = {seq} WHERE name = 'head'")
    assert reopened(path) != ()
    assert Reader(path).verify().last[0] == 4


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE mark SET hash = 'text', seq = 'text'",
        "DELETE FROM mark",
        "UPDATE event SET hash = 5, body = 7 WHERE seq = 3",
        "UPDATE event SET body = x'ff00', prev = '' WHERE seq = 3",
        "UPDATE event SET uid = 5, time = 'x', effect = x'00'",
        "UPDATE event SET body = '' WHERE seq = 3",
        "INSERT INTO event VALUES (-5, '', '', '', '', '', '', '', '')",
        "UPDATE event SET salt = 5, kept = 5",
        "PRAGMA user_version = 999",
    ],
)
def test_nonsense_in_the_tables_is_reported_and_never_stops_the_daemon(path: Path, statement: str) -> None:
    fill(path, 3)
    tamper(path, statement)
    found = reopened(path)
    if statement.startswith("PRAGMA"):
        assert found == () and harms(path) == []
    else:
        assert found
    verified = Reader(path).verify()
    assert verified.checked >= 4
    assert Reader(path).counts()["rows"] >= 4
    list(Reader(path).get("3"))


NO_LOG: list[Callable[[Path], object]] = [
    lambda path: path.write_bytes(b"this is no database, whatever it may be" * 100),
    lambda path: path.write_bytes(os.urandom(50_000)),
    lambda path: tamper(path, "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END"),
    lambda path: tamper(path, "DROP TABLE event"),
    lambda path: tamper(path, "DROP TABLE event", "CREATE TABLE event (x)", "PRAGMA user_version = 0"),
    lambda path: tamper(path, "CREATE VIEW v AS SELECT 1"),
    lambda path: tamper(path, "INSERT INTO event VALUES (9223372036854775807, '', '', '', 1, '', '', '', '')"),
    lambda path: path.write_bytes(path.read_bytes()[:5000]),
]


@pytest.mark.parametrize("spoil", NO_LOG)
def test_what_is_no_log_any_more_is_set_aside_and_a_new_one_begun(path: Path, spoil: Callable[[Path], object]) -> None:
    fill(path, 50)
    spoil(path)
    before = path.read_bytes()
    (finding,) = reopened(path)
    assert "set aside as audit.db.damaged-1" in finding
    assert path.with_name("audit.db.damaged-1").read_bytes()[100:4000] == before[100:4000]
    found = Reader(path).verify()
    assert found.ok and found.checked == 1


def test_folder_and_file_must_be_ours_alone(path: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(AuditError, match="written by someone else"):
        Writer.open(path, Durability.COMMIT)
    tmp_path.chmod(0o700)
    with pytest.raises(AuditError, match="cannot be made"):
        Writer.open(tmp_path / "missing" / "audit.db", Durability.COMMIT)


@pytest.mark.parametrize("name", ["audit.db", "audit.db-wal", "audit.db.head"])
def test_links_and_strange_files_are_refused(path: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / name).symlink_to(tmp_path / "target")
    with pytest.raises(AuditError):
        Writer.open(path, Durability.COMMIT)
    assert (tmp_path / "target").read_bytes() == b"precious"
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(AuditError):
        Writer.open(path, Durability.COMMIT)


def test_a_lock_of_someone_else_is_an_error_that_names_it(path: Path) -> None:
    fill(path, 1)
    other = sqlite3.connect(path, isolation_level=None)
    writer = Writer.open(path, Durability.COMMIT)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(AuditError, match="another process holds a lock"):
        writer.append(Event("call.asked", 1))
    other.execute("ROLLBACK")
    other.close()
    assert writer.append(Event("call.asked", 1)) == 2
    writer.close()
