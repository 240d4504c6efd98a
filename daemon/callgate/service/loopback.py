"""The loopback port as a part of the daemon: watched, shown, and closed last of what hangs in it."""

from __future__ import annotations

from collections.abc import Mapping

from callgate.server.loopback import Loopback
from callgate.service.part import Part


class LoopbackPort(Part):
    """Comes before the parts that mount something: they are stopped before the port is closed."""

    name = "loopback"

    def __init__(self, loopback: Loopback) -> None:
        self._loopback = loopback

    def tick(self) -> None:
        """Try again where the port was taken."""
        self._loopback.tick()

    def stop(self) -> None:
        """Close it."""
        self._loopback.stop()

    def facts(self) -> Mapping[str, object]:
        """Which port, once something needs it."""
        return {"port": self._loopback.port, "open": self._loopback.loop is not None} if self._loopback.wanted else {}

    def problems(self) -> list[str]:
        """Why there is no port."""
        return [self._loopback.problem] if self._loopback.problem else []
