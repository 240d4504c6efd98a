"""Signs the log: a checkpoint at every start and stop, by count and by time, kept beside the log and recorded in it."""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callgate.audit import checkpoints
from callgate.audit.merkle import Frontier, root_of
from callgate.audit.note import Checkpoint, Note, Signer
from callgate.audit.proofs import Proofs
from callgate.audit.signed import Sealed, rotation
from callgate.model.errors import AuditError
from callgate.model.event import Event
from callgate.server.door import Route
from callgate.service import devicekey
from callgate.service.part import Part
from callgate.service.running import Running
from callgate.settings import KeyPlace

log = logging.getLogger(__name__)

EVERY_ROWS = 1000
"""Rows after which a checkpoint is made: so many are not signed at most, for about EVERY seconds."""
EVERY = 600.0
"""Seconds after which a checkpoint is made if there are new rows."""
KEY_AGAIN = 60.0
"""Seconds until a key that could not be had is asked for again: each time a locked keychain may ask its user."""
CLOCK_SLACK = 2 * 10**9
"""Nanoseconds by which the wall clock may part from the steady one between two looks: setting it by network time takes
much less."""

QUIET = ("log.checkpoint", "log.witnessed")
"""Rows that are no reason for another checkpoint."""

Json = dict[str, Any]


class Checkpoints(Part):
    """The part of the daemon that signs. One lock, so that rows are never signed twice in different ways."""

    name = "checkpoints"

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._turn = threading.RLock()
        self._signer: Signer | None = None
        self._newest: Sealed | None = None
        self._own = 0  # rows since then that only tell of checkpoints
        self._made_at = 0.0
        self._clock = _parted()
        self._problem = ""
        self._key_at = 0.0

    def start(self) -> None:
        """Sign what is there. Without a key to sign with, `problems` says so, and `tick` looks for it again."""
        with self._turn:
            self._clock_since_last_run()
            if self._has_key():
                self.make("start")

    def tick(self) -> None:
        """Sign when it is time, and see whether the clock was set."""
        self._watch_clock()
        with self._turn:
            if not self._has_key():
                return
            size = self._daemon.gate.audit.durable[0][0]
            fresh = size - self._size - self._own
            if fresh >= EVERY_ROWS:
                self.make("count")
            elif fresh > 0 and time.monotonic() - self._made_at >= EVERY:
                self.make("time")

    def conclude(self) -> None:
        """Sign all that was written."""
        if self._signer is not None:
            self.make("stop")

    def problems(self) -> list[str]:
        """Where the key is not where it should be."""
        return [self._problem] if self._problem else []

    def make(self, why: str) -> Sealed | None:
        """Sign all rows up to now; None if the newest checkpoint has them all. Raises AuditError.

        Only rows that survive a power cut are signed: else one could take away what a checkpoint says was there.
        """
        with self._turn:
            assert self._signer is not None
            audit = self._daemon.gate.audit
            (size, last), frontier = audit.durable
            if not size or size <= self._size:
                return None
            audit.sync()
            made = self._signed(Checkpoint(self._signer.name, size, root_of(frontier)), frontier, last)
            checkpoints.append(self._daemon.folders.audit, checkpoints.stated(made))
            self._newest, self._own, self._made_at = made, 0, time.monotonic()
            self.record([_event(made, why)])
            return made

    def rotate(self) -> Json:
        """Hand over to a new key. Raises AuditError."""
        with self._turn:
            if self._signer is None:
                raise _no_key(self._problem)
            self.make("rotation")
            where, old = self._daemon.folders, self._signer
            held = devicekey.successor(where, self._place)
            new = Signer(old.name, held.key)
            text = rotation(old.name, self._size, old.key, new.key)
            note = Note(text, (old.sign(text), new.sign(text)))
            checkpoints.append(where.audit, {"rotation": str(note)})
            devicekey.hand_over(where)
            self._signer, self._problem = new, held.problem
            detail = {"note": str(note), "old": str(old.key), "new": str(new.key)}
            self.record([Event("key.rotated", time.time_ns(), detail=detail)])
            self.make("rotation")
            return {"old": str(old.key), "new": str(new.key)}

    def routes(self) -> Mapping[str, Route]:
        """The newest checkpoint, a new one, a new key."""
        return {
            "GET /v1/checkpoints": lambda request, _: self._shown(request),
            "POST /v1/checkpoints": lambda request, _: self._made(request),
            "POST /v1/checkpoints/rotate": lambda _, __: self.rotate(),
        }

    def facts(self) -> Mapping[str, object]:
        """How far the log is signed."""
        if self._signer is None:
            return {}
        return {"rows": self._size, "key": str(self._signer.key), "fingerprint": self._signer.key.fingerprint}

    @property
    def private(self) -> Ed25519PrivateKey | None:
        """The device's key; None while it cannot be had."""
        return self._signer.private if self._signer else None

    @property
    def newest(self) -> Sealed | None:
        """The newest checkpoint."""
        return self._newest

    @property
    def _place(self) -> KeyPlace:
        return self._daemon.settings.audit.device_key

    @property
    def _size(self) -> int:
        return self._newest.checkpoint.size if self._newest else 0

    def _has_key(self) -> bool:
        """Is there a key to sign the open log with? One that could not be had (a locked keychain) is asked for again
        after a while."""
        if self._signer is not None and self._signer.name == self._daemon.gate.audit.origin:
            return True
        if time.monotonic() < self._key_at:
            return False
        try:
            self._begin()
        except AuditError as error:
            self._signer, self._key_at = None, time.monotonic() + KEY_AGAIN
            self._problem = f"the log is not signed for now: {error}"
            log.error("%s", self._problem)
            return False
        return True

    def _begin(self) -> None:
        """Take up the key and the newest checkpoint of the log that is open. Raises AuditError."""
        where, origin = self._daemon.folders, self._daemon.gate.audit.origin
        if devicekey.finish_rotation(where):
            log.info("a key rotation that was interrupted is complete")
        held = devicekey.private_key(where, self._place)
        self._signer, self._problem = Signer(origin, held.key), held.problem
        if held.problem:
            log.warning("%s", held.problem)
        book = checkpoints.read(where.audit)
        if self._signer.key not in book.keys and not book.rotations:
            checkpoints.append(where.audit, {"key": str(self._signer.key)})
        mine = [one for one in book.sealed if one.checkpoint.origin == origin]
        self._newest = max(mine, key=lambda one: one.checkpoint.size, default=None)

    def _signed(self, checkpoint: Checkpoint, frontier: Frontier, last: bytes) -> Sealed:
        assert self._signer is not None
        note = Note(checkpoint.text, (self._signer.sign(checkpoint.text),))
        return Sealed(note, checkpoint, frontier, last)

    def record(self, events: list[Event]) -> None:
        """Make events durable; those that only tell of checkpoints are no reason for another one."""
        if self._daemon.record(events):
            self._own += sum(event.kind in QUIET for event in events)

    def _watch_clock(self) -> None:
        now = _parted()
        jump, self._clock = now - self._clock, now
        if abs(jump) > CLOCK_SLACK:
            way = "forward" if jump > 0 else "back"
            reason = f"the clock was set {way} by {abs(jump) / 10**9:.1f} s while the daemon ran"
            self.record([Event("clock.jumped", time.time_ns(), reason=reason, detail={"by": str(jump)})])

    def _clock_since_last_run(self) -> None:
        """A last row that is of the future was written by another clock, or this one was set back."""
        now, last = time.time_ns(), Proofs(self._daemon.folders.audit).newest_time()
        if last is not None and last - now > CLOCK_SLACK:
            reason = f"the clock is {(last - now) / 10**9:.1f} s behind the newest row of the log"
            self.record([Event("clock.jumped", now, reason=reason, detail={"by": str(now - last)})])

    def _shown(self, request: web.Request) -> Json:
        with self._turn:
            if self._signer is None:
                raise _no_key(self._problem)
            note = str(self._newest.note) if self._newest else ""
            return {"note": note, "rows": self._size, "key": str(self._signer.key), **self.facts()}

    def _made(self, request: web.Request) -> Json:
        with self._turn:
            if self._signer is not None:
                self.make("asked")
            return self._shown(request)


def _no_key(problem: str) -> AuditError:
    return AuditError("checkpoints", f"are not made ({problem})", "see `callgate doctor`")


def _event(made: Sealed, why: str) -> Event:
    detail = {
        "size": made.checkpoint.size,
        "root": base64.b64encode(made.checkpoint.root).decode(),
        "note": str(made.note),
        "why": why,
    }
    return Event("log.checkpoint", time.time_ns(), detail=detail)


def _parted() -> int:
    """How far the wall clock is from the steady one, sleep included where the system tells."""
    steady = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.time_ns() - time.clock_gettime_ns(steady)
