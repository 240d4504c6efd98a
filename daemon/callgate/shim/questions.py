"""Pure: what was asked of the gate and has no answer yet: order, deadline, retry, and when doubt begins."""

from __future__ import annotations

from callgate.shim.frames import HELLO, NOTE, RETRY, pack

NOTES_MAX = 2048
"""Notes kept while the gate is away; the oldest are dropped first. They are not decisions: those are spooled."""
NEVER = float("inf")


class Question:
    """One ASK or LIST. `subject` is what the answer decides on; it belongs to whoever asked."""

    __slots__ = ("asked", "body", "flags", "kind", "sent", "serial", "subject")

    def __init__(self, kind: int, serial: int, flags: int, body: bytes, subject: object, asked: float) -> None:
        self.kind = kind
        self.serial = serial
        self.flags = flags
        self.body = body
        self.subject = subject
        self.asked = asked
        self.sent = False

    def frame(self) -> bytes:
        """The question as it goes to the gate; says so if it has gone before."""
        flags = self.flags | RETRY if self.sent else self.flags
        self.sent = True
        return pack(self.kind, self.serial, bytes((flags,)) + self.body)


class Questions:
    """Open questions, in the order they were asked, and the notes that travel with them.

    A question waits for `deadline` seconds. But once the gate has been away for that long nobody waits any more:
    everything asked then is in doubt at once, until a connection is up and its HELLO is answered. While there is no
    connection at all, `grace` seconds are enough.
    """

    __slots__ = (
        "_away_since",
        "_deadline",
        "_greeting",
        "_hello",
        "_notes",
        "_serial",
        "frames",
        "grace",
        "hung",
        "open",
        "ready",
    )

    def __init__(self, deadline: float, grace: float, now: float) -> None:
        self._deadline = deadline
        self.grace = grace
        """Seconds to wait for a connection while there is none."""
        self._away_since = now
        self._hello = 0
        self._greeting = NEVER
        self._serial = 0
        self._notes: list[bytes] = []
        self.open: dict[int, Question] = {}
        self.frames: list[bytes] = []
        """What is to be sent now; the sender takes it away."""
        self.ready = False
        """Is there a gate that has answered our HELLO?"""
        self.hung = False
        """Does the gate leave us without answers? Then its connection is to be dropped."""

    @property
    def has_notes(self) -> bool:
        """Is something waiting for the next question to travel with?"""
        return bool(self._notes)

    def hello(self, body: bytes, now: float) -> None:
        """A connection is up: greet. Questions follow when the greeting is answered."""
        self._serial += 1
        self._hello = self._serial
        self._greeting = now + self._deadline
        self.frames = [pack(HELLO, self._hello, body)]

    def is_hello(self, serial: int) -> bool:
        """Is this the greeting of the present connection?"""
        return serial == self._hello

    def greeted(self) -> None:
        """The greeting was answered: ask again what is open, and go on."""
        self.ready = True
        self._greeting = NEVER
        self.flush_notes()
        self.frames.extend(question.frame() for question in self.open.values())

    def lost(self, now: float) -> None:
        """The connection is gone. What is open stays open until its time is up."""
        self._hello = 0
        self._greeting = NEVER
        self.hung = False
        self.frames = []
        if self.ready:
            self.ready = False
            self._away_since = now

    def ask(self, kind: int, flags: int, body: bytes, subject: object, now: float) -> Question:
        """Open a question and send it, if there is someone to send it to."""
        self._serial += 1
        question = self.open[self._serial] = Question(kind, self._serial, flags, body, subject, now)
        if self.ready:
            self.frames.append(question.frame())  # before the notes: nobody waits for those
            self.flush_notes()
        return question

    def note(self, body: bytes, kind: int = NOTE) -> None:
        """Keep something to tell the gate with the next question, or when nothing else happens. Of another kind: a
        question whose answer nobody waits for.
        """
        if len(self._notes) >= NOTES_MAX:
            del self._notes[: NOTES_MAX // 2]
        self._notes.append(pack(kind, 0, body))

    def flush_notes(self) -> None:
        """Send what was noted, if there is a gate."""
        if self.ready and self._notes:
            self.frames += self._notes
            self._notes = []

    def answered(self, serial: int) -> Question | None:
        """Close a question. None if it is not open (decided in doubt meanwhile, or withdrawn)."""
        return self.open.pop(serial, None)

    def wake_at(self) -> float:
        """When something is overdue, at the earliest."""
        for question in self.open.values():  # the first is the oldest
            due = question.asked + self._deadline
            return due if self.ready else min(due, self._away_at(), self._greeting)
        return self._greeting

    def overdue(self, now: float) -> list[Question]:
        """Take away the questions that are in doubt. A gate that was there all the time hangs, and counts as gone since
        the oldest of them was asked.
        """
        if now < self.wake_at():
            return []
        if now >= self._greeting:
            self.hung = True
        away = not self.ready and now >= self._away_at()
        late = [question for question in self.open.values() if away or now >= question.asked + self._deadline]
        for question in late:
            del self.open[question.serial]
        if self.ready:
            self.ready = False
            self.hung = True
            self._away_since = late[0].asked
        return late

    def _away_at(self) -> float:
        """From when on a gate that does not answer counts as away."""
        return self._away_since + (self._deadline if self._hello else self.grace)
