"""A server at work: its process group, what waits for its input, and its end."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix

from callgate.shim.ending import NEVER, Ending
from callgate.shim.process import start
from callgate.shim.sink import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DRAIN = 0.5
"""Seconds of silence after which a dead server's output is over, though something it started holds the pipe open."""
FLUSH = 5.0
"""Seconds for the agent to take more of what a dead server has said."""
LAST_WORDS = 30.0
"""Seconds after a server's death in which its output ends, whatever still writes to it."""


class Server:
    """Started by its making. Raises LaunchError if there is no such program."""

    __slots__ = ("_died", "_moved", "ending", "input", "pid", "status", "stdout")

    def __init__(self, argv: list[str], program: str = "") -> None:
        self.pid, stdin, self.stdout = start(argv, program)
        self.input: Sink | None = Sink(stdin)
        """None once it is closed."""
        self.ending = Ending()
        self.status: int | None = None
        """Its exit code (negative: the signal that killed it) once it has ended."""
        self._died = NEVER
        self._moved = 0.0

    def heard(self, now: float) -> None:
        """It has read or said something, or what it said was taken."""
        self._moved = now
        self.ending.heard(now)

    def signal(self, number: int) -> None:
        """Send a signal to the server and everything it has started that is still in its group."""
        try:
            posix.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def close_input(self, now: float) -> None:
        """Let it see the end of its input."""
        if self.input is not None:
            posix.close(self.input.fd)
            self.input = None
        self.ending.input_closed(now)

    def close_output(self) -> None:
        """Read no more of it."""
        if self.stdout >= 0:
            posix.close(self.stdout)
            self.stdout = -1

    def reap(self, now: float) -> None:
        """Look whether it has ended. It stays a zombie until `bury`, so that nobody else gets its pid and group."""
        if self.status is None:
            found = posix.waitid(posix.P_PID, self.pid, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT)
            if found is not None:
                self.status = found.si_status if found.si_code == posix.CLD_EXITED else -found.si_status
                self._died = self._moved = now

    def attend(self, now: float) -> None:
        """Send the signal that is due."""
        number = self.ending.due(now)
        if number:
            self.signal(number)

    def is_over(self, now: float, untaken: Callable[[], bool]) -> bool:
        """Is it dead, and has all that it said come through? `untaken`: does some of it still wait for the agent?"""
        if self.status is None:
            return self.ending.hopeless
        return now >= self._over_at(untaken()) or (self.stdout < 0 and not untaken())

    def wake_at(self, untaken: Callable[[], bool]) -> float:
        """When something is due by itself."""
        return self.ending.at if self.status is None else self._over_at(untaken())

    def bury(self, now: float) -> None:
        """End what is left of its group, and let go of it."""
        self.signal(_signal.SIGKILL)
        self.close_input(now)
        self.close_output()
        posix.waitpid(self.pid, posix.WNOHANG)

    def _over_at(self, untaken: bool) -> float:
        return min(self._moved + (FLUSH if untaken else DRAIN), self._died + LAST_WORDS)
