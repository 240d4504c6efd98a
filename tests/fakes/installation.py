"""State folders, a home, and a real daemon process for them, driven from this process. Ended without a trace."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from callgate.client import Client
from callgate.service import background
from callgate.system.paths import folders
from callgate.system.processes import is_same, process, start_time
from until import until


class Installation:
    """What one user has: `home`, Callgate's folders, and perhaps a daemon."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="cg-"))  # short: it holds sockets
        self.home = self.root / "home"
        self.home.mkdir()
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "CALLGATE_HOME": str(self.root / "s")}
        self.folders = folders(self.env)
        self.client = Client(self.folders.api_socket)

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.root, ignore_errors=True)

    def start(self) -> bool:
        """See to it that a daemon runs; True if it was started by this call."""
        return background.ensure(self.folders, self.env, None)

    def settle(self, text: str) -> None:
        """Write the settings file."""
        self.folders.make()
        self.folders.settings.write_text(text)

    @property
    def pid(self) -> int:
        """The daemon's pid; 0 if none is known."""
        with contextlib.suppress(OSError, ValueError):
            found = process(int(self.folders.pid_file.read_text()))
            if found and "callgate.service" in found.argv:
                return found.pid
        return 0

    def signal(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the daemon and, if it is a deadly one, wait for its end."""
        pid = self.pid
        assert pid, "no daemon runs"
        start = start_time(pid)
        os.kill(pid, number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            until(lambda: not is_same(pid, start), "the end of the daemon", 20)

    def kill(self) -> None:
        """End the daemon, if there is one, as a crash would."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)
                self.signal()

    def rows(self, **filters: str | int) -> list[dict[str, Any]]:
        """Rows of the log as the daemon gives them, oldest first."""
        return self.client.events({"limit": 10_000, **filters})
