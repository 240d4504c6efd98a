"""Pure: events that say how the log itself is kept true: checkpoints, their witness, the key, the clock."""

from __future__ import annotations

from pydantic import Field

from callgate.audit.kinds.detail import Detail, Kind, Kinds, Mark


class Signed(Detail):
    """A checkpoint."""

    size: int = Field(description="rows 1 to this were signed")
    root: str = Field(description="root hash of the Merkle tree over them, base64")
    note: str = Field(description="the checkpoint as a signed note (C2SP), to be kept elsewhere")
    why: str = Field(description="`start`, `stop`, `count`, `time`, `asked` or `rotation`")


class Witnessed(Detail):
    """A cosignature."""

    size: int = Field(description="rows 1 to this were in the checkpoint")
    witness: str = Field(description="name of the witness")
    lines: str = Field(description="its signature lines, which hold for the checkpoint's text")
    when: int = Field(description="time that the witness states, seconds since the epoch")


class Forked(Detail):
    """A contradiction."""

    size: int = Field(description="rows of the checkpoint that was shown")
    seen: int = Field(description="rows that the witness knows")
    witness: str = Field(description="name of the witness")


class Rotated(Detail):
    """Two keys."""

    old: str = Field(description="public key until now")
    new: str = Field(description="public key from now on")
    note: str = Field(description="the note by which one hands over to the other, signed by both")


class Jumped(Detail):
    """A clock."""

    by: str = Field(description="nanoseconds; negative: back")


KINDS: Kinds = {
    "log.checkpoint": Kind("All rows up to one were signed by the device's key.", Signed),
    "log.witnessed": Kind(
        "A witness has seen a checkpoint and signed that it continues what it saw before.", Witnessed
    ),
    "log.forked": Kind(
        "A witness knows another history of this log: it was rolled back or rewritten.", Forked, mark=Mark.FINDING
    ),
    "key.rotated": Kind("The device signs with a new key.", Rotated, mark=Mark.CHANGE),
    "clock.jumped": Kind("The wall clock was set, or is behind the newest row.", Jumped, mark=Mark.FINDING),
}
