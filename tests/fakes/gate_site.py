"""A listener on a real socket, with a real gate and log, in this process."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from callgate.audit.store import Filter, Reader, Writer
from callgate.discovery.identify import Identifier
from callgate.gate import Gate
from callgate.model.call import Effect, Mode
from callgate.model.errors import CallgateError
from callgate.model.event import Row
from callgate.model.identity import Launch
from callgate.policy.allowlist import ANY_TOOL, Allowlist, Approval
from callgate.server.listener import Listener
from callgate.service.survey import Survey
from callgate.settings import Durability, Settings
from callgate.system import sockets
from frame_client import FrameClient


class Site:
    """Where shims connect to: `path` is the socket."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self.path = folder / "g"
        self.audit = folder / "audit.db"
        cat = Identifier().identify(Launch(("/bin/cat",), "/", "/bin")).server
        tools = {"read": Effect.ALLOW, "hold": Effect.ASK, ANY_TOOL: Effect.DENY}
        self.rules: Allowlist | None = Allowlist((Approval("cat", (cat,), Effect.ALLOW, tools),))
        self.writer = Writer.open(self.audit, Durability.COMMIT)
        settings = Settings(mode=Mode.ENFORCE)
        self.gate = Gate(self.writer, lambda: self.rules, settings, time.time_ns, b"k" * 32)
        self.workers, self.undertaker = ThreadPoolExecutor(4), ThreadPoolExecutor(1)
        self.survey = Survey(rules=lambda: self.rules)
        self.listener = Listener(sockets.listen(self.path), self.gate, self.survey, self.workers, self.undertaker)
        self.thread = threading.Thread(target=self.listener.run)

    def open(self) -> None:
        self.thread.start()

    def close(self) -> None:
        """Stop, if it has not been stopped yet."""
        self.listener.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.workers.shutdown()
        self.undertaker.shutdown()
        self.writer.close()

    def client(self) -> FrameClient:
        return FrameClient(self.path)

    def settle(self, **changes: object) -> None:
        """Change settings between two tests' steps."""
        self.gate.settings = replace(self.gate.settings, **changes)

    def rows(self, kind: str = "call.asked") -> list[Row]:
        """What the log holds once all is in it that was read so far."""
        done = threading.Event()
        with contextlib.suppress(CallgateError):  # stopped: all is in it
            self.listener.submit(lambda: None, lambda durable: done.set())
            assert done.wait(10)
        return list(Reader(self.audit).rows(Filter(kind=kind)))

    def locked(self) -> sqlite3.Connection:
        """Another program that keeps the log locked: nothing can be written until it is closed."""
        other = sqlite3.connect(self.audit, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        return other
