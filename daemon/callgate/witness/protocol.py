"""Pure: the C2SP tlog-witness protocol: requests, and the judgement on a checkpoint that is shown."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from callgate.audit.merkle import EMPTY, PROOF_MAX, consistent
from callgate.audit.note import Checkpoint, Key, Note, is_size

BODY_MAX = 64 * 1024
"""Bytes of one request: 63 hashes and a note."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A request: the checkpoint, and the proof that it continues the one of size `old`."""

    old: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a checkpoint is not signed, as a status of HTTP."""

    status: int
    reason: str
    size: int | None = None
    """The size that the witness knows, where that is what is wrong."""


def request(old: int, proof: Sequence[bytes], note: str) -> str:
    """The body that shows a checkpoint to a witness."""
    lines = [base64.b64encode(node).decode() for node in proof]
    return "\n".join([f"old {old}", *lines, "", note])


def read(body: str) -> Shown:
    """Raises ValueError."""
    head, gap, text = body.partition("\n\n")
    first, *lines = head.split("\n")
    word, _, size = first.partition(" ")
    if not gap or word != "old" or not is_size(size) or len(lines) > PROOF_MAX:
        raise ValueError("not a request to a witness: `old N`, a proof, an empty line, a checkpoint")
    try:
        proof = tuple(base64.b64decode(line, validate=True) for line in lines)
    except binascii.Error as error:
        raise ValueError("a line of the proof is not base64") from error
    if any(len(node) != 32 for node in proof):
        raise ValueError("a line of the proof is no SHA-256")
    note = Note.parse(text)
    return Shown(int(size), proof, note, Checkpoint.parse(note.text))


def judge(shown: Shown, keys: Iterable[Key], seen: Checkpoint | None) -> Refused | None:
    """Why the checkpoint may not be signed, or None. `keys` are those of its log, `seen` is what was signed last."""
    keys, now = tuple(keys), shown.checkpoint
    if not keys:
        return Refused(404, "no such log is known here")
    try:
        if not shown.note.signed_by(keys):
            return Refused(403, "no key of that log has signed it")
    except ValueError as error:
        return Refused(403, str(error))
    if shown.old > now.size:
        return Refused(400, "the checkpoint is smaller than what it is said to continue")
    known = seen.size if seen else 0
    if shown.old != known:
        return Refused(409, "another size was signed last", known)
    if known == now.size:
        same = now.root == (seen.root if seen else EMPTY)
        return None if same else Refused(409, "another root was signed for that size", known)
    if not consistent(known, seen.root if seen else EMPTY, now.size, now.root, shown.proof):
        return Refused(422, "the proof does not hold: it is another history")
    return None
