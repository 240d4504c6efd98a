"""The one writer of the log: stages rows, links them, and makes a batch of them durable at once."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

from callgate.audit.log import GENESIS, decode, encode, link, seal
from callgate.audit.payload import Kept
from callgate.audit.store import schema, witness
from callgate.model.errors import AuditError
from callgate.model.event import Event, Row
from callgate.settings import Durability

BUSY_MS = 1000
"""Milliseconds that we wait for someone else's lock on the file (there should be none: readers take no lock)."""
CHECKPOINT_PAGES = 4000
"""Pages of 4 KiB in the write-ahead log before a commit moves them to the file by itself. The idle `checkpoint` should
be faster: moving 16 MiB within a commit takes some 20 ms."""
RETRY_ROWS = 10_000
"""Rows, newest first, among which a repeated question is looked for."""


class Writer:
    """The open log. One in the world per file (a lock sees to it); not to be used by two threads at the same time.

    `append` stages, `commit` makes durable. After an AuditError from either, nothing staged since the last commit
    is in the log and the next `append` goes on from the last durable row; the caller may stage the same rows again.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, witness: witness.Witness) -> None:
        self.path = path
        self._connection = connection
        self._execute = connection.execute
        self._witness = witness
        self._durable = self._last = (0, GENESIS)
        self.pending = 0
        """Rows staged since the last commit."""

    @classmethod
    def open(cls, path: Path, durability: Durability) -> Writer:
        """Open the log at `path`, or begin one there, in a folder of ours. Raises AuditError."""
        _make(path)
        lock = witness.Witness(witness.beside(path))
        try:
            connection = _connect(path, durability)
            writer = cls(path, connection, lock)
            writer._locate()
        except sqlite3.Error as error:
            lock.close()
            raise _refused(path, error) from error
        return writer

    def append(self, event: Event, kept: Kept | None = None) -> int:
        """Stage one row (and what is kept of its payload) and give its sequence number. Raises AuditError."""
        seq, previous = self._last[0] + 1, self._last[1]
        body = encode(event, seq, None if kept is None else {"payload": _note(kept)})
        digest = link(previous, body.encode("ascii"))
        try:
            if not self.pending:
                self._execute("BEGIN IMMEDIATE")
            self._execute(
                "INSERT INTO event (seq, body, prev, hash) VALUES (?, ?, ?, ?)", (seq, body, previous, digest)
            )
            if kept is not None and kept.text is not None:
                self._execute("INSERT OR REPLACE INTO payload VALUES (?, ?, ?)", (seq, kept.salt, kept.text))
        except sqlite3.Error as error:
            self._undo()
            raise _refused(self.path, error) from error
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
            raise _refused(self.path, error) from error
        self.pending = 0
        self._durable = self._last
        self._witness.write(*self._durable)

    def find_call(self, uid: str, within_last: int = RETRY_ROWS) -> Row | None:
        """The newest `call.asked` row with that uid among the last rows, staged ones included. Raises AuditError."""
        with contextlib.suppress(UnicodeEncodeError):  # a lone surrogate: SQL cannot ask for it
            try:
                found = self._execute(
                    "SELECT seq, CAST(body AS BLOB), hash FROM event WHERE uid = ? AND seq > ? ORDER BY seq DESC",
                    (uid, self._last[0] - within_last),
                ).fetchall()
            except sqlite3.Error as error:
                raise _refused(self.path, error) from error
            for seq, body, digest in found:
                with contextlib.suppress(ValueError):
                    if (event := decode(body)).kind == "call.asked":
                        return Row(seq, event, digest.hex())
        return None

    def checkpoint(self) -> None:
        """Move committed rows from the write-ahead log into the file: for idle moments. Raises AuditError."""
        try:
            self._execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            raise _refused(self.path, error) from error

    def close(self) -> None:
        """Commit what is staged and close; the write-ahead log is emptied. Raises AuditError if the commit fails."""
        try:
            self.commit()
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._connection.close()
            self._witness.close()

    def _undo(self) -> None:
        """Forget what is staged, and go on from what the file now ends with."""
        self.pending = 0
        self._last = self._durable
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
            self._locate()

    def _locate(self) -> None:
        found = self._execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        if found and found[0] > self._durable[0]:
            self._durable = self._last = found


def _make(path: Path) -> None:
    """An empty private file at `path` unless there is one; raises AuditError unless file and folder are ours alone."""
    try:
        folder = path.parent.stat()
        if folder.st_uid != os.geteuid() or folder.st_mode & 0o022:
            raise AuditError(
                str(path.parent), "belongs to or can be written by someone else", "make it yours, mode 0700"
            )
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
            with contextlib.suppress(FileNotFoundError):
                found = file.lstat()
                if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                    raise AuditError(str(file), "is a link, not a file, or not yours", "move it away")
                if found.st_mode & 0o077:
                    file.chmod(0o600)
    except OSError as error:
        raise AuditError(str(path), f"cannot be made ({error.strerror})", "check the folder's rights") from error


def _connect(path: Path, durability: Durability) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    for name, value in {
        "journal_mode": "WAL",
        "synchronous": "FULL" if durability is Durability.FSYNC else "NORMAL",
        "fullfsync": int(durability is Durability.FSYNC),  # macOS: fsync alone does not reach the disk there
        "checkpoint_fullfsync": 1,
        "wal_autocheckpoint": CHECKPOINT_PAGES,
        "journal_size_limit": CHECKPOINT_PAGES * 4096,
        "secure_delete": "FAST",
    }.items():
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
    schema.migrate(connection)
    return connection


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


def _refused(path: Path, error: sqlite3.Error) -> AuditError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    step = _STEPS.get(code, "see docs/events.md")
    return AuditError(str(path), f"the audit log refused ({error})", step)


_STEPS = {
    sqlite3.SQLITE_FULL: "free some space on its disk",
    sqlite3.SQLITE_IOERR: "check its disk",
    sqlite3.SQLITE_READONLY: "make file and folder writable for the daemon",
    sqlite3.SQLITE_BUSY: "another process holds a lock on it: close that process",
}
