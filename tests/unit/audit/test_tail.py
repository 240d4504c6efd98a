"""Following the log: bounded pieces in order, with the hash before each row, whatever a row holds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from callgate.audit.tail import Ends, Tail
from callgate.model.errors import AuditError
from exported import TIME, log_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log_of(tmp_path / "data" / "audit.db", 10)
    return tmp_path / "data" / "audit.db"


def test_rows_come_in_order_with_the_hash_of_the_one_before(path: Path) -> None:
    found = Tail(path).after(3, 4, 10**6)
    assert [row.seq for row, _ in found] == [4, 5, 6, 7]
    assert [previous for _, previous in found[1:]] == [row.hash for row, _ in found[:-1]]


def test_bytes_bound_what_is_read_but_never_to_nothing(path: Path) -> None:
    assert len(Tail(path).after(0, 10, 1)) == 1
    assert 1 < len(Tail(path).after(0, 10, 700)) < 10


def test_ends_hashes_and_times_are_found(path: Path) -> None:
    tail = Tail(path)
    assert tail.ends() == Ends(1, 10)
    assert tail.hash_of(10) == tail.after(9, 1, 1)[0][0].hash and tail.hash_of(11) is None
    assert tail.since(TIME + 4) == 5 and tail.since(TIME + 10) is None


def test_a_row_that_makes_no_sense_is_an_event_that_says_so(path: Path) -> None:
    with sqlite3.connect(path) as tampered:
        tampered.execute("UPDATE event SET body = x'ff7b' WHERE seq = 5")
    tampered.close()
    found = Tail(path).after(4, 2, 10**6)
    assert [row.event.kind for row, _ in found] == ["log.unreadable", "call.asked"]


def test_a_log_that_is_not_there_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="cannot be used"):
        Tail(tmp_path / "none.db").ends()
