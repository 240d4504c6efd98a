"""Break-glass: suspend the policy for some minutes, for a stated reason, in the log; it comes back by itself."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callgate.model.errors import CallgateError, FileRefusedError
from callgate.model.event import Event
from callgate.service.asker import asked_by
from callgate.system.files import read_capped, replace_file

log = logging.getLogger(__name__)

NOTE_MAX = 16 * 1024
"""Bytes of our own note."""
WHY_MAX = 500
"""Characters of a reason."""
MINUTE = 60 * 10**9
"""Nanoseconds."""


class BreakGlass:
    """Whether the policy is suspended. Its methods may be called from any thread but the gate's.

    `suspend` tells the gate until when (nanoseconds, 0: not any more); `record` writes events to the log and returns
    whether they are durable. The end holds by the gate's own look at the wall clock and by a timer, whichever is first.
    """

    def __init__(self, path: Path, suspend: Callable[[int], None], record: Callable[[list[Event]], bool]) -> None:
        self._path = path
        self._suspend = suspend
        self._record = record
        self._turn = threading.RLock()
        self._timer: threading.Timer | None = None
        self._now: dict[str, Any] | None = None

    def load(self) -> None:
        """Go on with what a daemon before us had begun, if its time is not over. A clock that was set back ends it."""
        with self._turn:
            try:
                said = json.loads(read_capped(self._path, NOTE_MAX))
                since, until, why = int(said["since"]), int(said["until"]), str(said["why"])
            except FileNotFoundError:
                return
            except (FileRefusedError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                log.error("break-glass: %s cannot be read (%r): the policy holds", self._path, error)
                return
            now = time.time_ns()
            self._now = {"since": since, "until": until, "why": why}
            if since <= now < until:
                self._begin(now, until)
            else:
                self.end("its time was over")

    def begin(self, minutes: int, why: str, most: float) -> dict[str, Any]:
        """Suspend the policy from now on for so many minutes, at most for `most`. Raises CallgateError.

        It is in the log before it holds.
        """
        if not most:
            raise CallgateError("break-glass", "is switched off by the registry's options", "ask its owners")
        if not 1 <= minutes <= most:
            raise CallgateError("break-glass", f"is possible for 1 to {most:.0f} minutes, not {minutes}")
        if not why.strip() or len(why) > WHY_MAX or not why.isprintable():
            raise CallgateError("break-glass", f"needs a reason: one line of at most {WHY_MAX} characters")
        with self._turn:
            now = time.time_ns()
            until = now + minutes * MINUTE
            detail = {"minutes": minutes, "until": str(until), **asked_by()}
            if not self._record([Event("policy.suspended", now, reason=why, detail=detail)]):
                raise CallgateError("break-glass", "could not be written to the log, and so does not hold")
            self._now = {"since": now, "until": until, "why": why}
            try:
                replace_file(self._path, json.dumps(self._now).encode())
            except OSError as error:
                log.error("break-glass: %s cannot be written (%s): it ends with this daemon", self._path, error)
            self._begin(now, until)
            return dict(self._now)

    def end(self, how: str = "asked") -> bool:
        """The policy holds again. False if it was not suspended."""
        with self._turn:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            before, self._now = self._now, None
            if before is None:
                return False
            self._suspend(0)
            self._path.unlink(missing_ok=True)
            self._record([Event("policy.resumed", time.time_ns(), reason=how, detail={"why": before["why"]})])
            return True

    def stop(self) -> None:
        """The daemon ends: its successor goes on."""
        with self._turn:
            if self._timer is not None:
                self._timer.cancel()

    @property
    def state(self) -> dict[str, Any] | None:
        """Since and until when (nanoseconds), and why; None if the policy is not suspended."""
        with self._turn:
            return dict(self._now) if self._now is not None else None

    def _begin(self, now: int, until: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._suspend(until)
        self._timer = threading.Timer((until - now) / 10**9, self._over)
        self._timer.daemon = True
        self._timer.start()

    def _over(self) -> None:
        try:
            self.end("its time was over")
        except CallgateError as error:  # the gate is stopping: the next daemon sees that the time is over
            log.error("break-glass: %s", error)
