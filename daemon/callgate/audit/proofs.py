"""Proofs out of the log's Merkle tree, and the reading connection: for any time, without holding the writer up."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from callgate.audit import opening, schema, tree
from callgate.audit.bundle import Proven
from callgate.audit.check import Stored
from callgate.audit.merkle import consistency, inclusion
from callgate.model.errors import AuditError

NEWEST_ROWS = 100
"""Rows among which the latest time is looked for."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, and takes no lock that a writer would wait for. Raises AuditError."""
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro",
            uri=True,
            timeout=opening.BUSY_MS / 1000,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.text_factory = bytes  # a tamperer's text need not be UTF-8
        try:
            connection.execute("PRAGMA query_only = ON")
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise opening.refused(path, error) from error


class Proofs:
    """Of the log at `path`. Each use has a connection of its own, so one may serve many threads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def origin(self) -> str | None:
        """The log's name in its checkpoints; empty if it was taken away, None if this is a log of earlier versions,
        which had none. Raises AuditError."""
        with reading(self._path) as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] < schema.VERSION:
                return None
            return opening.origin(connection) or ""

    def newest_time(self) -> int | None:
        """The latest time among the last rows (nanoseconds). Raises AuditError."""
        with reading(self._path) as connection:
            rows = connection.execute("SELECT time FROM event ORDER BY seq DESC LIMIT ?", (NEWEST_ROWS,))
            return max((time for (time,) in rows if type(time) is int), default=None)

    def proven(self, seqs: Sequence[int], size: int) -> Iterator[Proven]:
        """These rows, each with the proof that the tree over the first `size` rows has it. Raises AuditError."""
        with reading(self._path) as connection:
            connection.execute("BEGIN")
            node = tree.nodes(connection)
            for seq in seqs:
                found = connection.execute(f"{opening.ROWS} WHERE seq = ?", (seq,)).fetchone()
                if found is None:
                    continue
                row = Stored(*found)
                if not (type(row.body) is type(row.prev) is type(row.hash) is bytes):
                    raise AuditError(f"row {seq}", "is damaged", "`callgate verify` says more")
                proof = tuple(inclusion(seq - 1, size, node)) if seq <= size else None
                kept = row.kept.decode("utf-8", "replace") if type(row.kept) is bytes else None
                salt = row.salt if type(row.salt) is bytes else b""
                yield Proven(seq, row.body.decode("utf-8", "replace"), row.prev, row.hash, proof, salt, kept)

    def consistency(self, old: int, size: int) -> list[bytes]:
        """The proof that the log of `old` rows is the beginning of that of `size` rows. Raises AuditError."""
        with reading(self._path) as connection:
            connection.execute("BEGIN")
            return consistency(old, size, tree.nodes(connection))
