"""Pure: the Merkle tree over the log's rows (RFC 6962, section 2.1): frontier, root, proofs and their verification.

Leaf `n` (from 0) is the hash of row `n + 1`; a number that has no row (lost with its power) has the leaf of no data.
A *frontier* is the list of the roots of the perfect subtrees that a tree of that size consists of, the largest first:
one for each bit of the size. It is all that is needed to go on, and all that is kept of rows that are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from hashlib import sha256

TILE_LEVEL = 8
"""Nodes of this level are kept with the rows, so that a proof reads 256 rows at most."""
TILE = 1 << TILE_LEVEL
EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""
ABSENT = sha256(b"\x00").digest()
"""The leaf of a number that has no row."""
PROOF_MAX = 63
"""Hashes in one proof: a tree has less than 2**63 leaves."""

Frontier = tuple[bytes, ...]
Node = Callable[[int, int], bytes]
"""The hash of the perfect subtree at (level, number from the left)."""


def leaf(row: bytes) -> bytes:
    """The leaf of the row with that hash."""
    return sha256(b"\x00" + row).digest()


def join(left: bytes, right: bytes) -> bytes:
    """The node above two nodes."""
    return sha256(b"\x01" + left + right).digest()


@cache
def absent(level: int) -> bytes:
    """The perfect subtree of that level over numbers that have no row."""
    return join(absent(level - 1), absent(level - 1)) if level else ABSENT


class Growing:
    """A tree to which leaves are added; only its frontier is kept."""

    __slots__ = ("frontier", "size")

    def __init__(self, size: int = 0, frontier: Sequence[bytes] = ()) -> None:
        self.size = size
        self.frontier = list(frontier)

    def add(self, node: bytes, level: int = 0) -> bytes | None:
        """Add a leaf, or a perfect subtree of that level where the tree has room for one. Gives the root of a tile
        that this completes."""
        at, tile = self.size >> level, None
        frontier = self.frontier
        self.size += 1 << level
        while at & 1:
            node = sha256(b"\x01" + frontier.pop() + node).digest()
            at >>= 1
            level += 1
            if level == TILE_LEVEL:
                tile = node
        frontier.append(node)
        return tile

    def skip(self, size: int) -> None:
        """Grow to that size by numbers that have no row."""
        while self.size < size:
            level = (self.size & -self.size).bit_length() - 1 if self.size else size.bit_length()
            while self.size + (1 << level) > size:
                level -= 1
            self.add(absent(level), level)

    def root(self) -> bytes:
        """The tree's root hash."""
        return root_of(self.frontier)


def root_of(frontier: Sequence[bytes]) -> bytes:
    """The root of the tree with that frontier."""
    if not frontier:
        return EMPTY
    node = frontier[-1]
    for left in reversed(frontier[:-1]):
        node = sha256(b"\x01" + left + node).digest()
    return node


def parts(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The perfect subtrees, as (level, number), that the leaves `start` to `end` consist of; the start of a tree or
    of a perfect subtree that is as large as what follows it."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def frontier_of(size: int, node: Node) -> Frontier:
    """The frontier of the tree of that size."""
    return tuple(node(level, number) for level, number in parts(0, size))


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """The proof that leaf `index` is in the tree of that size (RFC 6962, 2.1.1)."""
    return [_span(start, end, node) for start, end in _siblings(index, size)]


def consistency(old: int, size: int, node: Node) -> list[bytes]:
    """The proof that the tree of size `old` is the beginning of the tree of that size (RFC 6962, 2.1.2); empty where
    there is nothing to prove."""
    if not 0 < old < size:
        return []
    start, end, spans, whole = 0, size, [], True
    while old != end:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if old <= split:
            spans.append((split, end))
            end = split
        else:
            spans.append((start, split))
            start, whole = split, False
    if not whole:
        spans.append((start, end))
    return [_span(*span, node) for span in reversed(spans)]


def included(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Does the proof hold (RFC 9162, 2.1.3.2)?"""
    if not 0 <= index < size:
        return False
    at, last, node = index, size - 1, leaf_hash
    for other in proof:
        if not last:
            return False
        if at & 1 or at == last:
            node = join(other, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = join(node, other)
        at, last = at >> 1, last >> 1
    return not last and node == root


def consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Does the proof hold (RFC 9162, 2.1.4.2)? Of an empty tree every tree is a continuation."""
    if old == size or not old:
        return not proof and 0 <= old <= size and old_root == (root if old else EMPTY)
    if not 0 < old < size or not proof:
        return False
    nodes = list(proof) if old & (old - 1) else [old_root, *proof]
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = nodes[0]
    for other in nodes[1:]:
        if not last:
            return False
        if at & 1 or at == last:
            before, after = join(other, before), join(other, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = join(after, other)
        at, last = at >> 1, last >> 1
    return not last and before == old_root and after == root


def _siblings(index: int, size: int) -> list[tuple[int, int]]:
    """What stands beside the way from the leaf up to the root, as spans of leaves."""
    start, end, found = 0, size, []
    while end - start > 1:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if index < split:
            found.append((split, end))
            end = split
        else:
            found.append((start, split))
            start = split
    return found[::-1]


def _span(start: int, end: int, node: Node) -> bytes:
    """The root over the leaves `start` to `end`."""
    return root_of([node(level, number) for level, number in parts(start, end)])
