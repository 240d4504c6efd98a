"""Pure: do the log's rows have the roots that its checkpoints signed? Who signed, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from callgate.audit.merkle import ABSENT, Frontier, Growing, leaf, root_of
from callgate.audit.note import COSIGNER, Checkpoint, Key, Note

ROTATION = "callgate key rotation v1"
"""First line of the note by which one key hands over to the next; the log's name, the rows so far, the old and the new
key follow. Both keys sign it."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A signed checkpoint, and what its log must know to go on from there."""

    note: Note
    checkpoint: Checkpoint
    frontier: Frontier
    last: bytes
    """Hash of the last row in it."""


@dataclass(frozen=True, slots=True)
class Book:
    """All that the file beside the log says; nothing of it is checked yet."""

    keys: tuple[Key, ...] = ()
    rotations: tuple[Note, ...] = ()
    sealed: tuple[Sealed, ...] = ()
    cosigned: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Signature lines of witnesses, by the size of the checkpoint."""
    faults: tuple[str, ...] = ()


def rotation(origin: str, size: int, old: Key, new: Key) -> str:
    """The text by which the old key hands over to the new one."""
    return f"{ROTATION}\n{origin}\n{size}\n{old}\n{new}\n"


def handed_over(note: Note) -> tuple[Key, Key]:
    """The old and the new key of such a note, both of whose signatures hold. Raises ValueError."""
    lines = note.text.split("\n")
    if len(lines) != 6 or lines[0] != ROTATION:
        raise ValueError("not a key rotation")
    old, new = Key.parse(lines[3]), Key.parse(lines[4])
    if len(note.signed_by((old, new))) != 2:
        raise ValueError("a key rotation that not both keys have signed")
    return old, new


def trusted(anchors: Iterable[Key], rotations: Iterable[Note]) -> tuple[set[Key], list[str]]:
    """The keys that are trusted because a trusted one handed over to them, or was handed over to by them; and what is
    wrong with the rotations."""
    keys, faults, steps = set(anchors), [], []
    for note in rotations:
        try:
            steps.append(handed_over(note))
        except ValueError as error:
            faults.append(f"a key rotation in the checkpoints is forged or damaged ({error})")
    for _ in steps:
        for old, new in steps:
            if old in keys or new in keys:
                keys |= {old, new}
    return keys, faults


@dataclass(frozen=True, slots=True)
class Proved:
    """What the checkpoints prove of the log."""

    origin: str
    size: int
    """Rows up to here are those that were signed; 0 if none are."""
    key: Key | None
    """Who signed the newest of the checkpoints that fit."""
    checkpoints: int
    """How many fit."""
    witnesses: tuple[tuple[str, int, int], ...]
    """Name, rows, time in seconds: what each witness last saw."""
    faults: tuple[str, ...]


class Comparison:
    """One pass over the hashes of all rows by number; each checkpoint is held against the tree as it then is.

    After one that does not fit it goes on from what that one signed, so that the others are judged by themselves.
    """

    def __init__(self, origin: str, sealed: Sequence[tuple[Sealed, Key]]) -> None:
        """`sealed` are the checkpoints of this log whose signature holds, each with the key."""
        self._origin = origin
        self._waiting = sorted(sealed, key=lambda pair: pair[0].checkpoint.size, reverse=True)
        self._all = tuple(sealed)
        self._tree = Growing()
        self._faults: list[str] = []
        self._fit: list[tuple[Sealed, Key]] = []
        self._said: list[Checkpoint] = []  # by rows of the log
        self._from = 0  # the tree is known to be right up to here
        self._next = self._size_of_next()

    def row(self, seq: int, row: object, body: object = b"") -> None:
        """The next row's hash, and its text where there is one."""
        if seq != self._tree.size + 1:
            if seq <= self._tree.size:
                return
            self._skip(seq - 1)
        self._tree.add(leaf(row) if type(row) is bytes else ABSENT)
        if type(body) is bytes and b'"kind":"log.checkpoint"' in body:
            self._said.extend(_stated(body))
        if seq == self._next:
            self._compare()

    def finish(self, end: int) -> tuple[tuple[Sealed, Key] | None, int, list[str]]:
        """The newest checkpoint that fits, with its key; how many fit; and what is wrong. `end` is the number of the
        last row that is there."""
        if self._next and self._tree.size < end:
            self._skip(end)
        if self._waiting:
            size = self._waiting[0][0].checkpoint.size
            self._faults.append(
                f"rows {self._tree.size + 1} to {size}: missing at the end: a checkpoint was signed when there were"
                f" {size:,} rows; they were cut off, or an older copy of the log was put in its place"
            )
        known = {one.checkpoint for one, _ in self._all}
        lost = [one.size for one in self._said if one.origin == self._origin and one not in known]
        if lost:
            self._faults.append(
                f"{len(lost)} checkpoints that the log records are not beside it (that of row {lost[0]} is the"
                " first): the file of checkpoints was edited or cut"
            )
        return (self._fit[-1] if self._fit else None), len(self._fit), self._faults

    def _size_of_next(self) -> int:
        return self._waiting[-1][0].checkpoint.size if self._waiting else 0

    def _skip(self, size: int) -> None:
        while self._next and self._next <= size:
            self._tree.skip(self._next)
            self._compare()
        self._tree.skip(size)

    def _compare(self) -> None:
        """Hold all checkpoints of this size against the tree."""
        size, roots = self._tree.size, set()
        root = self._tree.root()
        while self._waiting and self._waiting[-1][0].checkpoint.size == size:
            found, key = self._waiting.pop()
            roots.add(found.checkpoint.root)
            if found.checkpoint.root == root:
                self._fit.append((found, key))
            elif root_of(found.frontier) == found.checkpoint.root:
                self._tree = Growing(size, found.frontier)
        if roots != {root}:
            self._faults.append(
                f"rows {self._from + 1} to {size}: are not those that the checkpoint of row {size} signed: one of them"
                " was edited, removed or put in"
            )
        if len(roots) > 1:
            self._faults.append(f"row {size}: two checkpoints with different roots were signed: the log was forked")
        self._from = size
        self._next = self._size_of_next()


def _stated(body: bytes) -> list[Checkpoint]:
    """The checkpoint that a row of the log states."""
    try:
        return [Checkpoint.parse(Note.parse(json.loads(body)["detail"]["note"]).text)]
    except (ValueError, TypeError, KeyError):
        return []


def sealed_by(book: Book, origin: str, keys: set[Key]) -> tuple[list[tuple[Sealed, Key]], list[str]]:
    """The checkpoints of the log of that name that one of these keys signed, and what is wrong with others."""
    found, faults = [], list(book.faults)
    for one in book.sealed:
        size = one.checkpoint.size
        if one.checkpoint.origin != origin:
            faults.append(f"the checkpoint of row {size} is that of another log, {one.checkpoint.origin}")
            continue
        try:
            signers = one.note.signed_by(keys)
        except ValueError as error:
            faults.append(f"the checkpoint of row {size} is forged or damaged: {error}")
            continue
        if not signers:
            faults.append(f"the checkpoint of row {size} is signed by none of the trusted keys")
            continue
        if root_of(one.frontier) != one.checkpoint.root or len(one.frontier) != size.bit_count():
            faults.append(f"what is kept beside the checkpoint of row {size} was edited")
        found.append((one, next(iter(signers))))
    return found, faults


def seen_by(book: Book, witnesses: Iterable[Key]) -> tuple[tuple[str, int, int], ...]:
    """What each of these witnesses last saw: its name, the rows, the time in seconds. Forged lines do not count."""
    texts = {one.checkpoint.size: one.note.text for one in book.sealed}
    keys = [key for key in witnesses if key.kind == COSIGNER]
    newest: dict[str, tuple[int, int]] = {}
    for size, lines in book.cosigned.items():
        if size not in texts:
            continue
        for line in lines:
            try:
                signed = Note(texts[size], (line,)).signed_by(keys)
            except ValueError:
                continue
            for key, time in signed.items():
                newest[key.name] = max(newest.get(key.name, (0, 0)), (size, time))
    return tuple((name, size, time) for name, (size, time) in sorted(newest.items()))
