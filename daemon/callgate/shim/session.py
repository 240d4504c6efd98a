"""One run of the shim: a blocking poll loop between an agent, a server and the gate. Decides nothing itself."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix
import time

from callgate.shim.conf import Conf
from callgate.shim.frames import MAX_BODY, VERSION, telling
from callgate.shim.gate_link import GateLink
from callgate.shim.jsonrpc import dumps
from callgate.shim.poller import HUNG_UP, READ, WRITE, Poller
from callgate.shim.process import LaunchError, search_path
from callgate.shim.relay import REFUSED, STARTED, Relay, Terms
from callgate.shim.server import Server
from callgate.shim.sink import Sink
from callgate.shim.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 64 * 1024
"""Bytes of one read: a pipe holds no more, and larger ones cost 15 us each (malloc)."""
QUEUE_MAX = 1024 * 1024
"""Bytes that may wait for a reader before we stop reading what feeds it."""
NOTES_AFTER = 0.02
"""Seconds without traffic after which notes go to the gate by themselves."""
PARENT_CHECK = 2.0
"""Seconds between looks whether the agent is still there (its death usually closes our stdin anyway) and what holds."""
FAREWELL = 0.1
"""Seconds for the last notes to reach the gate."""
NOT_ALLOWED = 126
"""Exit code when the server was not allowed to run."""


class Session:
    """One run: the agent on our stdin and stdout, the server that it wants, and the gate."""

    def __init__(self, load: Callable[[], Conf], launcher: str, entry: str, argv: list[str]) -> None:
        conf = load()
        now = time.monotonic()
        uid = posix.urandom(8).hex()
        self._argv = argv
        self._about: dict[str, object] = {
            "version": VERSION, "uid": uid, "resumed": False, "launcher": launcher, "entry": entry, "argv": argv,
            "cwd": folder(), "path": search_path() or ".",
            "pid": posix.getpid(), "server_pid": 0, "build": conf.build,
        }  # fmt: skip
        hello = dumps(self._about)
        self._about["env"] = telling(posix.environ)  # after the spool's copy: no value is ever written to a file
        if len(dumps(self._about)) > MAX_BODY - 1024:
            raise ValueError("the command line or the environment is too long to be looked at")
        self._load = load
        self._spool = Spool(conf.spool, uid, conf.mode, hello)
        terms = Terms(uid, conf.enforce, conf.on_doubt, conf.deadline, conf.message_max)
        self._relay = Relay(terms, self._spool.record, now)
        self._questions = self._relay.questions
        self._link = GateLink(conf.socket)
        self._client = Sink(1)
        self._client_open = True
        self._server: Server | None = None
        self._started = False
        self._parent = posix.getppid()
        self._parent_check = now + PARENT_CHECK
        self._poller = Poller()
        self._code: int | None = None

    def run(self) -> int:
        """Relay until either side is done; returns the exit code, negative for the signal to die of."""
        blocking = posix.get_blocking(1)
        posix.set_blocking(1, False)
        try:
            self._settle(time.monotonic())
            while self._code is None:
                ready = self._poller.wait(self._patience())
                now = time.monotonic()
                for fd, event in ready:
                    self._event(fd, event, now)
                if not ready:
                    self._questions.flush_notes()
                self._settle(now)
        except LaunchError as error:
            complain(str(error))
            self._questions.note(dumps({"what": "ended", "code": error.code}))
            self._code = error.code
        finally:
            posix.set_blocking(1, blocking)
        self._farewell()
        return self._code

    # Events

    def _event(self, fd: int, event: int, now: float) -> None:
        server = self._server
        if fd == 0:
            self._read_client(now)
        elif server is not None and fd == server.stdout:
            self._read_server(server, now)
        elif fd == self._link.fd:
            self._gate_event(event, now)
        elif fd == 1:
            self._client.flush()
            if server is not None:
                server.heard(now)
            if event & HUNG_UP:
                self._client.broken = True
        elif server is not None and server.input is not None and fd == server.input.fd:
            server.input.flush()
            server.heard(now)
        elif fd == self._poller.wake:
            for number in self._poller.signals():
                self._signal(number, now)

    def _read_client(self, now: float) -> None:
        data = read(0)
        if data:
            self._relay.from_client(data, now)
        elif data is not None:
            self._client_open = False
            self._relay.client_ended(now)

    def _read_server(self, server: Server, now: float) -> None:
        data = read(server.stdout)
        if data:
            server.heard(now)
            if self._relay.launch is not REFUSED:
                self._relay.from_server(data, now)
        elif data is not None:
            server.close_output()
            server.close_input(now)  # who cannot answer need not be asked
            self._relay.server_ended()

    def _gate_event(self, event: int, now: float) -> None:
        try:
            if event & WRITE and self._link.sink is not None:
                self._link.sink.flush()
            if event & ~WRITE:
                for serial, body in self._link.answers(read(self._link.fd)):
                    self._relay.answered(serial, body, now)
                    self._link.trusted()
        except ValueError:
            self._lose_gate(now)

    def _signal(self, number: int, now: float) -> None:
        server = self._server
        if number == _signal.SIGCHLD:
            if server is not None:
                server.reap(now)
        elif server is None:
            self._code = -number
        else:
            server.signal(number)
            server.ending.told(now)

    # After each turn

    def _settle(self, now: float) -> None:
        """Do what follows from the events: decide, start, ask, write, stop; then say what to wait for."""
        relay = self._relay
        if now >= relay.wake_at():
            self._learn()
            relay.tick(now)
        if now >= self._parent_check:
            self._parent_check = now + PARENT_CHECK
            self._learn()
            if posix.getppid() != self._parent:
                self._client.broken = True
        if relay.launch is STARTED and not self._started:
            self._start()
        self._keep_gate(now)
        self._write()
        if self._client.broken:  # nobody reads what we say: the session is over, as at the end of input
            self._client_open = False
        if self._server is not None:
            self._attend(self._server, now)
        elif not self._client_open and not self._client.size and (relay.launch is REFUSED or self._client.broken):
            self._code = NOT_ALLOWED
        self._poller.want(self._wanted())

    def _learn(self) -> None:
        """The mode may have changed since we started, and the gate tells us nothing of it."""
        try:
            conf = self._load()
        except (OSError, ValueError):  # unreadable for now: what we know holds
            return
        self._relay.learn(conf.enforce, conf.on_doubt)
        self._spool.mode = conf.mode

    def _start(self) -> None:
        self._started = True
        if self._relay.argv:
            self._about["argv"] = self._argv = self._relay.argv  # from now on that is what runs
        self._server = Server(self._argv, self._relay.program)
        self._about["server_pid"] = self._server.pid
        self._questions.note(dumps({"what": "started", "pid": self._server.pid}))

    def _keep_gate(self, now: float) -> None:
        link = self._link
        if self._questions.hung:
            self._lose_gate(now)
        if link.sink is None and now >= link.retry_at and link.connect(now):
            self._questions.hello(dumps(self._about), now)
            self._about["resumed"] = True
        if self._questions.frames and link.sink is not None:
            link.sink.push(self._questions.frames)
            self._questions.frames = []

    def _lose_gate(self, now: float) -> None:
        self._link.drop(now)
        self._questions.lost(now)

    def _write(self) -> None:
        out = self._relay.out
        if out.server:
            if self._server is not None and self._server.input is not None:  # else nobody reads it
                self._server.input.push(out.server)
            out.server = []
        if out.client:
            self._client.push(out.client)
            out.client = []
        for complaint in out.complaints:
            complain(complaint)
        out.complaints.clear()

    def _attend(self, server: Server, now: float) -> None:
        """See to a running or ending server."""
        if self._relay.launch is REFUSED:  # allowed before, revoked now
            if not server.ending.begun:
                server.signal(_signal.SIGTERM)
                server.ending.told(now)
        elif self._client.broken:
            server.close_input(now)
        elif not self._client_open and not self._relay.owes_server and server.input is not None:
            server.ending.input_closed(now)
            if not server.input.size:
                server.close_input(now)
        server.attend(now)
        if server.is_over(now, self._untaken):
            self._bury(server, now)

    def _bury(self, server: Server, now: float) -> None:
        if server.stdout >= 0:
            self._relay.server_ended()
            self._write()
        server.bury(now)
        self._questions.note(dumps({"what": "ended", "code": server.status}))
        self._server = None
        self._about["server_pid"] = 0
        if self._relay.launch is STARTED:
            self._code = server.status if server.status is not None else -_signal.SIGKILL

    def _untaken(self) -> bool:
        """Does something that the server has said still wait for the agent, or for the gate?"""
        return self._client.size > 0 or self._relay.owes_client

    # Waiting

    def _wanted(self) -> dict[int, int]:
        """Read where there is room for what comes of it; write where something waits."""
        server, gate = self._server, self._link.sink
        waiting = self._client.size
        wanted = {self._poller.wake: READ}
        if not self._client.broken:
            wanted[1] = WRITE if waiting else 0
        said = waiting + self._relay.held_answers
        if gate is not None and self._questions.open:  # else nothing would end the wait for a gate that hangs
            said += gate.size
        if server is not None and server.stdout >= 0 and said <= QUEUE_MAX:
            wanted[server.stdout] = READ
        if server is not None and server.input is not None and server.input.size:
            wanted[server.input.fd] = WRITE
            waiting += server.input.size
        if gate is not None:
            wanted[gate.fd] = READ | WRITE if gate.size else READ
            waiting += gate.size
        if self._client_open and waiting + self._relay.held <= QUEUE_MAX:
            wanted[0] = READ
        return wanted

    def _patience(self) -> float:
        """Seconds until something is due."""
        due = min(self._relay.wake_at(), self._parent_check)
        if self._server is not None:
            due = min(due, self._server.wake_at(self._untaken))
        if self._link.sink is None:
            due = min(due, self._link.retry_at)
        now = time.monotonic()
        if self._questions.ready and self._questions.has_notes:
            due = min(due, now + NOTES_AFTER)
        return max(0.0, due - now)

    def _farewell(self) -> None:
        """Give the last notes a moment to reach the gate."""
        sink = self._link.sink
        self._questions.flush_notes()
        if sink is not None and self._questions.frames:
            sink.push(self._questions.frames)
            if sink.size:
                self._poller.want({sink.fd: WRITE})
                self._poller.wait(FAREWELL)
                sink.flush()


def folder() -> str:
    """Where we are; empty if that folder is gone."""
    try:
        return posix.getcwd()
    except OSError:
        return ""


def read(fd: int) -> bytes | None:
    """What has come, at most CHUNK; empty at the end (or when it cannot be read), None if there is nothing yet."""
    try:
        return posix.read(fd, CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def complain(text: str) -> None:
    """Say something, as one harmless line, to whoever reads the server's stderr; never on stdout."""
    text = "".join([each if each.isprintable() else ascii(each)[1:-1] for each in text])
    try:
        posix.write(2, f"callgate: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass
