"""Following the log: the rows after a given one, in bounded pieces, and where the log begins and ends."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from callgate.audit import opening
from callgate.audit.log import decode
from callgate.model.event import Event, Row


@dataclass(frozen=True, slots=True)
class Ends:
    """The first and the last row that are in the log; 0 and 0 for an empty one."""

    first: int
    last: int


class Tail:
    """Reads the log at `path` while it is written. Each use has a connection of its own that cannot write, and reads by
    row number alone, so it costs the writer nothing and no memory that grows with the log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def after(self, seq: int, rows: int, size: int, *, payload: bool = False) -> list[tuple[Row, str]]:
        """The rows after number `seq`, oldest first, each with the hash of the row before it (hex): at most `rows`, and
        none after the one with which their bodies reach `size` bytes. A row that makes no sense is a `log.unreadable`
        event. Raises AuditError.
        """
        found: list[tuple[Row, str]] = []
        with self._open() as connection:
            for number, body, previous, digest, text in connection.execute(
                "SELECT seq, CAST(body AS BLOB), prev, hash, iif(?, CAST(kept AS BLOB), NULL) FROM event"
                " WHERE seq > ? ORDER BY seq LIMIT ?",
                (payload, seq, rows),
            ):
                found.append((_row(number, body, digest, text), _hex(previous)))
                size -= len(body) if type(body) is bytes else 0
                size -= len(text) if type(text) is bytes else 0
                if size <= 0:
                    break
        return found

    def ends(self) -> Ends:
        """Raises AuditError."""
        with self._open() as connection:
            first, last = connection.execute("SELECT min(seq), max(seq) FROM event").fetchone()
        return Ends(first or 0, last or 0)

    def hash_of(self, seq: int) -> str | None:
        """The hash of that row (hex); None if it is not there. Raises AuditError."""
        with self._open() as connection:
            found = connection.execute("SELECT hash FROM event WHERE seq = ?", (seq,)).fetchone()
        return _hex(found[0]) if found else None

    def since(self, time: int) -> int | None:
        """The number of the first row of that moment (nanoseconds) or later. Raises AuditError."""
        with self._open() as connection:
            (found,) = connection.execute("SELECT min(seq) FROM event WHERE time >= ?", (time,)).fetchone()
        return found if type(found) is int else None

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(
                f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=opening.BUSY_MS / 1000, isolation_level=None
            )
            connection.text_factory = bytes  # a tamperer's text need not be UTF-8
            try:
                connection.execute("PRAGMA query_only = ON")
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise opening.refused(self._path, error) from error


def _row(seq: int, body: object, digest: object, kept: object) -> Row:
    try:
        event = decode(body if type(body) is bytes else b"")
    except ValueError as error:
        event = Event("log.unreadable", 0, reason=str(error))
    return Row(seq, event, _hex(digest), kept.decode("utf-8", "replace") if type(kept) is bytes else None)


def _hex(digest: object) -> str:
    return digest.hex() if type(digest) is bytes else ""
