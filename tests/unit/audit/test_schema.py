"""Tables and migrations."""

import sqlite3
import subprocess
import sys
from pathlib import Path

from callgate.audit.schema import VERSION, is_ours, migrate


def columns(connection: sqlite3.Connection) -> list[str]:
    return [name for _, name, *_ in connection.execute("PRAGMA table_info(event)")]


def test_an_empty_file_gets_the_tables_once() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    assert not is_ours(connection)
    for _ in range(2):
        migrate(connection)
        assert is_ours(connection) and connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert columns(connection) == ["seq", "body", "prev", "hash", "time", "uid", "effect", "salt", "kept"]
    assert connection.execute("SELECT name, seq FROM mark ORDER BY name").fetchall() == [("anchor", 0), ("head", 0)]


def test_a_migration_that_was_interrupted_before_its_version_was_noted_is_not_done_twice() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    connection.execute("PRAGMA user_version = 0")
    migrate(connection)
    assert is_ours(connection)


def test_anything_that_is_not_ours_is_seen() -> None:
    for statement in (
        "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END",
        "CREATE VIEW v AS SELECT * FROM event",
        "CREATE TABLE more (x)",
        "DROP INDEX event_uid",
        "ALTER TABLE event ADD COLUMN more",
    ):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        migrate(connection)
        connection.execute(statement)
        assert not is_ours(connection), statement


def test_an_up_to_date_log_is_opened_without_the_slow_import(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from callgate.audit.store import Writer; "
        "from callgate.settings import Durability; "
        f"Writer.open(Path({str(tmp_path / 'audit.db')!r}), Durability.COMMIT).close(); "
        "print('sqlite_utils' in sys.modules)"
    )
    tmp_path.chmod(0o700)
    for expected in ("True", "False"):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
        assert done.stdout.strip() == expected, done.stderr
