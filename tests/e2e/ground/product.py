"""The installed `callgate` command in a scratch home with scratch state: started, asked, and ended without a trace."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from callgate.client import Client
from callgate.system.paths import folders
from ground.toolbox import absent

COMMAND = Path(os.environ.get("CALLGATE_BIN") or Path(sys.executable).with_name("callgate"))

Row = dict[str, Any]


class Product:
    """One installation of Callgate: its state folder, and the home that it looks after."""

    def __init__(self, home: Path | None = None) -> None:
        if not COMMAND.exists():
            absent(f"{COMMAND} is not installed")
        self._root = Path(tempfile.mkdtemp(prefix="cg-e2e-"))  # short: it holds sockets
        self.state = self._root / "state"
        self.home = home or self._root / "home"
        self.home.mkdir(exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as one:  # a port of its own: another test may run beside this one
            self.port = int(one.getsockname()[1])
        self.env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "TMPDIR": str(self._root),
            "LANG": "C.UTF-8",
            "CALLGATE_HOME": str(self.state),
        }
        settings = folders(self.env).settings
        settings.parent.mkdir(mode=0o700, parents=True)
        settings.write_text(f"[http]\nport = {self.port}\n")

    def __enter__(self) -> Product:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.run("down", check=False)
        self.kill_daemon()
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def shim(self) -> list[str]:
        """What to put in front of a server's command line."""
        return [str(COMMAND), "shim", "--"]

    def run(self, *arguments: str, check: bool = True, timeout: float = 40) -> subprocess.CompletedProcess[str]:
        """One command, waited for; with `check` it must succeed."""
        done = subprocess.run(
            [str(COMMAND), *arguments], env=self.env, cwd=self._root, capture_output=True, text=True, timeout=timeout
        )
        if check and done.returncode:
            raise AssertionError(
                f"callgate {' '.join(arguments)} left with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done

    def up(self, *, enforce: bool = False) -> None:
        """Start the daemon and wrap the home."""
        self.run("up", *(["--enforce"] if enforce else []), "--home", str(self.home))

    def daemon(self) -> psutil.Process | None:
        """The running daemon: the process of this state folder that says so by its module."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                ours = process.environ().get("CALLGATE_HOME") == str(self.state)
                if ours and "callgate.service" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    return process
        return None

    def kill_daemon(self) -> None:
        """End the daemon as a crash would, and wait until it is gone."""
        if process := self.daemon():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
                process.wait(10)

    def log(self, *filters: str) -> list[Row]:
        """The newest 10,000 rows of the audit log that pass the filters, oldest first, as `callgate log` gives them."""
        lines = self.run("log", "--json", "-n", "10000", *filters).stdout.splitlines()
        return sorted((json.loads(line) for line in lines if line.strip()), key=lambda row: row["seq"])

    def client(self) -> Client:
        """The daemon's local API."""
        return Client(folders(self.env).api_socket)

    def every_row(self, **filters: str) -> list[Row]:
        """All rows that pass the filters, oldest first, over the local API (the command shows only so many)."""
        client = self.client()
        found: list[Row] = []
        while page := client.events({**filters, "after": found[-1]["seq"] if found else 0, "limit": 10_000}):
            found += page
        return found

    def calls(self, **fields: str) -> list[Row]:
        """The rows of calls that were asked, with these values."""
        return [row for row in self.log("--kind", "call.asked") if fields.items() <= row.items()]

    def files(self) -> dict[str, bytes]:
        """Every file of the home, to compare before and after."""
        return {
            str(path.relative_to(self.home)): path.read_bytes()
            for path in self.home.rglob("*")
            if path.is_file() and not path.is_symlink()
        }


def processes_of(session: int) -> list[str]:
    """What still runs in that process session, for at most five seconds: empty when all of it has ended."""
    deadline = time.monotonic() + 5
    while True:
        left = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                    left.append(f"{process.pid} {' '.join(process.cmdline())}")
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)
