"""The tables of the log and their migrations."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from callgate.audit.log import GENESIS, SEQ_MAX
from callgate.audit.merkle import TILE, TILE_LEVEL, Growing, leaf
from callgate.audit.tree import hashes

if TYPE_CHECKING:
    from sqlite_utils.db import Database

VERSION = 2
"""Number of migrations; kept in `PRAGMA user_version` so that an up-to-date file is opened without sqlite-utils."""

_FIRST = """
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY,
        body TEXT NOT NULL,
        prev BLOB NOT NULL,
        hash BLOB NOT NULL,
        time INTEGER,
        uid TEXT,
        effect TEXT,
        salt BLOB,
        kept TEXT
    );
    CREATE INDEX event_uid ON event (uid) WHERE uid IS NOT NULL;
    CREATE INDEX event_time ON event (time, effect);
    CREATE TABLE mark (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
"""
"""`body` alone is the record; `time`, `uid` and `effect` repeat it for searching, and the check compares them. `prev`
repeats the hash of the row before, so that a row can be checked by itself. `kept` is what is kept of the payload, whose
seal is in `body`: the chain does not need it. `mark` holds the head (the last row) and the anchor (the last row that
retention removed)."""
_SECOND = """
    CREATE TABLE node (level INTEGER, number INTEGER, hash BLOB NOT NULL, PRIMARY KEY (level, number)) WITHOUT ROWID;
    CREATE TABLE leaves (tile INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
"""
"""The Merkle tree (audit.tree): `node` keeps the root of every 256 rows, and what a checkpoint knows of rows that were
lost; `leaves` the hashes of rows that retention removed, by the same 256. In `mark` the log's name comes to stand."""


def _statements(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


_STATEMENTS = _statements(_FIRST + _SECOND)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to VERSION. An up-to-date (or newer) file is left alone. Raises sqlite3.Error."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found >= VERSION:
        return
    import sqlite_utils  # 0.3 s, so only when there is work for it
    from sqlite_utils.migrations import Migrations

    steps = Migrations("callgate.audit")

    @steps()
    def tables(db: Database) -> None:
        for statement in _statements(_FIRST):
            db.execute(statement)
        for name in ("head", "anchor"):
            db.execute("INSERT INTO mark VALUES (?, 0, ?)", [name, GENESIS])

    @steps()
    def tree(db: Database) -> None:
        for statement in _statements(_SECOND):
            db.execute(statement)
        growing = Growing()
        for seq, row in hashes(connection, 1, SEQ_MAX):
            growing.skip(seq - 1)
            if tile := growing.add(leaf(row)):
                db.execute("INSERT INTO node VALUES (?, ?, ?)", [TILE_LEVEL, (seq - 1) // TILE, tile])

    steps.apply(sqlite_utils.Database(connection, execute_plugins=False))
    connection.execute(f"PRAGMA user_version = {VERSION}")


def is_ours(connection: sqlite3.Connection) -> bool:
    """Does the file hold exactly our tables? (A trigger that someone added would run within our own statements.)"""
    found = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name NOT GLOB '_sqlite_mig*'"
    )
    return {sql for (sql,) in found} == set(_STATEMENTS)
