"""The tables of the log and their migrations."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from callgate.audit.log import GENESIS

if TYPE_CHECKING:
    from sqlite_utils.db import Database

VERSION = 1
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
_STATEMENTS = tuple(part.strip() for part in _FIRST.split(";") if part.strip())


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
        for statement in _STATEMENTS:
            db.execute(statement)
        for name in ("head", "anchor"):
            db.execute("INSERT INTO mark VALUES (?, 0, ?)", [name, GENESIS])

    steps.apply(sqlite_utils.Database(connection, execute_plugins=False))
    connection.execute(f"PRAGMA user_version = {VERSION}")


def is_ours(connection: sqlite3.Connection) -> bool:
    """Does the file hold exactly our tables? (A trigger that someone added would run within our own statements.)"""
    found = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name NOT GLOB '_sqlite_mig*'"
    )
    return {sql for (sql,) in found} == set(_STATEMENTS)
