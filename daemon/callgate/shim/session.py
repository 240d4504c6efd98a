"""One run of the shim: a blocking poll loop between an agent, a server and the gate. Decides nothing itself."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix
import select
import time

from callgate.shim import conf, process
from callgate.shim.ending import NEVER, Ending
from callgate.shim.frames import MAX_BODY, VERSION
from callgate.shim.gate_link import READ, GateLink
from callgate.shim.jsonrpc import dumps
from callgate.shim.process import Server
from callgate.shim.relay import REFUSED, STARTED, Relay, Terms
from callgate.shim.sink import Sink
from callgate.shim.spool import Spool

QUEUE_MAX = 1024 * 1024
"""Bytes that may wait for a reader before we stop reading what feeds it."""
NOTES_AFTER = 0.02
"""Seconds without traffic after which notes go to the gate by themselves."""
PARENT_CHECK = 2.0
"""Seconds between looks whether the agent is still there (its death usually closes our stdin anyway)."""
DRAIN = 0.5
"""Seconds for the rest of a dead server's output, when something it started holds the pipe open."""
FLUSH = 5.0
"""Seconds for the agent to take what it has not read, once the server is gone."""
FAREWELL = 100
"""Milliseconds for the last notes to reach the gate."""
NOT_ALLOWED = 126
"""Exit code when the server was not allowed to run."""
HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL


def complain(text: str) -> None:
    """Say something to whoever reads the server's stderr; never on stdout."""
    try:
        posix.write(2, f"callgate: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass


class Session:
    """One run: the agent on our stdin and stdout, the server that it wants, and the gate."""

    def __init__(self, settings: conf.Conf, launcher: str, entry: str, argv: list[str]) -> None:
        now = time.monotonic()
        uid = posix.urandom(8).hex()
        self._argv = argv
        self._about: dict[str, object] = {
            "version": VERSION, "uid": uid, "resumed": False, "launcher": launcher, "entry": entry, "argv": argv,
            "cwd": posix.getcwd(), "path": posix.environ.get(b"PATH", b"").decode("utf-8", "surrogateescape"),
            "pid": posix.getpid(), "server_pid": 0, "build": settings.build,
        }  # fmt: skip
        hello = dumps(self._about)
        if len(hello) > MAX_BODY - 1024:
            raise ValueError("the command line is too long to be looked at")
        spool = Spool(settings.spool, uid, "enforce" if settings.enforce else "observe", hello)
        terms = Terms(
            uid=uid,
            enforce=settings.enforce,
            on_doubt=settings.on_doubt,
            deadline=settings.deadline,
            message_max=settings.message_max,
        )
        self._relay = Relay(terms, spool.record, now)
        self._questions = self._relay.questions
        self._out = self._relay.out
        self._link = GateLink(settings.socket)
        self._client = Sink(1)
        self._input: Sink | None = None
        self._server: Server | None = None
        self._client_open = True
        self._ending = Ending()
        self._parent = posix.getppid()
        self._parent_check = now + PARENT_CHECK
        self._poll = select.poll()
        self._masks: dict[int, int] = {}
        self._blocking = posix.get_blocking(1)
        self._wake, self._waker = posix.pipe()
        self._died = NEVER
        self._code: int | None = None

    def run(self) -> int:
        """Relay until either side is done. Raises LaunchError if there is no such server."""
        self._catch_signals()
        posix.set_blocking(1, False)
        self._watch(self._wake, select.POLLIN)
        self._watch(1, 0)
        self._settle(time.monotonic())
        while self._code is None:
            ready = self._poll.poll(self._patience())
            now = time.monotonic()
            for fd, event in ready:
                self._event(fd, event, now)
            if not ready:
                self._questions.flush_notes()
            self._settle(now)
        self._farewell()
        if self._code < 0:
            self.restore()
            process.die_of(-self._code)
            return 128 - self._code
        return self._code

    def restore(self) -> None:
        """Leave the descriptors as they were given to us."""
        posix.set_blocking(1, self._blocking)

    # Events

    def _event(self, fd: int, event: int, now: float) -> None:
        if fd == 0:
            self._read_client(now)
        elif self._server is not None and fd == self._server.stdout:
            self._read_server(now)
        elif fd == self._link.fd:
            self._gate_event(event, now)
        elif fd == 1:
            self._client.flush()
            if event & HUNG_UP or self._client.broken:
                self._client_left(now)
        elif self._input is not None and fd == self._input.fd:
            self._input.flush()
            self._ending.heard(now)  # it reads: a sign of life, too
        elif fd == self._wake:
            self._signals(now)

    def _read_client(self, now: float) -> None:
        try:
            data = posix.read(0, READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._relay.from_client(data, now)
        else:
            self._client_open = False
            self._relay.client_ended(now)

    def _read_server(self, now: float) -> None:
        assert self._server is not None
        try:
            data = posix.read(self._server.stdout, READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if self._relay.launch is REFUSED:
            if not data:
                self._close_output()
        elif data:
            self._relay.from_server(data, now)
            self._ending.heard(now)
        else:
            self._close_output()
            self._close_input(now)

    def _gate_event(self, event: int, now: float) -> None:
        try:
            if event & select.POLLOUT and self._link.sink is not None:
                self._link.sink.flush()
            if event & ~select.POLLOUT:
                for serial, body in self._link.read():
                    self._relay.answered(serial, body, now)
                    self._link.trusted()
        except (OSError, ValueError):
            self._lose_gate(now)

    def _signals(self, now: float) -> None:
        for number in posix.read(self._wake, 64):
            if self._server is None:
                if number != _signal.SIGCHLD:
                    self._code = -number
            elif number == _signal.SIGCHLD:
                self._server.reap()
            else:
                self._server.signal(number)
                self._ending.told(now)

    def _client_left(self, now: float) -> None:
        """Nobody reads what we say: the session is over, as at the end of input."""
        self._client.broken = True
        self._watch(1, None)
        self._client_open = False
        self._close_input(now)

    # After each turn

    def _settle(self, now: float) -> None:
        """Do what follows from the events: decide, start, ask, write, stop; then say what to wait for."""
        relay, link = self._relay, self._link
        if now >= relay.wake_at():
            relay.tick(now)
        if now >= self._parent_check:
            self._parent_check = now + PARENT_CHECK
            if posix.getppid() != self._parent:
                self._client_left(now)
        if self._questions.hung:
            self._lose_gate(now)
        if relay.launch is STARTED and self._server is None and self._died == NEVER:
            self._start()
        if link.sink is None and now >= link.retry_at and link.connect(now):
            self._questions.hello(dumps(self._about), now)
            self._about["resumed"] = True
        self._write()
        if self._server is not None:
            self._attend(self._server, now)
        elif relay.launch is REFUSED and not self._client_open and not self._client.size:
            self._code = NOT_ALLOWED
        self._watch_all()

    def _start(self) -> None:
        server = self._server = process.start(self._argv)
        self._input = Sink(server.stdin)
        self._about["server_pid"] = server.pid
        self._questions.note(dumps({"what": "started", "pid": server.pid}))

    def _write(self) -> None:
        out, link = self._out, self._link
        if self._questions.frames and link.sink is not None:
            link.sink.push(self._questions.frames)
            self._questions.frames = []
        if out.server:
            if self._input is not None:  # else the server reads no more
                self._input.push(out.server)
            out.server = []
        if out.client:
            self._client.push(out.client)
            out.client = []
        for text in out.complaints:
            complain(text)
        out.complaints.clear()

    def _attend(self, server: Server, now: float) -> None:
        """See to a running or ending server."""
        relay = self._relay
        if relay.launch is REFUSED:  # allowed before, revoked now
            if self._ending.at == NEVER:
                server.signal(_signal.SIGTERM)
                self._ending.told(now)
        elif not self._client_open and not relay.owes_server and self._input is not None:
            self._ending.input_closed(now)
            if not self._input.size:
                self._close_input(now)
        number = self._ending.due(now)
        if number:
            server.signal(number)
        if server.status is not None or self._ending.hopeless:
            self._bury(server, now)

    def _bury(self, server: Server, now: float) -> None:
        """The server is dead: take what it still said, end what it left behind, and go."""
        self._died = min(self._died, now)
        if server.stdout >= 0 and now < self._died + DRAIN:
            return
        self._close_output()
        if (self._client.size or self._relay.owes_client) and now < self._died + FLUSH:
            return
        self._close_input(now)
        server.bury()
        self._questions.note(dumps({"what": "ended", "code": server.status}))
        self._server = None
        self._about["server_pid"] = 0
        if self._relay.launch is STARTED:
            self._code = server.status if server.status is not None else 1

    def _close_input(self, now: float) -> None:
        if self._server is not None:
            if self._input is not None:
                self._watch(self._input.fd, None)
                self._input = None
            self._server.close_stdin()
            self._ending.input_closed(now)

    def _close_output(self) -> None:
        assert self._server is not None
        if self._server.stdout >= 0:
            self._watch(self._server.stdout, None)
            self._server.close_stdout()
            self._relay.server_ended()
            self._write()

    def _lose_gate(self, now: float) -> None:
        self._watch(self._link.fd, None)
        self._link.drop(now)
        self._questions.lost(now)

    # Waiting

    def _watch_all(self) -> None:
        """Read where there is room for what comes of it; write where something waits."""
        gate = self._link.sink
        waiting = self._client.size
        self._watch(1, select.POLLOUT if waiting else 0)
        if self._server is not None and self._server.stdout >= 0:
            self._watch(self._server.stdout, select.POLLIN if waiting <= QUEUE_MAX else None)
        if self._input is not None:
            self._watch(self._input.fd, select.POLLOUT if self._input.size else None)
            waiting += self._input.size
        if gate is not None:
            self._watch(gate.fd, select.POLLIN | select.POLLOUT if gate.size else select.POLLIN)
            waiting += gate.size
        self._watch(0, select.POLLIN if self._client_open and waiting + self._relay.held <= QUEUE_MAX else None)

    def _watch(self, fd: int, mask: int | None) -> None:
        """Have the loop wait for these events of `fd`; None: for nothing, not even that it hangs up."""
        if self._masks.get(fd) == mask:
            return
        if mask is None:
            del self._masks[fd]
            self._poll.unregister(fd)
        else:
            self._masks[fd] = mask
            self._poll.register(fd, mask)

    def _patience(self) -> float:
        """Milliseconds until something is due."""
        due = self._relay.wake_at()
        if self._server is not None:
            wait = DRAIN if self._server.stdout >= 0 else FLUSH
            due = min(due, self._ending.at, self._died + wait)
        if self._link.sink is None:
            due = min(due, self._link.retry_at)
        now = time.monotonic()
        if self._questions.ready and self._questions.has_notes:
            due = min(due, now + NOTES_AFTER)
        return max(0.0, min(due, self._parent_check) - now) * 1000

    def _catch_signals(self) -> None:
        posix.set_blocking(self._waker, False)
        _signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP):
            _signal.signal(number, lambda number, frame: None)

    def _farewell(self) -> None:
        """Give the last notes a moment to reach the gate."""
        sink = self._link.sink
        self._questions.flush_notes()
        if sink is None or not self._questions.frames:
            return
        sink.push(self._questions.frames)
        if sink.size:
            last = select.poll()
            last.register(sink.fd, select.POLLOUT)
            if last.poll(FAREWELL):
                sink.flush()
