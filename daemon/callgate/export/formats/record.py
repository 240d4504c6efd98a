"""Pure: what a format is given: one row of the log with its place in the chain, and the machine that it is of."""

from __future__ import annotations

from dataclasses import dataclass, field

from callgate.model.event import Event, Row


@dataclass(frozen=True, slots=True)
class Origin:
    """The machine and user whose log it is."""

    uid: str
    """Made by chance once for each installation: it tells machines apart and says nothing else of them."""
    hostname: str
    system: str
    """"linux", "macos" or "windows"."""
    release: str
    """Of the operating system."""
    user: str
    version: str
    """Ours."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row to be sent."""

    row: Row
    previous: str = ""
    """Hex hash of the row before it."""
    cut: int = 0
    """Bytes that the event had before it was cut to fit a limit; 0 if it was not."""
    test: bool = False
    """A marked event of `callgate export test`, which is in no log."""

    @property
    def event(self) -> Event:
        return self.row.event

    def uid(self, origin: Origin) -> str:
        """The same each time that this row is sent, and of no other row of any machine: machine, number in its log, and
        the beginning of the row's hash. By it a receiver knows a repeat.
        """
        if self.test:
            return f"{origin.uid}-test-{self.event.time}"
        return f"{origin.uid}-{self.row.seq}-{self.row.hash[:16]}"

    def previous_uid(self, origin: Origin) -> str:
        """The uid of the row before it; empty for the first."""
        return f"{origin.uid}-{self.row.seq - 1}-{self.previous[:16]}" if self.row.seq > 1 and self.previous else ""


@dataclass(frozen=True, slots=True)
class Message:
    """A record as it goes over the wire."""

    seq: int
    uid: str
    kind: str
    time: int
    """Nanoseconds since 1970."""
    severity: int
    """As OCSF numbers it: 1 informational to 5 critical."""
    body: bytes
    span: bytes = field(default=b"")
    """The same as a span, where the format has one."""
