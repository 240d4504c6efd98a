"""The audit log's one SQLite file: `Writer` appends, `Reader` (from audit.reader) asks."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from callgate.audit import opening, tree
from callgate.audit.check import Mark
from callgate.audit.headfile import HeadFile
from callgate.audit.log import SEQ_MAX, decode, encode, index, link, seal
from callgate.audit.merkle import TILE_LEVEL, Frontier, Growing, leaf
from callgate.audit.payload import Kept
from callgate.audit.reader import Filter, Reader
from callgate.model.errors import AuditError
from callgate.model.event import Event, Row
from callgate.settings import Durability

__all__ = ["Filter", "Reader", "Writer"]

RETRY_ROWS = 10_000
"""Rows, newest first, among which a repeated question is looked for."""
CUT_ROWS = 500
"""Rows that retention removes at once: some 10 ms in which no call is answered."""

_INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Writer:
    """The open log. One in the world per file (a lock sees to it); not to be used by two threads at the same time.

    `append` stages, `commit` makes durable. After an AuditError from either, nothing staged since the last commit
    is in the log and the next `append` goes on from the last durable row; the caller may stage the same rows again.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, beside: HeadFile, at: opening.Found) -> None:
        """Use `open`."""
        self.path = path
        self.findings = at.findings
        """What was wrong with the log when it was opened, a sentence each. It is written on nevertheless."""
        self.pending = 0
        """Rows staged since the last commit."""
        self.untidy = 0
        """Rows committed since the last `tidy`: some 4 pages of the write-ahead log each, if each is a transaction."""
        self._connection = connection
        self._execute = connection.cursor().execute
        self._beside = beside
        self.origin = at.origin
        """The log's name in its checkpoints."""
        self._last: Mark = at.last
        self._tree = Growing(at.last[0], at.frontier)
        self.durable: tuple[Mark, Frontier] = (at.last, at.frontier)
        """The last committed row, and the tree up to there (audit.merkle); may be read from any thread."""

    @classmethod
    def open(cls, path: Path, durability: Durability, signed: opening.Signed | None = None) -> Writer:
        """Open the log at `path`, or begin one there, in a folder that is ours alone. `signed` is what the newest
        checkpoint knows of it.

        A log that was tampered with is written on, and one that is no database any more is set aside for a new one:
        both are among the `findings`, which the caller records, so that no one can stop the daemon by breaking its log.
        Raises AuditError: another daemon has it open, or folder or disk do not allow it.
        """
        opening.make_private(path)
        beside = HeadFile(path)
        try:
            return cls(path, *opening.connect(path, durability, beside, signed))
        except sqlite3.Error as error:
            beside.close()
            raise opening.refused(path, error) from error
        except OSError as error:
            beside.close()
            raise AuditError(str(path), f"cannot be opened ({error.strerror})", "check the folder's rights") from error

    def append(self, event: Event, kept: Kept | None = None) -> int:
        """Stage one row (and what is kept of its payload) and give its sequence number. Raises AuditError."""
        seq, previous = self._last[0] + 1, self._last[1]
        body = encode(event, seq, None if kept is None else {"payload": _note(kept)})
        digest = link(previous, body.encode("ascii"))
        payload = (None, None) if kept is None or kept.text is None else (kept.salt, kept.text)
        try:
            if not self.pending:
                self._execute("BEGIN IMMEDIATE")
            self._execute(_INSERT, (seq, body, previous, digest, *index(event), *payload))
            tile = self._tree.add(leaf(digest))
            if tile is not None:
                number = (seq - 1) >> TILE_LEVEL
                self._execute("INSERT OR REPLACE INTO node VALUES (?, ?, ?)", (TILE_LEVEL, number, tile))
        except sqlite3.Error as error:
            self._undo()
            raise opening.refused(self.path, error) from error
        self._last = (seq, digest)
        self.pending += 1
        return seq

    def commit(self) -> None:
        """Make all staged rows durable (as far as `durability` says), or none of them and raise AuditError."""
        if not self.pending:
            return
        try:
            self._execute("INSERT OR REPLACE INTO mark VALUES ('head', ?, ?)", self._last)
            self._execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise opening.refused(self.path, error) from error
        self.untidy += self.pending
        self.pending = 0
        self.durable = (self._last, tuple(self._tree.frontier))
        self._beside.write(*self._last)

    def find_call(self, uid: str, within_last: int = RETRY_ROWS) -> Row | None:
        """The newest `call.asked` row with that uid among the last rows, staged ones included. Raises AuditError."""
        if not uid.isascii():
            return None
        for seq, body, digest in self._ask(
            "SELECT seq, CAST(body AS BLOB), hash FROM event WHERE uid = ? AND seq > ? ORDER BY seq DESC LIMIT 100",
            (uid, self._last[0] - within_last),
        ):
            with contextlib.suppress(ValueError):
                if (event := decode(body)).kind == "call.asked":
                    return Row(seq, event, digest.hex())
        return None

    def cut(self, before: int, now: int, upto: int = SEQ_MAX) -> int:
        """Remove the oldest rows, up to the first that is not older than `before`, and their payloads: one slice of
        CUT_ROWS, and none after row `upto`. Gives how many went; call again until it is 0. Times are nanoseconds.

        A `log.cut` row in the same transaction says which rows went and the hash of the last, which the first row that
        is left follows: the chain stays verifiable. Raises AuditError, and then nothing is removed.
        """
        self.commit()
        found = self._ask("SELECT seq, hash, time FROM event WHERE seq <= ? ORDER BY seq LIMIT ?", (upto, CUT_ROWS))
        count = _old([time for _, _, time in found], before, now)
        if not count:
            return 0
        first, (last, digest, _) = found[0][0], found[count - 1]
        digest = digest if type(digest) is bytes else b""
        said = {"first": first, "last": last, "rows": count, "hash": digest.hex(), "before": str(before)}
        self.append(Event("log.cut", now, detail=said))
        gone = [(seq, row if type(row) is bytes else b"") for seq, row, _ in found[:count]]
        try:
            tree.keep(self._connection, gone)
            self._execute("DELETE FROM event WHERE seq <= ?", (last,))
            self._execute("INSERT OR REPLACE INTO mark VALUES ('anchor', ?, ?)", (last, digest))
        except sqlite3.Error as error:
            self._undo()
            raise opening.refused(self.path, error) from error
        self.commit()
        return count

    def tidy(self) -> None:
        """Move committed rows from the write-ahead log into the file, which takes 4 to 20 ms: for idle moments.
        The writing connection does it itself: before SQLite 3.51.3 another one that did could damage the file. Raises
        AuditError.
        """
        self.untidy = 0
        self._ask("PRAGMA wal_checkpoint(PASSIVE)")

    def sync(self) -> None:
        """Make all that is committed survive a power cut, whatever the durability. For any thread; holds no call up.
        Raises AuditError."""
        try:
            fd = os.open(self.path.with_name(self.path.name + "-wal"), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        except FileNotFoundError:  # all of it is in the file, which was synced before the write-ahead log went
            return
        except OSError as error:
            raise AuditError(str(self.path), f"cannot be synced ({error.strerror})", "check its disk") from error

    def close(self) -> None:
        """Commit what is staged and close; the write-ahead log is emptied. Raises AuditError if the commit fails."""
        try:
            self.commit()
        finally:
            with contextlib.suppress(AuditError):
                self._ask("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()
            self._beside.close()

    def _ask(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise opening.refused(self.path, error) from error

    def _undo(self) -> None:
        """Forget what is staged, and go on from what the file now ends with (a failed commit may have been one)."""
        self.pending = 0
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
            found = opening.last_row(self._connection)
            (known, _), frontier = self.durable
            if found[0] > known:
                self.durable = (found, opening.frontier(self._connection, found[0], known, frontier))
        self._last = self.durable[0]
        self._tree = Growing(self._last[0], self.durable[1])


def _old(times: list[object], before: int, now: int) -> int:
    """How many of the oldest rows are old: all before the first that is not. A time yet to come says nothing; such a
    row is old only where an old one follows it: a clock set back removes no rows, and one false time keeps none.
    """
    count = 0
    for number, time in enumerate(times, 1):
        if type(time) is not int or time < before:
            count = number
        elif time <= now:
            break
    return count


def _note(kept: Kept) -> dict[str, object]:
    """What a row says of its payload."""
    note: dict[str, object] = {"digest": kept.digest, "size": kept.size}
    if kept.text is not None:
        note["seal"] = seal(kept.salt, kept.text.encode("ascii"))
    if kept.redactions:
        note["redactions"] = kept.redactions
    if kept.cut:
        note["cut"] = True
    return note
