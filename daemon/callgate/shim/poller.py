"""What the loop waits for: descriptors and signals."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix
import select

READ, WRITE = select.POLLIN, select.POLLOUT
HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL
SIGNALS = (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP)


class Poller:
    """A poll object that is told what is wanted before each wait. Signals arrive as bytes on the descriptor `wake`."""

    __slots__ = ("_poll", "_wanted", "wake")

    def __init__(self) -> None:
        self._poll = select.poll()
        self._wanted: dict[int, int] = {}
        self.wake, waker = posix.pipe()
        posix.set_blocking(waker, False)
        _signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in SIGNALS:
            _signal.signal(number, lambda number, frame: None)

    def want(self, wanted: dict[int, int]) -> None:
        """Wait for these events by descriptor. One that is left out is not waited for, not even for its hanging up."""
        if wanted == self._wanted:
            return
        for fd in self._wanted.keys() - wanted.keys():
            self._poll.unregister(fd)
        for fd, mask in wanted.items():
            if self._wanted.get(fd) != mask:
                self._poll.register(fd, mask)
        self._wanted = wanted

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        """What has happened, as (descriptor, events); empty when the time is up first."""
        return self._poll.poll(seconds * 1000)

    def signals(self) -> bytes:
        """The numbers of the signals that have come."""
        return posix.read(self.wake, 64)
