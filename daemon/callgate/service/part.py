"""A part of the daemon: something that runs beside the gate, and comes and goes with it."""

from __future__ import annotations

from collections.abc import Mapping

from callgate.server.door import Route


class Part:
    """The form of a part, and what one does that has nothing to do. `service/parts.py` lists them all.

    No part may delay a call: whatever blocks has a thread of its own. A part that fails is reported, and the gate
    goes on without it.
    """

    name = "part"
    """One word, for `callgate status` and the daemon's log."""

    def start(self) -> None:
        """Begin. The gate, the log and the worker are up. Raises CallgateError if it cannot; the daemon goes on."""

    def tick(self) -> None:
        """Called about each second, on a work thread, after the one before has returned."""

    def stop(self) -> None:
        """End, within a second or two. The gate and the log are still up."""

    def conclude(self) -> None:
        """The daemon's last row but that of its last checkpoint has been written; all parts have stopped, and
        conclude in the order of their starts. The gate and the log are still up."""

    def routes(self) -> Mapping[str, Route]:
        """What the local API answers for it: `METHOD /v1/path` -> function."""
        return {}

    def facts(self) -> Mapping[str, object]:
        """What `callgate status --json` shows of it, under its name. Nothing: it is not shown."""
        return {}

    def keeps_from(self) -> int | None:
        """The first row of the log that it still needs; None if it needs none. Retention heeds it for a while."""
        return None

    def problems(self) -> list[str]:
        """What is wrong now, a sentence each, with the next step."""
        return []
