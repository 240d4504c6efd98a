"""Pure: does the log still say what was written? Names each row that was edited, deleted, swapped or put in again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from callgate.audit.log import GENESIS, decode, index, link, seal

FAULTS_MAX = 100
"""Faults that are named; the rest are counted. A log with more has been rewritten, and a longer list helps no one."""

Mark = tuple[int, bytes]
"""A row's sequence number and hash."""
START: Mark = (0, GENESIS)


class Stored(NamedTuple):
    """A row as it lies in the file: whatever a tamperer may have put there, of any type."""

    seq: int
    body: object
    prev: object
    hash: object
    time: object
    uid: object
    effect: object
    salt: object = None
    kept: object = None


class Harm(StrEnum):
    """What was done to rows."""

    EDITED = "edited"
    MISSING = "missing"
    SWAPPED = "swapped"
    REPEATED = "repeated"  # a true row of this log, a second time
    MOVED = "moved"  # a true row of this log, in another place
    ADDED = "added"
    CUT_START = "cut at the start"
    CUT_END = "cut at the end"
    INDEX = "index"  # what the row is found by, not what it says
    PAYLOAD = "payload"
    DAMAGED = "damaged"  # the file cannot be read there


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows `first` to `last` are not as they were written."""

    harm: Harm
    first: int
    last: int
    reason: str

    def __str__(self) -> str:
        rows = f"row {self.first}" if self.first == self.last else f"rows {self.first} to {self.last}"
        return f"{rows}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of a check."""

    checked: int
    """Rows that were there and were looked at."""
    faults: tuple[Fault, ...]
    more: int
    """Faults beyond FAULTS_MAX."""
    last: Mark
    """The last row that is there. Keep its hash elsewhere, and a later rewriting of the log can be shown."""
    cut: int
    """The last row that retention removed, 0 if none."""

    @property
    def ok(self) -> bool:
        """Is every row as it was written?"""
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        """The outcome as the local API and the command line give it."""
        findings = [str(fault) for fault in self.faults]
        if self.more:
            findings.append(f"and {self.more:,} more")
        return {
            "ok": self.ok,
            "rows": self.checked,
            "cut": self.cut,
            "last": {"seq": self.last[0], "hash": self.last[1].hex()},
            "findings": findings,
            "faults": [
                {"harm": fault.harm.value, "first": fault.first, "last": fault.last, "reason": fault.reason}
                for fault in self.faults
            ],
        }


class Check:
    """One pass over the rows in ascending order: `row` for each, then `finish`. Memory does not grow with the log.

    After a fault it goes on from the row as it stands, so that several faults are named. A tamperer who rewrites every
    row to the end, head and the file beside the log included, leaves a log that is true in itself: that shows by the
    signed checkpoints (audit.signed) only, or by a hash that is kept elsewhere.
    """

    def __init__(self, anchor: Mark = START, known: tuple[Mark, ...] = (), *, whole: bool = True) -> None:
        """`anchor` is what the first row must follow; `known` are hashes that rows must have, as noted elsewhere.
        With `whole` false the rows begin in the middle, and no record of a cut is looked for."""
        self._anchor = self._last = anchor
        self._known = {seq: digest for seq, digest in known if seq > anchor[0]}
        self._whole = whole
        self._cut: Mark = START
        self._faults: list[Fault] = []
        self._more = 0
        self._bad = -1  # the latest row with a fault
        self._moved: dict[int, int] = {}
        self.checked = 0

    def row(self, row: Stored) -> None:
        """Check one row against the one before it."""
        seq, digest = row.seq, row.hash
        last, last_hash = self._last
        self.checked += 1
        if seq <= last:
            self._fault(Harm.REPEATED, seq, seq, f"stands again after row {last}")
            return
        if seq != last + 1:
            self._gap(last, seq)
        if not (type(row.body) is type(row.prev) is type(digest) is bytes):
            self._fault(Harm.EDITED, seq, seq, "is damaged: a column has the wrong type")
            self._last = (seq, b"")
            return
        if b'"seq":%d,' % seq not in row.body and (holds := _seq_in(row.body)) != seq:
            self._misplaced(seq, holds)
        elif link(row.prev, row.body) != digest:
            self._fault(Harm.EDITED, seq, seq, "was edited: its hash does not fit its text")
        elif seq == last + 1 and row.prev != last_hash and last != self._bad:
            self._parted(last, seq)
        if self._known.pop(seq, digest) != digest and seq != self._bad:
            self._fault(Harm.EDITED, seq, seq, "was replaced: another hash was noted for it")
        self._sides(row, row.body)
        if b'"kind":"log.cut"' in row.body and seq != self._bad:
            self._cut = _cut_in(row.body)
        self._last = (seq, digest)

    def unreadable(self, first: int, last: int, reason: str) -> None:
        """Rows `first` to `last` could not be read from the file; the check goes on after them."""
        self._fault(Harm.DAMAGED, first, last, f"cannot be read ({reason})")
        self._last = (last, b"")

    def finish(self, head: Mark | None) -> Verification:
        """What was found, now that all rows were seen; `head` is the last row as the file itself notes it."""
        seq, digest = self._last
        end = max([head[0] if head else 0, *self._known])
        if end > seq:
            self._fault(Harm.CUT_END, seq + 1, end, "missing at the end: deleted, or lost in a power cut")
        if head is None:
            self._fault(Harm.EDITED, seq, seq, "is not noted as the last one: the note was deleted")
        elif head[0] < seq:
            self._fault(Harm.ADDED, head[0] + 1, seq, "added after the last row that was written")
        elif head == (seq, head[1]) and head[1] != digest and seq != self._bad:
            self._fault(Harm.EDITED, seq, seq, "was replaced: another hash was noted for it")
        if self._whole and self._anchor[0] and self._cut != self._anchor:
            self._fault(Harm.CUT_START, 1, self._anchor[0], "missing at the start, and no row records their removal")
        faults = tuple(map(self._named, self._faults))
        return Verification(self.checked, faults, self._more, self._last, self._anchor[0])

    def _gap(self, last: int, seq: int) -> None:
        if last == self._anchor[0] and self._whole:
            self._fault(Harm.CUT_START, last + 1, seq - 1, "missing at the start: deleted")
        else:
            self._fault(
                Harm.MISSING,
                last + 1,
                seq - 1,
                f"missing between rows {last} and {seq}: deleted, or lost in a power cut",
            )

    def _misplaced(self, seq: int, holds: int | None) -> None:
        if holds is None:
            self._fault(Harm.EDITED, seq, seq, "was edited: its text is not a row's")
            return
        if len(self._faults) < FAULTS_MAX:
            self._moved[seq] = holds
        self._fault(Harm.MOVED, seq, seq, f"holds what was written as row {holds}")

    def _parted(self, last: int, seq: int) -> None:
        """Row `seq` is sound in itself, but follows another row than the one that stands before it."""
        if last == self._anchor[0] and self._whole:
            self._fault(Harm.CUT_START, seq, seq, "does not follow what was before it: the log began elsewhere")
        else:
            self._fault(Harm.EDITED, last, last, f"was replaced: row {seq} follows another row {last}")

    def _sides(self, row: Stored, body: bytes) -> None:
        """What is kept beside the row's text: what it is found by, and its payload."""
        if not _indexed(row, body) and row.seq != self._bad:
            self._fault(Harm.INDEX, row.seq, row.seq, "is not found as what it is: a column for searching was edited")
        if row.kept is None:
            if b'"seal":"' in body:
                self._fault(Harm.PAYLOAD, row.seq, row.seq, "has lost its payload: deleted")
        elif type(row.kept) is not bytes or type(row.salt) is not bytes or not _sealed(row.salt, row.kept, body):
            self._fault(Harm.PAYLOAD, row.seq, row.seq, "has another payload than was written")

    def _fault(self, harm: Harm, first: int, last: int, reason: str) -> None:
        self._bad = last
        if len(self._faults) < FAULTS_MAX:
            self._faults.append(Fault(harm, first, last, reason))
        else:
            self._more += 1

    def _named(self, fault: Fault) -> Fault:
        """The fault; where a row holds another one's text, it can now be said what became of that one."""
        if fault.harm is not Harm.MOVED:
            return fault
        holds = self._moved[fault.first]
        if self._moved.get(holds) == fault.first:
            return replace(fault, harm=Harm.SWAPPED, reason=f"was swapped with row {holds}")
        there = self._anchor[0] < holds <= self._last[0]
        if there and not any(other.first <= holds <= other.last for other in self._faults):
            return replace(fault, harm=Harm.REPEATED, reason=f"is row {holds} put in again")
        return fault


def _seq_in(body: bytes) -> int | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    seq = document.get("seq") if isinstance(document, dict) else None
    return seq if type(seq) is int else None


def _cut_in(body: bytes) -> Mark:
    """The last row that this `log.cut` row says was removed."""
    try:
        detail = json.loads(body)["detail"]
        return int(detail["last"]), bytes.fromhex(detail["hash"])
    except (ValueError, TypeError, KeyError):
        return START


def _indexed(row: Stored, body: bytes) -> bool:
    """Do the columns for searching say what the text says? Looked at as text first, which is five times faster."""
    time, uid, effect = row.time, row.uid, row.effect
    if type(time) is int and type(uid) is bytes and b'"uid":"%s"' % uid in body and b'"time":"%d"' % time in body:
        if effect is None and b'"effect":"' not in body:
            return True
        if type(effect) is bytes and b'"effect":"%s"' % effect in body:
            return True
    try:
        said = index(decode(body))
    except ValueError:
        return False
    return (time, uid, effect) == (said[0], said[1] and said[1].encode(), said[2] and said[2].encode())


def _sealed(salt: bytes, kept: bytes, body: bytes) -> bool:
    return b'"seal":"%s"' % seal(salt, kept).encode() in body
