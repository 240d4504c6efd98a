"""The nodes of the log's Merkle tree, as they lie in the file or follow from its rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from callgate.audit.merkle import ABSENT, TILE, TILE_LEVEL, Node, absent, join, leaf

NO_ROW = bytes(32)
"""Stands among the hashes of removed rows where there was none."""


def nodes(connection: sqlite3.Connection) -> Node:
    """The tree as one reading transaction sees it. The nodes that were written with the rows are taken as they are:
    what is made of them is to be held against a signed root. Calls may raise sqlite3.Error."""
    return _Nodes(connection).node


class _Nodes:
    """Nodes, each found or made once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[int, int], bytes] = {}
        for level, number, kept in connection.execute("SELECT level, number, hash FROM node WHERE level != 8"):
            self._known[level, number] = bytes(kept)

    def node(self, level: int, number: int) -> bytes:
        found = self._known.get((level, number))
        if found is None:
            found = self._known[level, number] = self._made(level, number)
        return found

    def _made(self, level: int, number: int) -> bytes:
        if level == 0:
            self._load(number >> TILE_LEVEL)
            return self._known[0, number]
        if level > TILE_LEVEL and not _any(self._connection, number << level, (number + 1) << level):
            return absent(level)
        if level == TILE_LEVEL:
            sql = "SELECT hash FROM node WHERE level = 8 AND number = ?"
            if kept := self._connection.execute(sql, (number,)).fetchone():
                return bytes(kept[0])
        return join(self.node(level - 1, 2 * number), self.node(level - 1, 2 * number + 1))

    def _load(self, tile: int) -> None:
        start = tile << TILE_LEVEL
        for number in range(start, start + TILE):
            self._known.setdefault((0, number), ABSENT)
        for seq, row in hashes(self._connection, start + 1, start + TILE):
            self._known[0, seq - 1] = leaf(row)


def hashes(connection: sqlite3.Connection, first: int, last: int) -> Iterator[tuple[int, bytes]]:
    """Number and hash of the rows `first` to `last`, of removed ones too; numbers without a row are left out."""
    tiles = connection.execute(
        "SELECT tile, hashes FROM leaves WHERE tile BETWEEN ? AND ? ORDER BY tile",
        ((first - 1) >> TILE_LEVEL, (last - 1) >> TILE_LEVEL),
    )
    removed = 0
    for tile, kept in tiles:
        for at in range(0, len(kept) - 31, 32):
            seq, row = (tile << TILE_LEVEL) + at // 32 + 1, bytes(kept[at : at + 32])
            if first <= seq <= last and row != NO_ROW:
                yield seq, row
                removed = seq
    rows = connection.execute(
        "SELECT seq, hash FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq", (max(first, removed + 1), last)
    )
    for seq, row in rows:
        yield seq, row if type(row) is bytes else b""


def keep(connection: sqlite3.Connection, removed: list[tuple[int, bytes]]) -> None:
    """Keep the hashes of rows that are being removed: they are all that a proof needs of them."""
    by_tile: dict[int, list[tuple[int, bytes]]] = {}
    for seq, row in removed:
        by_tile.setdefault((seq - 1) >> TILE_LEVEL, []).append((seq, row))
    for tile, rows in by_tile.items():
        before = connection.execute("SELECT hashes FROM leaves WHERE tile = ?", (tile,)).fetchone()
        kept = bytearray(before[0] if before else b"")
        for seq, row in rows:
            at = ((seq - 1) & (TILE - 1)) * 32
            kept.extend(bytes(max(0, at + 32 - len(kept))))
            kept[at : at + 32] = row if len(row) == 32 else NO_ROW
        connection.execute("INSERT OR REPLACE INTO leaves VALUES (?, ?)", (tile, bytes(kept)))


def _any(connection: sqlite3.Connection, start: int, end: int) -> bool:
    """Is there anything of these leaves?"""
    return any(
        connection.execute(sql, (low, high)).fetchone()
        for sql, low, high in (
            ("SELECT 1 FROM event WHERE seq BETWEEN ? AND ? LIMIT 1", start + 1, end),
            ("SELECT 1 FROM leaves WHERE tile BETWEEN ? AND ? LIMIT 1", start >> TILE_LEVEL, (end - 1) >> TILE_LEVEL),
            (
                "SELECT 1 FROM node WHERE level = 8 AND number BETWEEN ? AND ? LIMIT 1",
                start >> TILE_LEVEL,
                (end - 1) >> TILE_LEVEL,
            ),
        )
    )
