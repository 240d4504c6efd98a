"""Pure: how a server is brought to its end: it sees the end of its input, then SIGTERM, then SIGKILL, in due time."""

from __future__ import annotations

EOF_GRACE = 2.0
"""Seconds of silence that a server has to end after its input has, before SIGTERM. Agents wait 2 s, too."""
EOF_LIMIT = 30.0
"""Seconds after which a server that keeps talking after the end of its input is ended all the same."""
TERM_GRACE = 1.5
"""Seconds between SIGTERM and SIGKILL; with EOF_GRACE less than the 4 s after which the MCP SDKs kill us."""
NEVER = float("inf")
SIGTERM, SIGKILL = 15, 9


class Ending:
    """Tells what is due. Even a server that ignores everything gets SIGKILL in a bounded time."""

    __slots__ = ("_limit", "_step", "at")

    def __init__(self) -> None:
        self._step = 0
        self._limit = NEVER
        self.at = NEVER
        """When the next step is due."""

    def input_closed(self, now: float) -> None:
        """The server's input has ended."""
        if self.at == NEVER:
            self.at = now + EOF_GRACE
            self._limit = now + EOF_LIMIT

    def heard(self, now: float) -> None:
        """The server has said something: it is still at work on what it was asked."""
        if self._step == 0 and self.at != NEVER:
            self.at = min(now + EOF_GRACE, self._limit)

    def told(self, now: float) -> None:
        """The server was sent a signal to end."""
        self._step = max(self._step, 1)
        self.at = min(self.at, now + TERM_GRACE)

    def due(self, now: float) -> int:
        """The signal to send now, or 0."""
        if now < self.at:
            return 0
        self._step += 1
        self.at = now + TERM_GRACE
        return SIGTERM if self._step == 1 else SIGKILL

    @property
    def begun(self) -> bool:
        """Has the server been told to end?"""
        return self.at != NEVER

    @property
    def hopeless(self) -> bool:
        """Even SIGKILL did not help (a process stuck in the kernel): do not wait for it."""
        return self._step > 3
