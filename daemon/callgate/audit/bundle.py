"""Pure: the evidence of one session: rows with proofs that a signed checkpoint has them, and the judgement on it."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from callgate.audit.log import decode, link, seal
from callgate.audit.merkle import included, leaf
from callgate.audit.note import COSIGNER, PLAIN, Checkpoint, Key, Note
from callgate.audit.signed import trusted

FORMAT = "callgate.evidence.1"
FAULTS_MAX = 20
CONTEXT = (
    "daemon.started", "policy.changed", "policy.suspended", "policy.resumed", "registry.changed", "registry.updated",
    "settings.changed",
)  # fmt: skip
"""Kinds of rows that say which rules held, and so belong to every session."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A row as it lies in the log, and the proof that the checkpoint has it; None where it is not signed."""

    seq: int
    body: str
    prev: bytes
    hash: bytes
    proof: tuple[bytes, ...] | None
    salt: bytes = b""
    kept: str | None = None

    def stated(self) -> str:
        """As one line of events.jsonl."""
        said: dict[str, Any] = {"seq": self.seq, "body": self.body, "prev": self.prev.hex(), "hash": self.hash.hex()}
        if self.proof is not None:
            said["proof"] = [base64.b64encode(node).decode() for node in self.proof]
        if self.kept is not None:
            said |= {"salt": self.salt.hex(), "kept": self.kept}
        return json.dumps(said) + "\n"

    @classmethod
    def read(cls, line: str) -> Proven:
        """Raises ValueError."""
        try:
            said = json.loads(line)
            proof = said.get("proof")
            nodes = None if proof is None else tuple(base64.b64decode(node, validate=True) for node in proof)
            prev, row = bytes.fromhex(said["prev"]), bytes.fromhex(said["hash"])
            kept = None if said.get("kept") is None else str(said["kept"])
            return cls(int(said["seq"]), str(said["body"]), prev, row, nodes, bytes.fromhex(said.get("salt", "")), kept)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a row of evidence ({error})") from error


def judge(files: Mapping[str, bytes], key: str = "", witnesses: Sequence[Key] = ()) -> dict[str, Any]:
    """What a bundle proves, to somebody who trusts `key` (empty: the one that the bundle names itself). Raises
    ValueError if it is no bundle."""
    try:
        said = json.loads(files["bundle.json"])
        if said["format"] != FORMAT:
            raise ValueError(f"of an unknown form {said['format']!r}")
        note = Note.parse(files["checkpoint.txt"].decode())
        own = Key.parse(said["key"])
        rotations = [Note.parse(one) for one in said["rotations"]]
        rows = [Proven.read(line) for line in files["events.jsonl"].decode().split("\n") if line]
        session = str(said["session"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not a bundle of evidence: {error!r}") from error
    checkpoint = Checkpoint.parse(note.text)
    anchor = Key.parse(key) if key else own
    keys, faults = trusted([Key(checkpoint.origin, PLAIN, anchor.public)], rotations)
    signer = _signer(note, keys, faults)
    seen = _seen(note, witnesses)
    signed = 0
    for row in rows:
        faults += _faults(row, session)
        if row.proof is None:
            continue
        good = included(leaf(row.hash), row.seq - 1, checkpoint.size, row.proof, checkpoint.root)
        signed += good
        if not good:
            faults.append(f"row {row.seq}: the checkpoint does not have it")
    faults += _order(rows)
    ok = not faults
    return {
        "ok": ok,
        "rows": len(rows),
        "session": session,
        "findings": [
            *faults[:FAULTS_MAX],
            *([f"and {len(faults) - FAULTS_MAX:,} more"] if len(faults) > FAULTS_MAX else []),
        ],
        "signed": {
            "origin": checkpoint.origin,
            "rows": checkpoint.size,
            "key": str(signer) if signer else "",
            "fingerprint": signer.fingerprint if signer else "",
            "witnesses": [{"name": name, "rows": checkpoint.size, "time": when} for name, when in seen],
        },
        "proved": _proved(signer, checkpoint, len(rows), signed, seen) if ok else [],
        "not_proved": _not_proved(bool(key), signer, len(rows) - signed, seen),
    }


def moment(seconds: int) -> str:
    """A time in UTC for people, whatever somebody has stated."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"second {seconds}"


def _signer(note: Note, keys: set[Key], faults: list[str]) -> Key | None:
    try:
        signers = note.signed_by(keys)
    except ValueError as error:
        faults.append(f"the checkpoint is forged or damaged: {error}")
        return None
    if not signers:
        faults.append("the checkpoint is signed by none of the trusted keys")
    return next(iter(signers), None)


def _seen(note: Note, witnesses: Sequence[Key]) -> list[tuple[str, int]]:
    found = []
    for key in witnesses:
        if key.kind != COSIGNER:
            continue
        try:
            found += [(key.name, when) for when in note.signed_by([key]).values()]
        except ValueError:
            continue
    return found


def _faults(row: Proven, session: str) -> list[str]:
    """What is wrong with one row."""
    try:
        body = row.body.encode("ascii")
        event, holds = decode(body), json.loads(body).get("seq")
    except (ValueError, RecursionError):
        return [f"row {row.seq}: its text is not a row's"]
    faults = []
    if holds != row.seq or link(row.prev, body) != row.hash:
        faults.append(f"row {row.seq}: was edited: its hash does not fit its text")
    if event.session != session and event.kind not in CONTEXT:
        faults.append(f"row {row.seq}: is of another session")
    payload = event.detail.get("payload")
    sealed = payload.get("seal") if isinstance(payload, dict) else None
    if row.kept is not None and sealed != seal(row.salt, row.kept.encode("utf-8", "surrogatepass")):
        faults.append(f"row {row.seq}: has another payload than was written")
    return faults


def _order(rows: Sequence[Proven]) -> list[str]:
    faults = []
    for before, row in itertools.pairwise(rows):
        if row.seq <= before.seq:
            faults.append(f"row {row.seq}: stands after row {before.seq}")
        elif row.seq == before.seq + 1 and row.prev != before.hash:
            faults.append(f"row {row.seq}: follows another row {before.seq}")
    return faults


def _proved(
    signer: Key | None, checkpoint: Checkpoint, count: int, signed: int, seen: list[tuple[str, int]]
) -> list[str]:
    if signer is None:
        return []
    told = [
        f"{signed:,} of {count:,} rows stand in the log {checkpoint.origin} under their numbers, exactly as here: the"
        f" key {signer.fingerprint[:16]} signed the log of {checkpoint.size:,} rows that has them"
    ]
    for name, when in seen:
        told.append(f"they were written before {moment(when)}, says the witness {name}")
    return told


def _not_proved(given: bool, signer: Key | None, unsigned: int, seen: list[tuple[str, int]]) -> list[str]:
    told = ["that these are all rows of the session: a row could have been left out of the bundle"]
    if unsigned:
        told.append(f"{unsigned:,} rows: not signed when the bundle was made; only their own hash guards them")
    if signer is not None and not given:
        told.append(
            f"that the key {signer.fingerprint[:16]} is the device's: the bundle names it itself; compare it with"
            " the one that you noted, or name it with --key"
        )
    if not seen:
        told.append("when they were written: the times are those of the device's own clock")
    told.append("the files under in-force/ and the report: they are for reading, and signed by nobody")
    return told
