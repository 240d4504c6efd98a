"""Brings the search index up to date with its log. A process of its own runs it, so that no call waits for it."""

from __future__ import annotations

import contextlib
import sqlite3

from callgate.audit.reader import Reader
from callgate.audit.searching import BLOCK, IndexWriter
from callgate.audit.tally import Cells, merged
from callgate.system.files import locked


def catch_up(reader: Reader) -> int:
    """Index all rows that are not yet, and forget those that are gone: how many blocks were written. Does nothing if
    another process is at it. Raises AuditError; an index that cannot be used is removed and made anew the next time.
    """
    index = reader.index
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(index.path.with_name(index.path.name + ".lock")))
        except BlockingIOError:
            return 0
        try:
            return _catch_up(reader)
        except sqlite3.DatabaseError:
            for side in ("", "-wal", "-shm"):
                index.path.with_name(index.path.name + side).unlink(missing_ok=True)
            return 0


def _catch_up(reader: Reader) -> int:
    known = reader.reached()
    count = 0
    with contextlib.closing(IndexWriter(reader.index)) as writer:
        if known is None:
            writer.clear()
        first = reader.first_and_last()[0]
        again = writer.forget(first) if known else -1
        if again >= 0:
            block = next(reader.blocks(first))
            writer.put(block, known if known and known.seq > block.last.seq else block.last)
        begin = max(known.seq if known else 0, first)
        for block in reader.blocks(begin):
            writer.put(block, block.last)
            count += 1
    return count


def usage(reader: Reader, since: int = 0, until: int = 0) -> Cells:
    """What all rows of that time (nanoseconds; `until` 0: now) come to. Raises AuditError."""
    reached = reader.reached()
    found = reader.index.sums(since, until) if reached else None
    if reached is None or found is None:
        return reader.tally([(0, 2**53)], since, until).cells
    cells, cut = found
    merged(cells, reader.tally([*cut, (reached.seq + 1, 2**53)], since, until).cells)
    return cells


LAG = 20 * BLOCK
"""Rows by which the index may be behind before it is brought up to date: to look through them takes some 50 ms."""
