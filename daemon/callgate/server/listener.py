"""gate.sock: one thread that reads frames, lets the desk judge them, commits once per turn, and then answers.

The group commit is the loop itself: all that was readable in one turn becomes one transaction, without any timer.
Notes, which nobody waits for, are staged after the turn's answers and become durable with the next turn, or when none
follows at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from callgate.gate import Gate
from callgate.model.errors import CallgateError, ProtocolError
from callgate.server.desk import Desk, Reply, Surveyor, Visit
from callgate.settings import CONNECTIONS_MAX
from callgate.shim import frames
from callgate.system.sockets import peer

log = logging.getLogger(__name__)

READ = 64 * 1024
"""Bytes of one read: larger buffers cost 15 us of page faults each (measured)."""
BREATH = 0.005
"""Seconds that staged notes wait for a turn to be committed with; a transaction of their own would cost more."""
IDLE = 1.0
"""Seconds without a question after which the log is tidied up."""
UNSETTLED_SOME, PAUSE = 200, 0.02
"""Rows (some 4 MB of the write-ahead log) after which a shorter moment will do: so many seconds. Agents think for
longer between two calls."""
UNSETTLED_MAX = 800
"""Rows (some 14 MB, less than the write-ahead log keeps on the disk: growing a file costs more) after which the log is
tidied up without any pause: right after the answers of a turn have left, before the next questions are read."""
AGAIN = 0.5
"""Seconds until connections are accepted again after a failure, however busy the open ones are."""
UNSENT_MAX = 4 * 1024 * 1024
"""Bytes of answers that a peer may leave unread before it is cut off."""


class Connection:
    """A socket with its half-read and half-written frames."""

    __slots__ = ("awaited", "incoming", "outgoing", "socket", "visit")

    def __init__(self, connected: socket.socket, visit: Visit) -> None:
        self.socket = connected
        self.visit = visit
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.awaited = 0
        """The selector's events that we wait for."""


class Listener:
    """Owns gate.sock, its connections, and through the gate the only writing connection to the log.

    `run` is the body of its thread; `submit` and `stop` may be called from any thread.
    """

    def __init__(
        self, listening: socket.socket, gate: Gate, surveyor: Surveyor, workers: Executor, undertaker: Executor
    ) -> None:
        self.desk = Desk(
            gate, surveyor, workers, undertaker, later=self.submit, send=self._send_late, refuse=self._end_later
        )
        self._gate = gate
        self._listening = listening
        self._selector = selectors.DefaultSelector()
        self._connections: dict[int, Connection] = {}
        self._by_visit: dict[int, Connection] = {}
        self._jobs: deque[tuple[Callable[[], None], Callable[[bool], None]]] = deque()
        self._after: list[Callable[[bool], None]] = []
        self._answers: list[tuple[Connection, Reply]] = []
        self._notes: list[tuple[Connection, bytes]] = []
        self._ending: list[Connection] = []
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._stopping = False
        self._closed = False
        self._door = threading.Lock()
        self._full = False
        self._again_at = 0.0
        """When to accept connections again, on the monotonic clock; 0.0 while we do."""

    def submit(self, job: Callable[[], None], after: Callable[[bool], None] = lambda durable: None) -> None:
        """Run `job` on the listener's thread in its next turn, and `after` once that turn's rows are durable (True) or
        lost (False). Raises CallgateError if the listener has stopped.
        """
        with self._door:
            if self._closed:
                raise CallgateError("callgate daemon", "is stopping", "`callgate up` starts it again")
            self._jobs.append((job, after))
            with contextlib.suppress(BlockingIOError):  # a full pipe wakes as well
                os.write(self._wake_write, b"\0")

    def listen_on(self, listening: socket.socket) -> None:
        """Accept connections from this socket from now on; the open ones stay. For a job."""
        if self._listens():
            self._selector.unregister(self._listening)
        self._listening.close()
        self._listening = listening
        self._selector.register(listening, selectors.EVENT_READ)

    def stop(self) -> None:
        """Answer what was asked, commit, close all connections, and leave `run`."""

        def end() -> None:
            self._stopping = True

        with contextlib.suppress(CallgateError):
            self.submit(end)

    def run(self) -> None:
        """Serve until `stop`."""
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        try:
            while not self._stopping:
                ready = self._selector.select(self._patience())
                if ready:
                    self._turn(ready)
                elif self._gate.staged:
                    self._gate.commit()
                else:
                    self._gate.settle()
                    self._accept_again()
        finally:
            self._close()

    def _patience(self) -> float | None:
        if self._gate.staged:
            return BREATH
        if self._gate.unsettled >= UNSETTLED_SOME:
            return PAUSE
        return IDLE if self._gate.unsettled or not self._listens() else None

    def _close(self) -> None:
        with self._door:
            self._closed = True
        self._run_jobs()
        self._stage_notes()
        self._answer(self._gate.commit())
        for connection in list(self._connections.values()):
            self._end(connection)
        self._selector.close()
        self._listening.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _turn(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        if self._again_at and time.monotonic() >= self._again_at:
            self._accept_again()
        for key, events in ready:
            if key.fileobj is self._listening:
                self._accept()
            elif key.fileobj == self._wake_read:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, READ)
            else:
                connection: Connection = key.data
                if events & selectors.EVENT_WRITE:
                    self._flush(connection)
                if events & selectors.EVENT_READ and connection.socket.fileno() >= 0:
                    self._read(connection)
        self._run_jobs()
        self._answer(self._gate.commit())
        self._stage_notes()
        self._end_all()
        full = self._gate.unsettled >= UNSETTLED_MAX
        if full or self._gate.lost:  # notes only: the questions of the next turn are not to suffer for it
            self._gate.commit()
        if full:
            self._gate.settle()

    def _stage_notes(self) -> None:
        notes, self._notes = self._notes, []
        for connection, body in notes:
            try:
                self.desk.note(connection.visit, body)
            except Exception as error:  # noqa: BLE001 - a task edge, as in `_take`
                self._blame(connection, error)

    def _run_jobs(self) -> None:
        while self._jobs:
            job, after = self._jobs.popleft()
            self._after.append(after)
            try:
                job()
            except Exception:  # a task edge: one failed job must not take the gate of all others with it
                log.exception("a job failed")

    def _answer(self, durable: bool) -> None:
        """Send what the turn's questions are to be told, now that their rows are durable or lost."""
        answers, self._answers = self._answers, []
        touched = {}
        for connection, reply in answers:
            connection.outgoing += reply.data if durable else self.desk.undurable(reply)
            touched[id(connection)] = connection
        for connection in touched.values():
            self._flush(connection)
        self._end_all()
        after, self._after = self._after, []
        for tell in after:
            tell(durable)

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:  # out of descriptors: the peer waits, and after its deadline acts by on_doubt
                log.error("cannot accept connections for now: %s", error)
                self._selector.unregister(self._listening)
                self._again_at = time.monotonic() + AGAIN
                return
            connected.setblocking(False)
            try:
                who = peer(connected)
            except OSError:
                connected.close()
                continue
            if who.uid != os.getuid() or not self._has_room():
                if not self._full:
                    log.warning("refused a connection of user %d, pid %d", who.uid, who.pid)
                self._full = True
                connected.close()
                continue
            self._full = False
            connection = Connection(connected, Visit(who))
            self._connections[connected.fileno()] = connection
            self._by_visit[id(connection.visit)] = connection
            self._await(connection, selectors.EVENT_READ)

    def _await(self, connection: Connection, events: int) -> None:
        """Wait for these events of a connection, or for none."""
        if events == connection.awaited:
            return
        if not connection.awaited:
            self._selector.register(connection.socket, events, connection)
        elif events:
            self._selector.modify(connection.socket, events, connection)
        else:
            self._selector.unregister(connection.socket)
        connection.awaited = events

    def _has_room(self) -> bool:
        """Is there room for a connection, if need be in place of the oldest one that has not even said hello?"""
        if len(self._connections) >= CONNECTIONS_MAX:
            silent = next((c for c in self._connections.values() if c.visit.session is None), None)
            if silent is None:
                return False
            self._end(silent)
        return True

    def _listens(self) -> bool:
        return self._listening in self._selector.get_map()

    def _accept_again(self) -> None:
        self._again_at = 0.0
        if not self._listens():
            self._selector.register(self._listening, selectors.EVENT_READ)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._end(connection)
            return
        connection.incoming += data
        self._take(connection)

    def _take(self, connection: Connection) -> None:
        """Hand whole frames to the desk, as long as it does not have to wait for a HELLO to be looked into."""
        visit = connection.visit
        if visit.waiting:
            if len(connection.incoming) > frames.MAX_BODY + READ:
                self._await(connection, 0)
            return
        try:
            for kind, serial, body in frames.unpack(connection.incoming, 1 if visit.session is None else 0):
                if kind == frames.NOTE:
                    self._notes.append((connection, body))
                    continue
                reply = self.desk.frame(visit, kind, serial, body)
                if reply is not None:
                    self._answers.append((connection, reply))
        except Exception as error:  # noqa: BLE001 - a task edge: whatever one peer has sent, all others must live on
            self._blame(connection, error)

    def _blame(self, connection: Connection, error: Exception) -> None:
        """What a connection has sent could not be handled: that is the end of it, and of nothing else."""
        pid = connection.visit.peer.pid
        if isinstance(error, (ValueError, ProtocolError)):
            log.warning("pid %d: %s; its connection is closed", pid, error)
        else:
            log.error("pid %d: a frame could not be handled; its connection is closed", pid, exc_info=error)
        self._ending.append(connection)

    def _send_late(self, visit: Visit, reply: Reply) -> None:
        connection = self._by_visit.get(id(visit))
        if connection is None:
            return
        self._answers.append((connection, reply))
        self._await(connection, connection.awaited | selectors.EVENT_READ)
        self._take(connection)

    def _end_later(self, visit: Visit) -> None:
        connection = self._by_visit.get(id(visit))
        if connection is not None:
            self._ending.append(connection)

    def _flush(self, connection: Connection) -> None:
        if connection.socket.fileno() < 0:
            return
        try:
            sent = connection.socket.send(connection.outgoing)
            del connection.outgoing[:sent]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._end(connection)
            return
        if len(connection.outgoing) > UNSENT_MAX:
            log.warning("pid %d leaves its answers unread; its connection is closed", connection.visit.peer.pid)
            self._end(connection)
            return
        if connection.awaited:
            self._await(connection, selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.outgoing else 0))

    def _end_all(self) -> None:
        while self._ending:
            self._end(self._ending.pop(0))

    def _end(self, connection: Connection) -> None:
        number = connection.socket.fileno()
        if number < 0:
            return
        self._stage_notes()  # the server may have begun, or ended: the desk has to know before the shim is gone
        self._await(connection, 0)
        del self._connections[number]
        del self._by_visit[id(connection.visit)]
        connection.socket.close()
        self.desk.gone(connection.visit)
        self._accept_again()
