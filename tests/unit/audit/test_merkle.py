"""The tree against the definitions of RFC 6962, written here once more as they stand there."""

from __future__ import annotations

from hashlib import sha256

import pytest
from callgate.audit import merkle

ROWS = [bytes([number]) * 32 for number in range(70)]
MOST = 34
VECTORS = [b"", b"\x00", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"]
VECTOR_ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
"""The eight leaves and their root that implementations of RFC 6962 test with; hex of `abc...` spells 60 61 62."""


def mth(rows: list[bytes]) -> bytes:
    if not rows:
        return sha256(b"").digest()
    if len(rows) == 1:
        return sha256(b"\x00" + rows[0]).digest()
    split = 1 << (len(rows) - 1).bit_length() - 1
    return sha256(b"\x01" + mth(rows[:split]) + mth(rows[split:])).digest()


def path(index: int, rows: list[bytes]) -> list[bytes]:
    if len(rows) == 1:
        return []
    split = 1 << (len(rows) - 1).bit_length() - 1
    if index < split:
        return [*path(index, rows[:split]), mth(rows[split:])]
    return [*path(index - split, rows[split:]), mth(rows[:split])]


def subproof(old: int, rows: list[bytes], whole: bool) -> list[bytes]:
    if old == len(rows):
        return [] if whole else [mth(rows)]
    split = 1 << (len(rows) - 1).bit_length() - 1
    if old <= split:
        return [*subproof(old, rows[:split], whole), mth(rows[split:])]
    return [*subproof(old - split, rows[split:], False), mth(rows[:split])]


def node(level: int, number: int) -> bytes:
    return mth(ROWS[number << level : (number + 1) << level])


def grown(count: int) -> merkle.Growing:
    tree = merkle.Growing()
    for row in ROWS[:count]:
        tree.add(merkle.leaf(row))
    return tree


def test_the_root_of_the_known_eight_leaves_is_the_known_one() -> None:
    tree = merkle.Growing()
    for data in VECTORS:
        tree.add(merkle.leaf(data))
    assert tree.root().hex() == VECTOR_ROOT
    assert merkle.root_of(()) == merkle.EMPTY == mth([])


@pytest.mark.parametrize("size", range(1, MOST))
def test_a_growing_tree_has_the_root_and_frontier_of_its_definition(size: int) -> None:
    tree = grown(size)
    assert tree.size == size and tree.root() == mth(ROWS[:size])
    assert tuple(tree.frontier) == merkle.frontier_of(size, node) and len(tree.frontier) == size.bit_count()


@pytest.mark.parametrize("size", range(1, MOST))
def test_an_inclusion_proof_is_the_defined_one_and_holds_for_nothing_else(size: int) -> None:
    root = mth(ROWS[:size])
    for index in range(size):
        proof = merkle.inclusion(index, size, node)
        assert proof == path(index, ROWS[:size])
        good = merkle.leaf(ROWS[index])
        assert merkle.included(good, index, size, proof, root)
        assert not merkle.included(merkle.leaf(b"other"), index, size, proof, root)
        assert not merkle.included(good, index, size, [*proof, good], root)
        assert not merkle.included(good, size, size, proof, root)
        assert not merkle.included(good, -1, size, proof, root)
        if proof:
            assert not merkle.included(good, index, size, proof[:-1], root)
            assert not merkle.included(good, index ^ 1, size, proof, root)


@pytest.mark.parametrize("size", range(1, MOST))
def test_a_consistency_proof_is_the_defined_one_and_holds_for_nothing_else(size: int) -> None:
    root = mth(ROWS[:size])
    for old in range(1, size):
        before, proof = mth(ROWS[:old]), merkle.consistency(old, size, node)
        assert proof == subproof(old, ROWS[:size], True)
        assert merkle.consistent(old, before, size, root, proof)
        assert not merkle.consistent(old, mth(ROWS[1 : old + 1]), size, root, proof)
        assert not merkle.consistent(old, before, size, before, proof)
        assert not merkle.consistent(old, before, size, root, [*proof, root])
        assert not merkle.consistent(old, before, size, root, proof[:-1])
    assert merkle.consistent(size, root, size, root, []) and merkle.consistent(0, merkle.EMPTY, size, root, [])
    assert not merkle.consistent(size, b"x" * 32, size, root, [])
    assert not merkle.consistent(size + 1, root, size, root, [])


@pytest.mark.parametrize("size", [0, 1, 5, 8, 31])
@pytest.mark.parametrize("more", [1, 2, 7, 64, 300])
def test_numbers_without_a_row_count_as_leaves_of_no_data(size: int, more: int) -> None:
    slow, quick = grown(size), grown(size)
    for _ in range(more):
        slow.add(merkle.ABSENT)
    quick.skip(size + more)
    assert quick.size == slow.size and quick.frontier == slow.frontier


def test_a_tile_is_told_when_its_last_leaf_comes() -> None:
    tree = merkle.Growing()
    told = [tree.add(merkle.leaf(b"%d" % number)) for number in range(3 * merkle.TILE)]
    where = [number for number, tile in enumerate(told) if tile]
    assert where == [255, 511, 767]
    assert told[255] == mth([b"%d" % number for number in range(256)])
