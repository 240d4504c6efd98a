"""The pins that this machine keeps itself, in one SQLite file. Only the gate's thread uses it."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from callgate.model.errors import RegistryError
from callgate.model.pin import Change, ChangeClass, Kind, Pin, Reason

log = logging.getLogger(__name__)

SCHEMA = 1
BUSY_MS = 1000
"""Milliseconds that we wait for someone else's lock on the file (there should be none)."""
ASIDE_MAX = 1000
"""Damaged files that are kept beside it."""
TABLE = """\
CREATE TABLE version(
  lineage TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, second TEXT NOT NULL,
  shape TEXT NOT NULL, change TEXT NOT NULL, trusted INTEGER NOT NULL, listed INTEGER NOT NULL, server TEXT NOT NULL,
  seen INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY(lineage, kind, name, digest, second)
) WITHOUT ROWID"""

Key = tuple[str, Kind, str]
"""Whose definition: lineage of the server, kind, name."""


@dataclass(slots=True)
class Version:
    """One definition that was listed under one name."""

    pin: Pin
    change: Change
    """How it differs from what was trusted when it was first listed; nothing if it was trusted at once."""
    trusted: int
    """0: it never was. Else: the larger, the later it was approved, or trusted on first use."""
    listed: int
    """The larger, the later it became what the server lists."""
    server: str
    """The full identity that first listed it."""
    seen: int
    """Nanoseconds: when that was."""
    size: int
    """Characters of its text that are kept."""
    against: tuple[str, str] | None = None
    """The digests of what `change` was compared with; None: not known (any more)."""


class PinStore:
    """All versions on disk. Changes are staged until `commit`. Every method may raise RegistryError."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes one; a damaged one is renamed and begun anew, which `problem` then says."""
        self.path = path
        self.problem = ""
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            try:
                self._db = self._open()
            except sqlite3.Error as again:
                raise RegistryError(str(self.path), f"cannot be opened ({again})", "check its folder") from again

    def load(self) -> Iterator[tuple[Key, Version]]:
        """Everything but the texts."""
        columns = "lineage, kind, name, digest, second, shape, change, trusted, listed, server, seen, length(text)"
        with self._errors():
            for row in self._db.execute(f"SELECT {columns} FROM version ORDER BY listed"):  # noqa: S608 - constant
                try:
                    key = (row[0], Kind(row[1]), row[2])
                    yield key, Version(Pin(row[3], row[4], row[5]), _change(row[6]), *row[7:12])
                except (ValueError, TypeError) as error:
                    log.warning("%s: a row makes no sense (%s)", self.path, error)

    def text(self, key: Key, pin: Pin) -> str:
        """The canonical text of a version; "" if it was not kept."""
        with self._errors():
            row = self._db.execute(
                "SELECT text FROM version WHERE lineage = ? AND kind = ? AND name = ? AND digest = ? AND second = ?",
                (*key, pin.digest, pin.second),
            ).fetchone()
        return str(row[0]) if row else ""

    def put(self, key: Key, version: Version, text: str | None = None) -> None:
        """Stage a version: a new one with its text, or a known one with what changed of it."""
        where = (*key, version.pin.digest, version.pin.second)
        with self._errors():
            self._begin()
            if text is None:
                self._db.execute(
                    "UPDATE version SET change = ?, trusted = ?, listed = ? "
                    "WHERE lineage = ? AND kind = ? AND name = ? AND digest = ? AND second = ?",
                    (_written(version.change), version.trusted, version.listed, *where),
                )
                return
            rest = (version.pin.shape, _written(version.change), version.trusted, version.listed, version.server)
            self._db.execute(
                "INSERT OR REPLACE INTO version VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                (*where, *rest, version.seen, text),
            )

    def drop(self, key: Key, pin: Pin) -> None:
        """Stage the removal of one version."""
        with self._errors():
            self._begin()
            self._db.execute(
                "DELETE FROM version WHERE lineage = ? AND kind = ? AND name = ? AND digest = ? AND second = ?",
                (*key, pin.digest, pin.second),
            )

    def commit(self) -> None:
        """Make what is staged durable."""
        with self._errors():
            if self._db.in_transaction:
                self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file; what is staged is lost."""
        self._db.close()

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        try:
            self.path.chmod(0o600)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA trusted_schema = OFF")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                db.execute("BEGIN IMMEDIATE")
                db.execute(TABLE)
                db.execute(f"PRAGMA user_version = {SCHEMA}")
                db.execute("COMMIT")
            elif version != SCHEMA:
                raise sqlite3.DatabaseError(f"it is of version {version}, not {SCHEMA}")
            tables = db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
            if [row[0] for row in tables] != [TABLE]:
                raise sqlite3.DatabaseError("its tables are not ours")
            if db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("it is damaged")
        except (sqlite3.Error, OSError):
            db.close()
            raise
        return db

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        if isinstance(error, sqlite3.OperationalError):  # locked, full, no rights: that is not damage
            raise RegistryError(str(self.path), f"cannot be opened ({error})", "check its folder") from error
        for number in range(1, ASIDE_MAX):
            aside = self.path.with_name(f"{self.path.name}.damaged-{number}")
            if not aside.exists():
                break
        try:
            for side in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    self.path.with_name(self.path.name + side).rename(aside.with_name(aside.name + side))
        except OSError as failed:
            raise RegistryError(str(self.path), f"is damaged and cannot be moved ({failed})", "delete it") from failed
        self.problem = f"{self.path}: {error}; it is now {aside.name}, and all tools are trusted on first use again"
        log.error("%s", self.problem)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeEncodeError) as error:
            with contextlib.suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            raise RegistryError(str(self.path), f"cannot be used ({error})", "check the disk") from error


def _written(change: Change) -> str:
    return json.dumps([[reason.of.word, reason.text, reason.quote] for reason in change.reasons])


def _change(text: str) -> Change:
    return Change(tuple(Reason(ChangeClass[of.upper()], said, quote) for of, said, quote in json.loads(text)))
