"""The search index: which stretches of the log hold which combinations of fields, in a file of its own.

A call pays nothing for it. It is made from the log by a process of its own, may be behind it, missing or deleted at any
time, and only narrows down where the log is looked at: what it names is read from the log and compared there.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from callgate.audit.tally import Cells, Combination, Sums, Tally, merged

BLOCK = 1024
"""Rows of the log of which the index knows only what they hold together: read and compared in about two ms."""
VERSION = 2
BUSY = 5.0
"""Seconds to wait for whoever writes the index at this moment."""
NEAR = 4
"""Blocks that lie no further apart are read as one stretch."""

_TABLES = """
    CREATE TABLE combination (
        id INTEGER PRIMARY KEY, kind TEXT, user TEXT, agent TEXT, server TEXT, entry TEXT, tool TEXT, effect TEXT,
        rule TEXT, mode TEXT, model TEXT, UNIQUE (kind, user, agent, server, entry, tool, effect, rule, mode, model)
    );
    CREATE TABLE block (number INTEGER PRIMARY KEY, first INTEGER, last INTEGER, earliest INTEGER, latest INTEGER);
    CREATE TABLE cell (
        combination INTEGER, block INTEGER, rows INTEGER, answers INTEGER, errors INTEGER, asked INTEGER,
        answered INTEGER, micros INTEGER, tokens_in INTEGER, tokens_out INTEGER, PRIMARY KEY (combination, block)
    ) WITHOUT ROWID;
    CREATE TABLE place (session TEXT, block INTEGER, PRIMARY KEY (session, block)) WITHOUT ROWID;
    CREATE TABLE mark (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER, hash TEXT);
"""
_FIELDS = Combination._fields
_SUMS = ("rows", "answers", "errors", "asked", "answered", "micros", "tokens_in", "tokens_out")


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the index knows the log: the last row, and its hash, by which it is known to be of this log."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the log: its number, its first and last rows, and what all of it comes to."""

    number: int
    first: int
    last: Reached
    tally: Tally


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched: fields with exactly these values, a session, a time (nanoseconds, 0: no end)."""

    fields: dict[str, str]
    session: str = ""
    since: int = 0
    until: int = 0


class SearchIndex:
    """The index of the log at `log`. Reading never raises: an index that cannot be used is one that knows nothing."""

    def __init__(self, log: Path) -> None:
        self.path = log.with_name(log.name + ".index")

    def reached(self) -> Reached | None:
        """How far it goes; None if there is none."""
        with contextlib.suppress(sqlite3.Error), self._reading() as connection:
            return _reached(connection)
        return None

    def stretches(self, wanted: Wanted) -> list[tuple[int, int]] | None:
        """The first and last numbers of the rows among which all wanted ones are, in order, as far as the index knows
        the log; None if it cannot say.
        """
        sql, values = _blocks(wanted)
        try:
            with self._reading() as connection:
                return _joined(connection.execute(sql, values))
        except sqlite3.Error:
            return None

    def sums(self, since: int, until: int) -> tuple[Cells, list[tuple[int, int]]] | None:
        """What all blocks that lie within that time come to, and the stretches that it cuts in two; None if the index
        cannot say.
        """
        until = until or 2**63 - 1
        inside = "SELECT number FROM block WHERE earliest >= ? AND latest < ? ORDER BY number"
        cut = "SELECT first, last FROM block WHERE latest >= ? AND earliest < ? AND NOT (earliest >= ? AND latest < ?)"
        columns = ", ".join(f"sum({name})" for name in _SUMS)
        sql = f"SELECT combination, {columns} FROM cell WHERE block BETWEEN ? AND ? GROUP BY combination"  # noqa: S608
        cells: Cells = {}
        try:
            with self._reading() as connection:
                connection.execute("BEGIN")
                names = {row[0]: Combination(*row[1:]) for row in connection.execute("SELECT * FROM combination")}
                for low, high in _runs(number for (number,) in connection.execute(inside, (since, until))):
                    merged(cells, {names[row[0]]: Sums(*row[1:]) for row in connection.execute(sql, (low, high))})
                return cells, list(connection.execute(cut + " ORDER BY number", (since, until, since, until)))
        except sqlite3.Error:
            return None

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode=ro", uri=True, timeout=BUSY, isolation_level=None
        )
        try:
            yield connection
        finally:
            connection.close()


class IndexWriter:
    """Writes the index: one process at a time, the caller sees to it. Raises sqlite3.Error."""

    def __init__(self, index: SearchIndex) -> None:
        self._connection = sqlite3.connect(index.path, timeout=BUSY, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")  # what is lost is made again
        if self._connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            self.clear()
        self._ids = {tuple(row[1:]): row[0] for row in self._connection.execute("SELECT * FROM combination")}

    def clear(self) -> None:
        """Begin anew."""
        named = self._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (name,) in named:
            self._connection.execute(f'DROP TABLE "{name}"')
        for statement in filter(str.strip, _TABLES.split(";")):
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA user_version = {VERSION}")
        self._ids = {}

    @property
    def reached(self) -> Reached | None:
        """How far it goes."""
        return _reached(self._connection)

    def put(self, block: Block, reached: Reached) -> None:
        """Say what a block holds, in place of what was said of it before, and how far the index goes with it."""
        number, tally = block.number, block.tally
        self._connection.execute("BEGIN IMMEDIATE")
        if self._connection.execute("SELECT 1 FROM block WHERE number = ?", (number,)).fetchone():
            self._connection.execute("DELETE FROM cell WHERE block = ?", (number,))
        row = (number, block.first, block.last.seq, tally.earliest, tally.latest)
        self._connection.execute("INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?, ?)", row)
        for which, sums in tally.cells.items():
            values = (self._id(which), number, *(getattr(sums, name) for name in _SUMS))
            self._connection.execute("INSERT INTO cell VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        self._connection.executemany(
            "INSERT OR IGNORE INTO place VALUES (?, ?)", [(session, number) for session in tally.sessions]
        )
        self._connection.execute("INSERT OR REPLACE INTO mark VALUES (1, ?, ?)", (reached.seq, reached.hash))
        self._connection.execute("COMMIT")

    def forget(self, first: int) -> int:
        """Drop the blocks of rows that retention has removed, all before number `first`. Gives the number of the block
        that it has cut in two (to be put anew), -1 if there is none.
        """
        number = first // BLOCK
        self._connection.execute("BEGIN IMMEDIATE")
        for table, column in (("cell", "block"), ("place", "block"), ("block", "number")):
            self._connection.execute(f"DELETE FROM {table} WHERE {column} < ?", (number,))  # noqa: S608 - our own names
        self._connection.execute("COMMIT")
        found = self._connection.execute("SELECT 1 FROM block WHERE number = ? AND first < ?", (number, first))
        return number if found.fetchone() else -1

    def close(self) -> None:
        """End."""
        self._connection.close()

    def _id(self, which: Combination) -> int:
        found = self._ids.get(which)
        if found is None:
            marks = ", ".join("?" * len(which))
            made = self._connection.execute(f"INSERT INTO combination VALUES (NULL, {marks})", which)  # noqa: S608
            found = self._ids[which] = int(made.lastrowid or 0)
        return found


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending numbers as runs of those that follow each other: one, unless the clock jumped."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _reached(connection: sqlite3.Connection) -> Reached | None:
    if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        return None
    found = connection.execute("SELECT seq, hash FROM mark").fetchone()
    return Reached(*found) if found else None


def _blocks(wanted: Wanted) -> tuple[str, list[object]]:
    """SQL for the blocks that may hold what is wanted."""
    where: list[str] = ["1"]
    values: list[object] = []
    if wanted.fields:
        same = " AND ".join(f"{name} = ?" for name in wanted.fields)
        ids = f"SELECT id FROM combination WHERE {same}"  # noqa: S608 - the names are those of Combination
        where.append(f"number IN (SELECT block FROM cell WHERE rows > 0 AND combination IN ({ids}))")  # noqa: S608
        values += wanted.fields.values()
    if wanted.session:
        where.append("number IN (SELECT block FROM place WHERE session = ?)")
        values.append(wanted.session)
    if wanted.since:
        where.append("latest >= ?")
        values.append(wanted.since)
    if wanted.until:
        where.append("earliest < ?")
        values.append(wanted.until)
    return f"SELECT first, last FROM block WHERE {' AND '.join(where)} ORDER BY number", values  # noqa: S608


def _joined(blocks: Iterable[Sequence[int]]) -> list[tuple[int, int]]:
    """The stretches of these blocks; those that nearly touch are one."""
    found: list[tuple[int, int]] = []
    for first, last in blocks:
        if found and first <= found[-1][1] + NEAR * BLOCK and last - found[-1][0] < 16 * BLOCK:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found
