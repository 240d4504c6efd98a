"""The real rsyslog, on a port of its own with mutual TLS, writing each message to a file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from until import until

PROGRAM = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin")
CONFIG = """
global(workDirectory="{work}" maxMessageSize="128k" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{ca}"
       defaultNetstreamDriverCertFile="{cert}" defaultNetstreamDriverKeyFile="{key}")
main_queue(queue.type="direct")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/name"
       permittedPeer=["machine.example.com"])
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="whole" type="list") {{ property(name="msg") constant(value="\\n") }}
action(type="omfile" file="{out}" template="whole" asyncWriting="off" flushOnTXEnd="on" ioBufferSize="64k")
"""
"""With a direct queue it reads a message, writes it, and only then reads on: what it has read survives even SIGKILL."""


class Rsyslogd:
    """`url` and `out`; `start`, `stop` and signals as often as one likes."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        if PROGRAM is None:
            if os.environ.get("CALLGATE_REQUIRE_TOOLS"):
                pytest.fail("rsyslogd is not installed")
            pytest.skip("rsyslogd is not installed")
        folder.mkdir(parents=True)
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"tls://localhost:{self.port}"
        self.out = folder / "out.jsonl"
        pair = authority.issue("siem.example.com")
        said = CONFIG.format(work=folder, ca=authority.ca, cert=pair.cert, key=pair.key, port=self.port, out=self.out)
        (folder / "rsyslog.conf").write_text(said)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Rsyslogd:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)

    def start(self) -> None:
        """Returns when it takes connections."""
        assert PROGRAM is not None
        with (self._folder / "said").open("ab") as said:
            self._process = subprocess.Popen(
                [PROGRAM, "-n", "-f", str(self._folder / "rsyslog.conf"), "-i", str(self._folder / "pid")],
                stdout=said,
                stderr=said,
            )
        until(self._listens, "rsyslogd", 30)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None
            (self._folder / "pid").unlink(missing_ok=True)

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def events(self) -> list[dict[str, Any]]:
        """All that arrived, in order, repeats included. A line that is being written is left out."""
        if not self.out.exists():
            return []
        return [json.loads(line) for line in self.out.read_bytes().split(b"\n")[:-1]]

    def pids(self) -> list[int]:
        return [self._process.pid] if self._process else []

    def _listens(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self._folder / "said").read_text()
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0
