"""The whole judgement on a log: its rows, its signed checkpoints, what they prove and what they do not, in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callgate.audit import checkpoints
from callgate.audit.bundle import moment
from callgate.audit.check import Verification
from callgate.audit.note import Checkpoint, Key, Note
from callgate.audit.proofs import Proofs
from callgate.audit.signed import Comparison, Proved, Sealed, sealed_by, seen_by, trusted
from callgate.audit.store import Reader
from callgate.model.errors import AuditError


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count."""

    keys: tuple[Key, ...] = ()
    """Of the log's device, whatever name they bear; none: those that the file of checkpoints names itself."""
    given: bool = False
    """Did whoever asks name them, rather than this machine?"""
    witnesses: tuple[Key, ...] = ()


def judge(log: Path, trust: Trust, since: str = "") -> dict[str, Any]:
    """Check the log at `log`. With `since`, a signed checkpoint that was kept elsewhere, rows before it are not read
    but only held against it. Raises AuditError if there is no log, or the checkpoint is none of this log's."""
    book = checkpoints.read(log)  # before the rows: it may then be behind them, never ahead
    reader = Reader(log)
    named = Proofs(log).origin()
    if named is None:
        return _told(reader.verify(), Proved("", 0, None, 0, (), ()), trust, None)
    origin = named or (book.sealed[-1].checkpoint.origin if book.sealed else "")
    anchors = [Key(origin, key.kind, key.public) for key in trust.keys] or list(book.keys[:1])
    keys, faults = trusted(anchors, book.rotations)
    sealed, more = sealed_by(book, origin, keys)
    kept = _kept_elsewhere(since, origin, keys) if since else None
    comparison = Comparison(origin, [*sealed, *([kept] if kept else [])])
    rows = reader.verify(kept[0].checkpoint.size + 1 if kept else None, comparison)
    best, fit, unlike = comparison.finish(rows.last[0])
    proved = Proved(
        origin,
        best[0].checkpoint.size if best else 0,
        best[1] if best else None,
        fit,
        seen_by(book, trust.witnesses),
        (*([] if named else ["the name of the log was deleted from it"]), *faults, *more, *unlike),
    )
    return _told(rows, proved, trust, kept[0].checkpoint if kept else None)


def _kept_elsewhere(text: str, origin: str, keys: set[Key]) -> tuple[Sealed, Key]:
    try:
        note = Note.parse(text)
        checkpoint = Checkpoint.parse(note.text)
        signers = note.signed_by(keys)
    except ValueError as error:
        raise AuditError(
            "the checkpoint", f"cannot be used ({error})", "give the signed note as it was sent"
        ) from error
    if checkpoint.origin != origin:
        raise AuditError(
            "the checkpoint", f"is that of another log, {checkpoint.origin} (this one is {origin or 'unnamed'})"
        )
    if not signers:
        raise AuditError("the checkpoint", "is signed by none of the trusted keys", "name its key with --key")
    return Sealed(note, checkpoint, (), b""), next(iter(signers))


def _told(rows: Verification, proved: Proved, trust: Trust, since: Checkpoint | None) -> dict[str, Any]:
    said = rows.as_json()
    said["findings"] += proved.faults
    said["ok"] = not said["findings"]
    said["signed"] = {
        "origin": proved.origin,
        "rows": proved.size,
        "checkpoints": proved.checkpoints,
        "key": str(proved.key) if proved.key else "",
        "fingerprint": proved.key.fingerprint if proved.key else "",
        "witnesses": [{"name": name, "rows": size, "time": when} for name, size, when in proved.witnesses],
    }
    said["proved"] = _proved(rows, proved, since) if said["ok"] else []
    said["not_proved"] = _not_proved(rows, proved, trust, since)
    return said


def _proved(rows: Verification, proved: Proved, since: Checkpoint | None) -> list[str]:
    last = rows.last[0]
    told = []
    if since is not None:
        told.append(
            f"since the checkpoint of row {since.size:,} nothing was edited, removed, put in or cut up to row {last:,};"
            f" rows 1 to {since.size:,} have the hashes that it signed"
        )
    elif rows.checked:
        told.append(f"{_rows(rows.cut + 1, last)}: each is as its hash says and follows the one before it")
    if proved.key is not None:
        told.append(
            f"{_rows(1, proved.size)}: exactly those that were signed, none edited, missing, put in or cut"
            f" ({proved.checkpoints:,} checkpoints of the key {proved.key.fingerprint[:16]})"
        )
    for name, size, when in proved.witnesses:
        told.append(f"rows 1 to {size:,}: written before {moment(when)}, says the witness {name}")
    return told


def _not_proved(rows: Verification, proved: Proved, trust: Trust, since: Checkpoint | None) -> list[str]:
    last = rows.last[0]
    told = []
    if proved.key is None:
        told.append(
            "that nobody recomputed the whole log after an edit: no checkpoint of it is signed by a key that is"
            " trusted here"
        )
    else:
        if proved.size < last:
            told.append(f"{_rows(proved.size + 1, last)}: not signed yet; only the chain of hashes guards them")
        if not trust.given:
            told.append(
                f"that the key {proved.key.fingerprint[:16]} is that of the device: this machine says so itself;"
                " compare it with the one that you noted, or name it with --key"
            )
        if since is None and not proved.witnesses:
            told.append(
                "that this is the only history that the key has signed: nothing here was kept elsewhere; --from takes a"
                " checkpoint that was exported"
            )
    if since is not None:
        told.append(f"the texts of rows 1 to {since.size:,}: they were not read; leave out --from to check them too")
    if rows.cut > (since.size if since is not None else 0):
        told.append(f"what rows 1 to {rows.cut:,} said: retention removed them, and kept their hashes")
    return told


def _rows(first: int, last: int) -> str:
    return f"row {first:,}" if first == last else f"rows {first:,} to {last:,}"
