"""Opening the log for writing: a private file, our tables, and where chain and tree go on, whatever is found there."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
import sqlite3
import stat
from dataclasses import dataclass
from pathlib import Path

from callgate.audit import schema
from callgate.audit.check import START, Check, Mark, Stored
from callgate.audit.headfile import HeadFile
from callgate.audit.log import SEQ_MAX
from callgate.audit.merkle import Frontier, Growing, frontier_of, leaf, parts
from callgate.audit.tree import hashes, nodes
from callgate.model.errors import AuditError
from callgate.settings import Durability

BUSY_MS = 1000
"""Milliseconds that we wait for someone else's lock on the file (there should be none: readers take no lock)."""
WAL_PAGES = 16_000
"""Pages of 4 KiB in the write-ahead log (64 MB) before a commit moves them to the file by itself, which holds that
commit up for tens of milliseconds. `tidy` comes first: this is for when nobody calls it."""
WAL_KEPT = 16 * 1024 * 1024
"""Bytes that the write-ahead log keeps on the disk when it is empty."""
TAIL_ROWS = 1000
"""Rows at the end of the log that are checked when it is opened; `verify` checks all."""
LEAP_MAX = 10_000_000
"""Rows that may have gone missing at the end. A note of a later row than that is a forgery, to use up the numbers."""
ASIDE_MAX = 1000
"""Damaged logs that are kept beside the log."""

_NO_LOG = (0, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Codes (0: our own error) that say that this is not, or no longer, a database with our tables."""
_SIDES = ("", "-wal", "-shm")
CHECKPOINTS = ".checkpoints"
"""What the file of the log's checkpoints is called after the log's."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What the newest checkpoint knows of the log of that name: its last row, and the tree up to there."""

    origin: str
    last: Mark
    frontier: Frontier


@dataclass(frozen=True, slots=True)
class Found:
    """Where chain and tree go on, and what was wrong."""

    last: Mark
    frontier: Frontier
    origin: str
    findings: tuple[str, ...]


def make_private(path: Path) -> None:
    """An empty private file at `path` unless there is one. Raises AuditError unless file and folder are ours alone."""
    try:
        folder = path.parent.stat()
        if folder.st_uid != os.geteuid() or folder.st_mode & 0o022:
            raise AuditError(
                str(path.parent), "belongs to or can be written by someone else", "make it yours, mode 0700"
            )
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        for side in _SIDES:
            with contextlib.suppress(FileNotFoundError):
                file = path.with_name(path.name + side)
                found = file.lstat()
                if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                    raise AuditError(str(file), "is a link, not a file, or not yours", "move it away")
                if found.st_mode & 0o077:
                    file.chmod(0o600)
    except OSError as error:
        raise AuditError(str(path), f"cannot be made ({error.strerror})", "check the folder's rights") from error


def connect(
    path: Path, durability: Durability, beside: HeadFile, signed: Signed | None
) -> tuple[sqlite3.Connection, HeadFile, Found]:
    """The one writing connection, and where chain and tree go on. Raises sqlite3.Error or OSError."""
    findings: tuple[str, ...] = ()
    aside = False
    while True:
        connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        try:
            _set_up(connection, durability)
            schema.migrate(connection)
            if not schema.is_ours(connection):
                raise sqlite3.DatabaseError("its tables are not ours")
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            if signed and (origin(connection) or signed.origin) != signed.origin:
                findings, signed = (*findings, "the checkpoints beside the log are those of another log"), None
            last, seen = _look(connection, beside.read(), signed)
            frontier = _grown(connection, last[0], signed)
            name, unnamed = _named(connection, signed.origin if signed else "")
            return connection, beside, Found(last, frontier, name, (*findings, *seen, *unnamed))
        except sqlite3.DatabaseError as error:
            connection.close()
            if aside or _code(error) not in _NO_LOG:
                raise
            findings, signed, aside = (_set_aside(path, error),), None, True
            beside.write(*START)


def last_row(connection: sqlite3.Connection) -> Mark:
    """The last row that is in the file. Raises sqlite3.Error."""
    found = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone() or START
    return found[0], found[1] if type(found[1]) is bytes else b""


def mark(connection: sqlite3.Connection, name: str) -> Mark | None:
    """The "head" or the "anchor" as the file notes it, None if there is no such note or no sense in it."""
    found = connection.execute("SELECT seq, hash FROM mark WHERE name = ?", (name,)).fetchone()
    if found and type(found[0]) is int and type(found[1]) is bytes and 0 <= found[0] <= SEQ_MAX:
        return found[0], found[1]
    return None


def refused(path: Path, error: sqlite3.Error) -> AuditError:
    """What SQLite said, as an error of ours with the next step."""
    step = _STEPS.get(_code(error), 'see docs/events.md, "A damaged log"')
    return AuditError(str(path), f"the audit log cannot be used ({error})", step)


_STEPS = {
    sqlite3.SQLITE_FULL: "free some space on its disk",
    sqlite3.SQLITE_IOERR: "check its disk, and whether that is full",
    sqlite3.SQLITE_READONLY: "make file and folder writable for the daemon",
    sqlite3.SQLITE_CANTOPEN: "make file and folder readable for the daemon",
    sqlite3.SQLITE_BUSY: "another process holds a lock on it: close that process",
}


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _set_up(connection: sqlite3.Connection, durability: Durability) -> None:
    pragmas = {
        "journal_mode": "WAL",
        "synchronous": "FULL" if durability is Durability.FSYNC else "NORMAL",
        "fullfsync": int(durability is Durability.FSYNC),  # macOS: fsync alone does not reach the disk there
        "checkpoint_fullfsync": 1,
        "wal_autocheckpoint": WAL_PAGES,
        "journal_size_limit": WAL_KEPT,
        "secure_delete": "FAST",
    }
    for name, value in pragmas.items():
        connection.execute(f"PRAGMA {name} = {value}").fetchall()


def _look(connection: sqlite3.Connection, noted: Mark | None, signed: Signed | None) -> tuple[Mark, tuple[str, ...]]:
    """Check the last rows, and say where the chain goes on: after the last row that is known to have been written, be
    it there or not. So a gap stays where rows were cut off at the end."""
    head, last = mark(connection, "head"), last_row(connection)
    if last[0] >= SEQ_MAX:
        raise sqlite3.DatabaseError("its row numbers are used up")
    known = (head, noted, signed.last if signed else None)
    notes = [note for note in known if note and note[0] <= last[0] + LEAP_MAX and note[0] < SEQ_MAX]
    connection.text_factory = bytes
    found = connection.execute(f"{ROWS} ORDER BY seq DESC LIMIT ?", (TAIL_ROWS + 1,)).fetchall()[::-1]
    connection.text_factory = str
    rows = [Stored(*row) for row in found]
    anchor, whole = mark(connection, "anchor") or START, len(rows) <= TAIL_ROWS
    if not whole:
        anchor = (rows[0].seq, rows[0].hash if type(rows[0].hash) is bytes else b"")
        rows = rows[1:]
    check = Check(anchor, tuple(notes), whole=whole)
    for row in rows:
        check.row(row)
    outcome = check.finish(head)
    findings = tuple(outcome.as_json()["findings"])
    if noted and noted not in notes:
        findings += (f"the note of the last row says {noted[0]:,}, which cannot be",)
    return max([*notes, last], key=lambda note: note[0]), findings


def _grown(connection: sqlite3.Connection, size: int, signed: Signed | None) -> Frontier:
    """The frontier of the tree over so many rows. It goes on from what was signed, whatever became of the rows since:
    so no one can make a log contradict its own checkpoints by taking rows out of it."""
    if signed is not None and signed.last[0] <= size:
        known = signed.last[0], signed.frontier
        if last_row(connection)[0] < signed.last[0]:  # nothing else knows these nodes any more
            for (level, number), kept in zip(parts(0, known[0]), signed.frontier, strict=True):
                connection.execute("INSERT OR REPLACE INTO node VALUES (?, ?, ?)", (level, number, kept))
    else:
        last = last_row(connection)[0]
        known = last, frontier_of(last, nodes(connection))
    return frontier(connection, size, *known)


def frontier(connection: sqlite3.Connection, size: int, known: int, so_far: Frontier) -> Frontier:
    """The frontier over `size` rows, where that over the first `known` is `so_far`. Raises sqlite3.Error."""
    growing = Growing(known, so_far)
    for seq, row in hashes(connection, known + 1, size):
        growing.skip(seq - 1)
        growing.add(leaf(row))
    growing.skip(size)
    return tuple(growing.frontier)


def _named(connection: sqlite3.Connection, signed: str) -> tuple[str, tuple[str, ...]]:
    """The log's name in checkpoints. It gets one when it is begun, and where that was taken away the one that its
    checkpoints have."""
    found = origin(connection)
    if found:
        return found, ()
    host = re.sub(r"[^a-z0-9.-]+", "-", platform.node().lower())[:60].strip("-.") or "machine"
    name = signed or f"callgate/{host}/{secrets.token_hex(8)}"
    connection.execute("INSERT OR REPLACE INTO mark VALUES ('origin', 0, ?)", (name.encode(),))
    return name, ("the name of the log was deleted",) if found is None else ()


def origin(connection: sqlite3.Connection) -> str | None:
    """The log's name in checkpoints; empty if it never had one, None if the note of it makes no sense. Raises
    sqlite3.Error."""
    row = connection.execute("SELECT hash FROM mark WHERE name = 'origin'").fetchone()
    if row is None:
        return ""
    name = row[0].decode("ascii", "replace") if type(row[0]) is bytes else ""
    return name if re.fullmatch(r"callgate/[a-z0-9.-]{1,60}/[0-9a-f]{16}", name) else None


ROWS = "SELECT seq, body, prev, hash, time, uid, effect, salt, kept FROM event"
"""The columns of check.Stored."""


def _set_aside(path: Path, error: sqlite3.Error) -> str:
    """Move a log that is none (any more) out of the way. Raises OSError."""
    for number in range(1, ASIDE_MAX + 1):
        away = path.with_name(f"{path.name}.damaged-{number}")
        if not away.exists():
            break
    for side in (*_SIDES, CHECKPOINTS):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + side).rename(away.with_name(away.name + side))
    make_private(path)
    return f"the log was no longer usable ({error}): it was set aside as {away.name} and a new one begun"
