"""What the daemon's parts may use of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from callgate.audit.store import Reader
from callgate.gate import Gate
from callgate.model.event import Event
from callgate.model.inventory import Surroundings
from callgate.registry.pinbook import PinBook
from callgate.server.listener import Listener
from callgate.server.loopback import Loopback
from callgate.service.breakglass import BreakGlass
from callgate.service.registrar import Registrar
from callgate.service.survey import Survey
from callgate.service.worker import Worker
from callgate.settings import Settings
from callgate.system.paths import Folders


class Running(Protocol):
    """The running daemon, as its parts see it. All may be read from any thread; `gate` and `listener.desk` belong to
    the gate's thread, where `on_gate` runs a job.
    """

    folders: Folders
    around: Surroundings
    """Of the person whose agents are governed."""
    settings: Settings
    started: int
    """Nanoseconds since the epoch."""
    registry: Registrar
    reader: Reader
    key: bytes
    """For redaction marks."""
    pins: PinBook
    gate: Gate
    break_glass: BreakGlass
    workers: ThreadPoolExecutor
    """For what takes milliseconds to seconds and is not the gate's own work."""
    survey: Survey
    listener: Listener
    loopback: Loopback
    """The port that agents reach us by over HTTP; parts `mount` what they serve and `open` it when they need it."""
    worker: Worker

    def record(self, events: list[Event]) -> bool:
        """Make events durable. True if it worked. Blocks; not for the gate's own thread."""

    def on_gate(self, job: Callable[[], None]) -> bool:
        """Run a job on the gate's thread; True when it has run and what it staged is durable, False if that is lost."""

    def reload(self) -> None:
        """Read settings and registry again. Raises SettingsError and changes nothing if the settings are bad."""

    def refresh(self) -> None:
        """Put this machine's own registry in force, if it has changed."""

    def request_stop(self) -> None:
        """Ask the daemon to end; returns at once."""

    def facts(self) -> Mapping[str, object]:
        """What the parts say of themselves, by their names."""

    def problems(self) -> list[str]:
        """What is wrong with the daemon's own files and its parts."""
