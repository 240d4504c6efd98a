"""A conversation at work: its link to the gate, its deadlines, and whoever waits for a verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from callgate.httpshim.conversation import Conversation, Exchange, Stream
from callgate.shim.frames import unpack
from callgate.shim.relay import Terms
from callgate.system.sockets import Peer

NOTES_WAIT = 0.05
"""Seconds that notes wait for a question to travel with."""

Record = Callable[[dict[str, object]], bool]


class Link(Protocol):
    """The way to the gate. Its methods return at once; answers come to `Line.heard`, on the line's event loop."""

    def send(self, frames: list[bytes]) -> None:
        """Put questions and notes to the gate."""

    def left(self) -> None:
        """The conversation is over."""


class Line:
    """One conversation on its event loop."""

    def __init__(self, terms: Terms, peer: Peer, start: float, record: Record) -> None:
        self.peer = peer
        self.start = start
        """When the agent's process began; with its pid that names it."""
        self.talk = Conversation(terms, record, time.monotonic())
        self.link: Link | None = None
        self.begun = self.used = time.monotonic()
        self.asked = False
        """Has anything but an opening passed?"""
        self.streams = 0
        """Streams that are open."""
        self._waiting: dict[Stream, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._notes: asyncio.TimerHandle | None = None

    def heard(self, data: bytes) -> None:
        """An ANSWER of the gate."""
        for _, serial, body in unpack(bytearray(data)):
            self.talk.answered(serial, body, time.monotonic())
        self.settle()

    async def decided(self, stream: Stream) -> None:
        """Return once nothing of this stream waits for the gate. If that is cancelled, what waited does not go on."""
        self.settle()
        if not stream.is_waiting:
            return
        future = self._waiting[stream] = asyncio.get_running_loop().create_future()
        try:
            await future
        except asyncio.CancelledError:
            if isinstance(stream, Exchange):
                stream.withdraw()
            raise
        finally:
            self._waiting.pop(stream, None)

    def settle(self) -> None:
        """Send what is to be asked, wake who need not wait any more, and see to the deadlines."""
        self.used = time.monotonic()
        frames = self.talk.frames()
        if frames and self.link is not None:
            self.link.send(frames)
        if self.talk.questions.has_notes and self._notes is None:
            self._notes = asyncio.get_running_loop().call_later(NOTES_WAIT, self._send_notes)
        for stream, future in self._waiting.items():
            if not stream.is_waiting and not future.done():
                future.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.talk.questions.wake_at()
        if due != float("inf"):
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - time.monotonic()), self._tick)

    def end(self) -> None:
        """The conversation is over."""
        for handle in (self._timer, self._notes):
            if handle is not None:
                handle.cancel()
        self._send_notes()
        if self.link is not None:
            self.link.left()

    def _send_notes(self) -> None:
        self._notes = None
        frames = self.talk.frames(notes=True)
        if frames and self.link is not None:
            self.link.send(frames)

    def _tick(self) -> None:
        self._timer = None
        self.talk.tick(time.monotonic())
        self.talk.questions.greeted()  # a gate that was late is asked again: it is in this very process
        self.settle()
