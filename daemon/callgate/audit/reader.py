"""Asking the log: rows by filter, one event, counts, the check of the whole. Never writes or holds the writer up."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callgate.audit import headfile, opening, tree
from callgate.audit.check import START, Check, Stored, Verification
from callgate.audit.log import SEQ_MAX, decode, quoted
from callgate.audit.opening import mark
from callgate.audit.proofs import reading
from callgate.audit.searching import BLOCK, Block, Reached, SearchIndex, Wanted
from callgate.audit.signed import Comparison
from callgate.audit.tally import QUESTIONS, Awaited, Combination, Tally, plain
from callgate.model.event import Event, Row

if TYPE_CHECKING:
    from sqlite_utils.db import Database

ABOUT_MAX = 1000
"""Rows of one call or thing that are shown together."""
RECENT_ROWS = 100_000
"""Rows, newest last, among which `recent` looks."""
SLICE = 8 * BLOCK
"""Rows that a bounded search reads before it looks at the clock."""
DAY = 24 * 3600 * 10**9
"""Nanoseconds."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows: those for which all that is given here holds."""

    since: int = 0
    """Nanoseconds since the epoch: rows of this moment or later; 0 for all."""
    until: int = 0
    """Rows before this moment; 0 for all."""
    session: str = ""
    user: str = ""
    agent: str = ""
    server: str = ""
    entry: str = ""
    tool: str = ""
    effect: str = ""
    kind: str = ""
    rule: str = ""
    uid: str = ""
    text: str = ""
    """Anywhere in the row or its payload; upper and lower case of ASCII letters are the same."""
    after: int = 0
    """Rows with a larger sequence number."""
    before: int = 0
    """Rows with a smaller sequence number; 0 for all."""
    limit: int = 0
    """At most so many rows; 0 for all."""
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search has found so far."""

    rows: list[Row]
    upto: int
    """The row up to which it has looked, in the order of looking; what comes after was not looked at. 0: all was."""


_EXACT = ("session", "user", "agent", "server", "entry", "tool", "effect", "kind", "rule", "uid")


class Reader:
    """Reads the log at `path`, also while it is being written or after its daemon died. Each use has a connection of
    its own, so one Reader may serve many threads.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tally = _Tally(-1, 0, 0, {})
        self.index = SearchIndex(path)

    def rows(self, wanted: Filter) -> Iterator[Row]:
        """The rows that pass, by ascending sequence number or newest first. Raises AuditError."""
        with self._asked() as database:
            stretches = _stretches(database, self.index, wanted)
            found = (one for low, high in stretches for one in database.query(*_select(wanted, low, high)))
            rows = map(_row, found)
            yield from itertools.islice((row for row in rows if _passes(row, wanted)), wanted.limit or None)

    def search(self, wanted: Filter, seconds: float) -> Searched:
        """The same rows, as many as are found within that time. Raises AuditError."""
        deadline = time.monotonic() + seconds
        found: list[Row] = []
        with self._asked() as database:
            last = opening.last_row(database.conn)[0]
            for low, high in _slices(_stretches(database, self.index, wanted), last, wanted.newest_first):
                rows = map(_row, database.query(*_select(wanted, low, high)))
                room = wanted.limit - len(found) if wanted.limit else None
                found += itertools.islice((row for row in rows if _passes(row, wanted)), room)
                if wanted.limit and len(found) >= wanted.limit:
                    return Searched(found, found[-1].seq)
                if time.monotonic() > deadline:
                    return Searched(found, low if wanted.newest_first else high)
        return Searched(found, 0)

    def recent(self, kind: str) -> Iterator[Row]:
        """Rows of that kind among the last RECENT_ROWS, oldest first. Raises AuditError."""
        with self._open() as connection:
            last = opening.last_row(connection)[0]
        return self.rows(Filter(kind=kind, after=max(0, last - RECENT_ROWS)))

    def get(self, ref: str) -> list[Row]:
        """The row with that sequence number, else all rows with that uid, with payloads. Raises AuditError."""
        with self._asked() as database:
            if ref.isascii() and ref.isdigit() and int(ref[:20]) <= SEQ_MAX:
                found = list(database.query(f"{_ROWS} WHERE seq = ?", [int(ref[:20])]))
                if found:
                    return [_row(one) for one in found]
            if not ref.isascii():
                return []
            sql = f"{_ROWS} WHERE uid = ? ORDER BY seq LIMIT {ABOUT_MAX}"
            return [_row(one) for one in database.query(sql, [ref])]

    def counts(self, now: int = 0) -> dict[str, Any]:
        """Rows in all, per effect, and per effect since midnight (UTC) of the day of `now` (nanoseconds; 0: the clock);
        bytes on disk. Raises AuditError."""
        now = now or time.time_ns()
        with self._asked() as database:
            tally = self._tally = _counted(database, self._tally)
            today = database.query(
                "SELECT effect, count(*) AS rows FROM event WHERE time >= ? GROUP BY effect", [now - now % DAY]
            )
            effects_today = {_word(one["effect"]): one["rows"] for one in today if one["effect"]}
        size = 0
        for side in ("", "-wal"):
            with contextlib.suppress(OSError):
                size += self._path.with_name(self._path.name + side).stat().st_size
        return {
            "rows": tally.rows,
            "last": tally.last,
            "bytes": size,
            "effects": tally.effects,
            "today": effects_today,
        }

    def blocks(self, begin: int) -> Iterator[Block]:
        """What each block of rows holds, from the block of row `begin` on. Raises AuditError."""
        with self._asked() as database:
            awaited = Awaited(lambda uid: _question(database, uid))
            last = opening.last_row(database.conn)[0]
            for number in range(begin // BLOCK, last // BLOCK + 1):
                tally, first, reached = Tally(awaited), 0, Reached(0, "")
                for one in database.query(*_select(Filter(), number * BLOCK, (number + 1) * BLOCK - 1)):
                    row = _row(one)
                    tally.add(row.event)
                    first, reached = first or row.seq, Reached(row.seq, row.hash)
                if first:
                    yield Block(number, first, reached, tally)

    def tally(self, stretches: Sequence[tuple[int, int]], since: int, until: int) -> Tally:
        """What the rows of that time come to, in these stretches of the log. Raises AuditError."""
        wanted = Filter(since=since, until=until)
        with self._asked() as database:
            tally = Tally(Awaited(lambda uid: _question(database, uid)))
            for low, high in stretches:
                for row in map(_row, database.query(*_select(wanted, low, high))):
                    if _passes(row, wanted):
                        tally.add(row.event)
        return tally

    def reached(self) -> Reached | None:
        """How far the search index knows this log; None if it does not, or knows another one. Raises AuditError."""
        with self._asked() as database:
            return _reached(database, self.index)

    def first_and_last(self) -> tuple[int, int]:
        """The numbers of the first row that is left and of the last one. Raises AuditError."""
        with self._open() as connection:
            first = connection.execute("SELECT min(seq) FROM event").fetchone()[0]
            return first or 0, opening.last_row(connection)[0]

    def verify(self, since_seq: int | None = None, signed: Comparison | None = None) -> Verification:
        """Check every row (or those from `since_seq` on), and where the log begins and ends. `signed` is given the hash
        of every row, whether it is checked or was removed.

        One reading transaction, memory that does not grow with the log. Pages that cannot be read are named like rows
        that were edited. Raises AuditError only where there is no log to read.
        """
        noted = headfile.read(self._path)  # before the rows: it may then be behind them, never ahead
        with self._open() as connection:
            connection.execute("BEGIN")
            head, anchor = mark(connection, "head"), mark(connection, "anchor") or START
            notes = (noted,) if noted else ()
            if since_seq is not None and since_seq > anchor[0] + 1:
                before = connection.execute("SELECT seq, hash FROM event WHERE seq < ? ORDER BY seq DESC", (since_seq,))
                found = before.fetchone() or anchor
                check = Check((found[0], found[1] if type(found[1]) is bytes else b""), notes, whole=False)
                at = found[0] + 1
            else:
                check, at = Check(anchor, notes), 0
            end = max(note[0] for note in (head, noted, START) if note)
            if signed is not None:
                for seq, row in tree.hashes(connection, 1, max(at - 1, anchor[0])):
                    signed.row(seq, row)
            _check_all(connection, check, at, end, signed)
            return check.finish(head)

    def _open(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """A connection that cannot write."""
        return reading(self._path)

    @contextlib.contextmanager
    def _asked(self) -> Iterator[Database]:
        """The same connection under the library that queries are written with."""
        import sqlite_utils  # 0.3 s: only when the log is searched

        with self._open() as connection:
            yield sqlite_utils.Database(connection, recursive_triggers=False, execute_plugins=False)


_ROWS = "SELECT seq, CAST(body AS BLOB) AS body, hash, CAST(kept AS BLOB) AS kept FROM event"


def _stretches(database: Database, index: SearchIndex, wanted: Filter) -> list[tuple[int, int]]:
    """Where in the log to look, in the order of looking: where the index says, and what it does not know yet."""
    low, high = wanted.after + 1, wanted.before - 1 if wanted.before else SEQ_MAX
    fields = {name: plain(value) for name in Combination._fields if (value := getattr(wanted, name, ""))}
    indexed = Wanted(fields, plain(wanted.session), wanted.since, wanted.until)
    reached = None
    if not wanted.uid and (fields or wanted.session or wanted.since or wanted.until):
        reached = _reached(database, index)
    known = index.stretches(indexed) if reached and reached.seq > wanted.after else None
    if reached is not None and known is not None:
        known.append((max(low, reached.seq + 1), SEQ_MAX))
        found = [(max(low, first), min(last, high)) for first, last in known if last >= low and first <= high]
        return found[::-1] if wanted.newest_first else found
    if wanted.since or wanted.until:
        first, last = _span(database, wanted, low)
        return [(first, min(last, high))]
    return [(low, high)]


def _slices(stretches: list[tuple[int, int]], last: int, newest_first: bool) -> Iterator[tuple[int, int]]:
    """The stretches in pieces that are read in about a tenth of a second, in the same order."""
    for low, high in stretches:
        begins = range(low, min(high, last) + 1, SLICE)
        for begin in reversed(begins) if newest_first else begins:
            yield begin, min(begin + SLICE - 1, high, last)


def _reached(database: Database, index: SearchIndex) -> Reached | None:
    reached = index.reached()
    if reached is None:
        return None
    found = list(database.query("SELECT hash FROM event WHERE seq = ?", [reached.seq]))
    same = bool(found) and type(found[0]["hash"]) is bytes and found[0]["hash"].hex() == reached.hash
    return reached if same else None


def _question(database: Database, uid: str) -> Event | None:
    """The question with that id, to a tool or a model."""
    if not uid.isascii():
        return None
    for one in database.query(f"{_ROWS} WHERE uid = ? ORDER BY seq LIMIT 10", [uid]):
        if (event := _row(one).event).kind in QUESTIONS:
            return event
    return None


def _select(wanted: Filter, low: int, high: int) -> tuple[str, list[int | str]]:
    """SQL for a superset of the wanted rows, quick to find; `_passes` decides."""
    where = ["seq BETWEEN ? AND ?"]
    values: list[int | str] = [low, high]
    for name in _EXACT:
        if value := getattr(wanted, name):
            where.append("instr(body, ?)")
            values.append(f'"{name}":{quoted(value)}')
    if wanted.uid.isascii() and wanted.uid:
        where.append("uid = ?")
        values.append(wanted.uid)
    if wanted.text:
        where.append("(instr(lower(body), ?) OR instr(lower(kept), ?))")
        values += [quoted(wanted.text)[1:-1].lower()] * 2
    order = "DESC" if wanted.newest_first else "ASC"
    return f"{_ROWS} WHERE {' AND '.join(where)} ORDER BY seq {order}", values


def _passes(row: Row, wanted: Filter) -> bool:
    event = row.event
    if (wanted.since and event.time < wanted.since) or (wanted.until and event.time >= wanted.until):
        return False
    return all(getattr(event, name) == value for name in _EXACT if (value := getattr(wanted, name)))


def _span(database: Database, wanted: Filter, low: int) -> tuple[int, int]:
    """The first and the last row of the wanted time, from the index alone."""
    (found,) = database.query(
        "SELECT min(seq) AS low, max(seq) AS high FROM event WHERE time >= ? AND time < ?",
        [wanted.since, wanted.until or 2**63 - 1],
    )
    return (max(low, found["low"]), found["high"]) if found["low"] is not None else (1, 0)


@dataclass(frozen=True, slots=True)
class _Tally:
    """Rows counted so far: all up to `last`, in a log that retention has cut up to `cut`."""

    cut: int
    last: int
    rows: int
    effects: dict[str, int]


def _counted(database: Database, before: _Tally) -> _Tally:
    """The tally of all rows: only what came since `before` is counted, unless rows were removed."""
    cut = (mark(database.conn, "anchor") or START)[0]
    if cut != before.cut:
        before = _Tally(cut, 0, 0, {})
    last, rows, effects = before.last, before.rows, dict(before.effects)
    for one in database.query(
        "SELECT effect, count(*) AS rows, max(seq) AS last FROM event WHERE seq > ? GROUP BY effect", [before.last]
    ):
        rows, last = rows + one["rows"], max(last, one["last"])
        if one["effect"]:
            effects[_word(one["effect"])] = effects.get(_word(one["effect"]), 0) + one["rows"]
    return _Tally(cut, last, rows, effects)


def _word(effect: object) -> str:
    return effect.decode("utf-8", "replace") if isinstance(effect, bytes) else str(effect)


def _row(found: dict[str, Any]) -> Row:
    body, digest, kept = found["body"], found["hash"], found["kept"]
    try:
        event = decode(body)
    except ValueError as error:
        event = Event("log.unreadable", 0, reason=str(error))
    text = kept.decode("utf-8", "replace") if type(kept) is bytes else None
    return Row(found["seq"], event, digest.hex() if type(digest) is bytes else "", text)


def _check_all(connection: sqlite3.Connection, check: Check, at: int, end: int, signed: Comparison | None) -> None:
    """Give all rows from `at` on to `check` and `signed`. Where the file cannot be read, go on behind that place."""
    skip, reason = 0, ""
    while True:
        try:
            for row in connection.execute(f"{opening.ROWS} WHERE seq >= ? ORDER BY seq", (at + skip,)):
                if skip:
                    check.unreadable(at, row[0] - 1, reason)
                    skip = 0
                check.row(Stored(*row))
                if signed is not None:
                    signed.row(row[0], row[3], row[1])
                at = row[0] + 1
            if not skip:
                return
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR):
                raise
            skip, reason = skip * 2 or 1, str(error)
        if at + skip > end:
            check.unreadable(at, max(at, end), reason)
            return
