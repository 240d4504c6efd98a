"""The connection to the gate: made again whenever it breaks, never waited for."""

from __future__ import annotations

import _socket
import posix

from callgate.shim.frames import ANSWER, unpack
from callgate.shim.sink import Sink

BACKOFF_FIRST, BACKOFF_MAX = 0.02, 0.5
"""Seconds before the second try to connect; the pause doubles up to the maximum."""


class GateLink:
    """At most one open connection to the socket at `path`."""

    __slots__ = ("_backoff", "_buffer", "_path", "_sock", "retry_at", "sink")

    def __init__(self, path: str) -> None:
        self._path = path
        self._sock: _socket.socket | None = None
        self._buffer = bytearray()
        self._backoff = BACKOFF_FIRST
        self.retry_at = 0.0
        """When the next try is due."""
        self.sink: Sink | None = None
        """Where frames go; None while there is no connection."""

    @property
    def fd(self) -> int:
        """The descriptor, or -1."""
        return self.sink.fd if self.sink is not None else -1

    def connect(self, now: float) -> bool:
        """Try once, without waiting. The gate has to run as this user or as one who may do anything anyway."""
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.connect(self._path)
            check_owner(sock)
        except OSError:
            sock.close()
            self._pause(now)
            return False
        self._sock = sock
        self._buffer = bytearray()
        self.sink = Sink(sock.fileno())
        return True

    def answers(self, data: bytes | None) -> list[tuple[int, bytes]]:
        """The answers that `data` completes, as (serial, body). Raises ValueError when the connection is dead."""
        if data is None:
            return []
        if not data:
            raise ValueError("the gate has hung up")
        self._buffer += data
        frames = unpack(self._buffer)
        for kind, _, _ in frames:
            if kind != ANSWER:
                raise ValueError(f"a frame of kind {kind} from the gate")
        return [(serial, body) for _, serial, body in frames]

    def trusted(self) -> None:
        """The gate has answered: the next break is tried again at once."""
        self._backoff = BACKOFF_FIRST

    def drop(self, now: float) -> None:
        """Hang up; the next try is due after a pause."""
        if self._sock is not None:
            self._sock.close()
        self._sock = None
        self.sink = None
        self._pause(now)

    def _pause(self, now: float) -> None:
        self.retry_at = now + self._backoff
        self._backoff = min(self._backoff * 2, BACKOFF_MAX)


def check_owner(sock: _socket.socket) -> None:
    """Raise PermissionError if another user's process has put its socket where the gate's was."""
    if not hasattr(_socket, "SO_PEERCRED"):
        return
    credentials = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    uid = int.from_bytes(credentials[4:8], "little")
    if uid not in (posix.geteuid(), 0):
        raise PermissionError(f"the gate's socket belongs to user {uid}")
