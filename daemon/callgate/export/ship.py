"""The loop that brings the log to one sink: in order, at least once, from a durable place in the log.

What is not confirmed is not done: after any doubt the rows since the last confirmed one are read from the log and sent
again, with the ids that they had. So memory holds one batch, however long the backlog is.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from callgate.audit.tail import Tail
from callgate.export.formats.meaning import URGENT
from callgate.export.formats.record import Message, Origin, Record
from callgate.export.formats.rendering import message
from callgate.export.place import ASIDE_MAX, Aside, Book, Place
from callgate.export.sinks.sink import Sent, Sink
from callgate.model.errors import AuditError, CallgateError
from callgate.model.event import Event
from callgate.settings_export import SinkSettings, format_of

log = logging.getLogger(__name__)

POLL = 0.5
"""Seconds between two looks for new rows, each of which takes some 0.2 ms."""
BACKOFF, BACKOFF_MAX = 1.0, 300.0
"""Seconds before the first and before any later try of a receiver that failed; the pause is half to all of it."""
ASKED_MAX = 900.0
"""Seconds that a receiver may ask to be left alone."""
CONFIRM_AGE = 10.0
"""Seconds after which what a sink took is confirmed even if it was little."""
REFUSED_RUN = 20
"""Events that a receiver may refuse one after the other before it is left alone for a while: it is likely to be set up
wrongly, and would refuse all."""

Tell = Callable[[Event], None]
"""Writes an event into the log."""


@dataclass(slots=True)
class State:
    """How a sink is doing, for `callgate export status`."""

    problem: str = ""
    since: int = 0
    """Nanoseconds: when it began."""
    failures: int = 0
    """Tries since the last success."""
    next_try: float = 0.0
    """By the monotonic clock."""
    last_sent: int = 0
    """Nanoseconds."""
    said: str = ""


class Shipper:
    """Brings rows to one sink. `step` belongs to one thread; `place`, `state` and `replay` may be used by all."""

    def __init__(
        self, settings: SinkSettings, tail: Tail, book: Book, make: Callable[[], Sink], origin: Origin, tell: Tell
    ) -> None:
        self.settings = settings
        self.state = State()
        self.place, trouble = book.load()
        self._tail, self._book, self._make, self._origin, self._write = tail, book, make, origin, tell
        self._sink: Sink | None = None
        self._at, self._at_hash = self.place.seq, self.place.hash
        self._unconfirmed = 0
        self._unconfirmed_since = 0.0
        self._accepted = 0
        self._rows = settings.batch_rows
        self._refused_run = 0
        self._first_seen = 0.0
        self._wanted: int | None = None
        self._asides = len(book.aside())
        if trouble:
            self._event("export.rewound", trouble, {})

    def replay(self, seq: int) -> None:
        """Send everything after row `seq` again, from the next step on."""
        self._wanted = seq

    def set_aside(self, count: int) -> list[dict[str, object]]:
        """The newest events that the receiver refused."""
        return [asdict(one) for one in self._book.aside()[-count:]]

    def step(self) -> float:
        """Do one thing, and say how many seconds may pass before the next."""
        if self._wanted is not None:
            self._rewind()
        try:
            rows = self._read()
        except AuditError as error:
            return self._fail(str(error))
        if not rows:
            return self._idle()
        if (left := self._linger(rows)) > 0:
            return min(left, POLL)
        self._first_seen = 0.0
        return self._ship(rows)

    def finish(self) -> None:
        """Confirm what was taken, if that is quick, and let go of the receiver."""
        if self._sink is not None:
            self._confirm()
            self._sink.close()
            self._sink = None

    def _linger(self, rows: Sequence[Record]) -> float:
        """Seconds that these rows should still wait for others to go with them."""
        if len(rows) >= self._rows or any(one.event.kind in URGENT for one in rows):
            return 0.0
        now = time.monotonic()
        self._first_seen = self._first_seen or now
        left = self._first_seen + self.settings.linger - now
        try:
            return left if left > 0 and self._tail.ends().last <= rows[-1].row.seq else 0.0
        except AuditError:
            return 0.0

    def _read(self) -> list[Record]:
        """The next rows. A log that is not the one that we were reading is read from its beginning."""
        found = self._tail.after(self._at, self._rows, self.settings.batch_bytes, payload=self.settings.payload)
        if not self._at:
            return [Record(row, previous) for row, previous in found]
        if not found:
            other = self._tail.ends().last < self._at
        else:
            first, previous = found[0]
            follows = first.seq == self._at + 1 and previous == self._at_hash
            other = not follows and self._tail.hash_of(self._at) not in (None, self._at_hash)
        if other:
            self._event("export.rewound", "the log is not the one that was sent: it is sent from its beginning", {})
            self._go_to(Place(0, "", self.place.sent, self.place.aside, self.place.lost))
            return self._read()
        if found and found[0][0].seq > self._at + 1:
            self._missed(found[0][0].seq)
        return [Record(row, previous) for row, previous in found]

    def _missed(self, first: int) -> None:
        """Rows between the last one and `first` are gone from the log."""
        count = first - self._at - 1
        detail = {"first": self._at + 1, "last": first - 1, "rows": count}
        self._event("export.lost", "rows were removed from the log before the receiver got them", detail)
        self._at, self._at_hash = first - 1, ""
        self.place = replace(self.place, seq=self._at, hash="", lost=self.place.lost + count)
        self._save()

    def _ship(self, rows: Sequence[Record]) -> float:
        batch = self._batch(rows)
        if not batch:
            return 0.0
        try:
            if self._sink is None:
                self._sink = self._make()
            sent = self._sink.send(batch)
        except CallgateError as error:
            sent = Sent(0, problem=str(error))
        if sent.unfit and len(batch) > 1:
            self._rows = max(1, len(batch) // 2)
            return 0.0
        if sent.unfit:
            sent = Sent(1, ((0, sent.problem),))
        if sent.refused and (why := self._holds()):
            at, reason = sent.refused[0]
            sent = Sent(at, problem=f"{why}: {reason}")
        self._took(batch, sent, {row.row.seq: row.row.hash for row in rows})
        if sent.problem:
            self._confirm()
            return self._fail(sent.problem, min(sent.wait, ASKED_MAX))
        self.state.said, self.state.last_sent = sent.said, time.time_ns()
        if self._sink and self._unconfirmed >= self._sink.confirm_rows and (problem := self._confirm()):
            return self._fail(problem)
        self._well()
        rate = self.settings.rate
        return sum(len(one.body) + len(one.span) for one in batch) / rate if rate else 0.0

    def _batch(self, rows: Sequence[Record]) -> list[Message]:
        """As many of the rows as a batch may hold, in their form. One that cannot be had in a form that fits is set
        aside when it is the first.
        """
        batch: list[Message] = []
        room = self.settings.batch_bytes
        for record in rows:
            problem = ""
            try:
                made = message(
                    record, self._origin, format_of(self.settings), self.settings.event_max, spans=self.settings.spans
                )
                if len(made.body) > self.settings.event_max:
                    problem = f"has {len(made.body):,} bytes even without its detail, over event_max"
            except (ValueError, RecursionError) as error:
                made, problem = (
                    Message(record.row.seq, record.uid(self._origin), record.event.kind, 0, 1, b""),
                    str(error),
                )
            if problem and not batch:
                self._took([made], Sent(1, ((0, problem),)), {record.row.seq: record.row.hash})
                return []
            if problem or (batch and room < len(made.body) + len(made.span)):
                break
            batch.append(made)
            room -= len(made.body) + len(made.span)
        return batch

    def _took(self, batch: Sequence[Message], sent: Sent, hashes: dict[int, str]) -> None:
        """Remember what of a batch is done with."""
        if sent.refused:
            self._set_aside(batch, sent)
        if sent.taken:
            if not self._unconfirmed:
                self._unconfirmed_since = time.monotonic()
            accepted = sent.taken - len(sent.refused)
            self._refused_run = 0 if accepted else self._refused_run + len(sent.refused)
            self._unconfirmed += sent.taken
            self._accepted += accepted
            self._at = batch[sent.taken - 1].seq
            self._at_hash = hashes[self._at]
            self._rows = min(self.settings.batch_rows, self._rows * 2)

    def _holds(self) -> str:
        """Why no further event may be set aside now; empty if one may."""
        if self._refused_run >= REFUSED_RUN:
            return f"it refused {self._refused_run} events one after the other"
        return f"{self._asides} events are set aside already" if self._asides >= ASIDE_MAX else ""

    def _set_aside(self, batch: Sequence[Message], sent: Sent) -> None:
        found = [
            Aside(batch[at].seq, batch[at].uid, batch[at].kind, reason, time.time_ns()) for at, reason in sent.refused
        ]
        try:
            self._book.set_aside(found)
        except OSError as error:
            log.error("export %s: what was set aside cannot be noted: %s", self.settings.name, error)
        self._asides = len(self._book.aside())
        self.place = replace(self.place, aside=self._asides)
        told = [one for one in found if not one.kind.startswith("export.")]
        if told:
            detail = {
                "rows": len(told),
                "seqs": [one.seq for one in told][:20],
                "kinds": sorted({one.kind for one in told}),
            }
            self._event("export.refused", told[0].reason, detail)

    def _confirm(self) -> str:
        """Make what was taken count, or go back to where it last did."""
        if not self._unconfirmed or self._sink is None:
            return ""
        problem = self._sink.confirm()
        if problem:
            self._go_to(self.place)
            return problem
        self.place = replace(
            self.place, seq=self._at, hash=self._at_hash, sent=self.place.sent + self._accepted, aside=self._asides
        )
        self._unconfirmed = self._accepted = 0
        self._save()
        return ""

    def _idle(self) -> float:
        self._first_seen = 0.0
        aged = time.monotonic() - self._unconfirmed_since >= CONFIRM_AGE
        if self._unconfirmed and aged and (problem := self._confirm()):
            return self._fail(problem)
        return POLL

    def _go_to(self, place: Place) -> None:
        self.place = place
        self._at, self._at_hash, self._unconfirmed, self._accepted = place.seq, place.hash, 0, 0

    def _rewind(self) -> None:
        wanted, self._wanted = self._wanted or 0, None
        if wanted < self.place.seq:
            try:
                digest = self._tail.hash_of(wanted) if wanted else ""
                self._book.forget_aside(wanted)
            except (AuditError, OSError) as error:
                log.error("export %s: cannot replay: %s", self.settings.name, error)
                return
            self._asides = len(self._book.aside())
            self._go_to(replace(self.place, seq=wanted if digest else 0, hash=digest or "", aside=self._asides))
            self._save()
        self._refused_run, self.state.failures, self.state.next_try = 0, 0, 0.0

    def _save(self) -> None:
        try:
            self._book.save(self.place)
        except OSError as error:
            self._trouble(f"the place in the log cannot be noted ({error}), so some events may come twice")

    def _fail(self, problem: str, asked: float = 0.0) -> float:
        """Note what is wrong, and say how long to wait."""
        self._trouble(problem)
        self.state.failures += 1
        pause = min(BACKOFF_MAX, BACKOFF * 2.0 ** min(self.state.failures - 1, 20))
        pause = max(asked, pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, no secret
        self.state.next_try = time.monotonic() + pause
        return pause

    def _trouble(self, problem: str) -> None:
        if problem != self.state.problem:
            log.warning("export %s: %s", self.settings.name, problem)
        if not self.state.problem:
            self.state.since = time.time_ns()
        self.state.problem = problem

    def _well(self) -> None:
        if self.state.problem:
            log.info("export %s: goes on", self.settings.name)
        self.state.problem, self.state.since, self.state.failures, self.state.next_try = "", 0, 0, 0.0

    def _event(self, kind: str, reason: str, detail: Mapping[str, object]) -> None:
        log.warning("export %s: %s", self.settings.name, reason)
        self._write(Event(kind, time.time_ns(), reason=reason, detail={"sink": self.settings.name, **detail}))


class Runner:
    """One shipper on a thread of its own."""

    def __init__(self, shipper: Shipper) -> None:
        self.shipper = shipper
        self._stopping = False
        self._until = 0.0
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"callgate-export-{shipper.settings.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look again now."""
        self._woken.set()

    def stop(self, seconds: float) -> None:
        """End, or be left behind in a receiver that does not answer: the place in the log is safe either way."""
        self.ask_to_stop()
        self._thread.join(seconds)

    def ask_to_stop(self, more: float = 0.0) -> None:
        """End soon: after the log's last rows, if these can be sent in so many seconds and the receiver is well."""
        self._until = max(self._until, time.monotonic() + more)
        self._stopping = True
        self._woken.set()

    def _run(self) -> None:
        while not self._stopping:
            pause = self._step()
            if pause:
                self._woken.wait(pause)
                self._woken.clear()
        while time.monotonic() < self._until and not self.shipper.state.failures and not self._step():
            pass
        self.shipper.finish()

    def _step(self) -> float:
        try:
            return self.shipper.step()
        except Exception:  # a task edge: the next try may go well
            log.exception("export %s has failed", self.shipper.settings.name)
            return BACKOFF_MAX / 10
