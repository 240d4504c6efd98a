"""What every sink does: takes a batch in order, says what became of it, and confirms what it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from callgate.export.formats.record import Message

SAID_MAX = 300
"""Characters that are kept of what a receiver says."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a batch. The first `taken` of its messages are done with: accepted, or among the `refused`."""

    taken: int
    refused: tuple[tuple[int, str], ...] = ()
    """Places in the batch that the receiver will never take, and why."""
    problem: str = ""
    """Why the rest was not taken; try it again later."""
    wait: float = 0.0
    """Seconds that the receiver asked to be left alone."""
    unfit: bool = False
    """The receiver calls the batch as a whole unfit: smaller pieces show which message it is."""
    said: str = ""
    """What the receiver answered, in short."""


class Sink(Protocol):
    """One receiver, used by one thread at a time. Whatever goes wrong is said in a value."""

    confirm_rows: int
    """After so many messages `confirm` is called. 1: each batch is confirmed by its own answer."""

    def send(self, batch: Sequence[Message]) -> Sent:
        """Hand a batch over. May block for the timeout of the sink."""

    def confirm(self) -> str:
        """See to it that all that was taken since the last time is in the receiver's hands. Empty, or what is wrong:
        then all of it must be sent again.
        """

    def close(self) -> None:
        """Let go of connections and files."""


def short(text: object) -> str:
    """What a receiver said, on one line and not too long."""
    return " ".join(str(text).split())[:SAID_MAX]
