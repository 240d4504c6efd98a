"""The index of the log: searches with it find what searches without it find, and its sums are those of the rows."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from callgate.audit.indexing import catch_up, usage
from callgate.audit.searching import BLOCK
from callgate.audit.store import Filter, Reader, Writer
from callgate.model.event import Event
from callgate.settings import Durability

ROWS = 5 * BLOCK + 300
HOUR = 3600 * 10**9
T0 = 500_000 * HOUR
HALF = "half \ud800 a pair"


def event(n: int) -> Event:
    chance = random.Random(n)
    if n % 3 == 2:
        detail = {"ms": 2.5, "bytes": 100, "error": n % 5 == 0}
        return Event("call.answered", T0 + n * HOUR, uid=f"u-{n - 1}", session=f"s-{n // 700}", detail=detail)
    return Event(
        "call.asked", T0 + n * HOUR, uid=f"u-{n}", session=f"s-{n // 700}", agent=chance.choice(["one", "two"]),
        server=f"npm:server-{n // 900}", tool=HALF if n == 4000 else f"tool_{chance.randrange(4)}", user="anna",
        effect="deny" if n % 400 == 1 else "allow", rule="r", mode="enforce", detail={"bytes": 10},
    )  # fmt: skip


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    tmp_path.chmod(0o700)
    writer = Writer.open(tmp_path / "audit.db", Durability.COMMIT)
    for n in range(ROWS):
        writer.append(event(n))
    writer.commit()
    yield writer
    writer.close()


FILTERS = [
    {"tool": "tool_1"}, {"effect": "deny"}, {"agent": "two", "effect": "deny"}, {"tool": "never"}, {"tool": HALF},
    {"session": "s-3"}, {"session": "s-3", "agent": "one"}, {"server": "npm:server-4", "tool": "tool_0"},
    {"kind": "call.answered", "session": "s-7"}, {"user": "anna", "server": "npm:server-5"},
    {"since": T0 + 2000 * HOUR, "until": T0 + 2100 * HOUR}, {"since": T0 + (ROWS - 20) * HOUR},
    {"until": T0 + 30 * HOUR, "effect": "allow"}, {"effect": "deny", "after": 3000}, {"effect": "deny", "before": 3000},
    {"since": T0 + 10**6 * HOUR}, {"text": "tool_2", "session": "s-1"}, {"rule": "r", "after": ROWS},
]  # fmt: skip


@pytest.mark.parametrize("filters", FILTERS, ids=repr)
def test_with_the_index_a_search_finds_the_same_rows(writer: Writer, filters: dict[str, object]) -> None:
    reader = Reader(writer.path)
    wanted = Filter(**filters)  # type: ignore[arg-type]
    without = [row.seq for row in reader.rows(wanted)]
    assert catch_up(reader) == 6
    assert reader.reached() is not None
    assert [row.seq for row in reader.rows(wanted)] == without
    newest = replace(wanted, newest_first=True, limit=7)
    assert [row.seq for row in reader.rows(newest)] == without[::-1][:7]


def test_rows_that_came_after_the_index_are_found(writer: Writer) -> None:
    reader = Reader(writer.path)
    catch_up(reader)
    writer.append(Event("call.asked", T0, tool="late", session="s-late"))
    writer.commit()
    assert [row.seq for row in reader.rows(Filter(tool="late"))] == [ROWS + 1]
    assert [row.seq for row in reader.rows(Filter(session="s-late", newest_first=True))] == [ROWS + 1]
    assert catch_up(reader) == 1
    assert [row.seq for row in reader.rows(Filter(tool="late"))] == [ROWS + 1]


@pytest.mark.parametrize(("since", "until"), [(0, 0), (T0 + 1500 * HOUR, 0), (T0 + 1500 * HOUR, T0 + 4500 * HOUR)])
def test_the_sums_are_those_of_the_rows(writer: Writer, since: int, until: int) -> None:
    reader = Reader(writer.path)
    plain = usage(reader, since, until)
    catch_up(reader)
    for n in range(ROWS, ROWS + 10):
        writer.append(event(n))
    writer.commit()
    indexed = usage(reader, since, until or T0 + ROWS * HOUR)
    assert indexed == plain
    asked = [sums for which, sums in indexed.items() if which.kind == "call.asked"]
    assert sum(sums.rows for sums in asked) > 1900
    assert sum(sums.answers for sums in asked) > 900
    assert sum(sums.micros for sums in asked) == 2500 * sum(sums.answers for sums in asked)


def test_an_index_of_another_log_is_not_believed_and_made_anew(writer: Writer, tmp_path: Path) -> None:
    reader = Reader(writer.path)
    catch_up(reader)
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    second = Writer.open(other / "audit.db", Durability.COMMIT)
    for _ in range(ROWS):
        second.append(Event("call.asked", T0, tool="other"))
    second.close()
    (other / "audit.db.index").write_bytes(reader.index.path.read_bytes())
    alien = Reader(other / "audit.db")
    assert len(list(alien.rows(Filter(tool="other")))) == ROWS
    catch_up(alien)
    assert alien.reached() is not None
    assert list(alien.rows(Filter(tool="tool_1"))) == []
    assert len(list(alien.rows(Filter(tool="other")))) == ROWS


def test_a_broken_index_is_done_without_and_made_anew(writer: Writer) -> None:
    reader = Reader(writer.path)
    catch_up(reader)
    found = [row.seq for row in reader.rows(Filter(effect="deny"))]
    for side in ("-wal", "-shm"):
        reader.index.path.with_name(reader.index.path.name + side).unlink(missing_ok=True)
    reader.index.path.write_bytes(b"not a database" * 1000)
    assert [row.seq for row in reader.rows(Filter(effect="deny"))] == found
    catch_up(reader)
    catch_up(reader)
    assert reader.reached() is not None


def test_what_retention_removed_is_forgotten(writer: Writer) -> None:
    reader = Reader(writer.path)
    catch_up(reader)
    before = T0 + (2 * BLOCK + 100) * HOUR
    while writer.cut(before, T0 + ROWS * HOUR):
        pass
    catch_up(reader)
    assert usage(reader) == reader.tally([(0, 2**53)], 0, 0).cells
    with sqlite3.connect(reader.index.path) as connection:
        assert connection.execute("SELECT min(number) FROM block").fetchone() == (2,)
    connection.close()


def test_two_processes_do_not_write_the_index_at_once(writer: Writer) -> None:
    from callgate.system.files import locked

    reader = Reader(writer.path)
    with locked(reader.index.path.with_name(reader.index.path.name + ".lock")):
        assert catch_up(reader) == 0
    assert catch_up(reader) == 6
