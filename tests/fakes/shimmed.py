"""A real shim in front of a real server, driven over its pipes. Every wait is bounded."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callgate.model.call import Effect, Mode
from callgate.settings import Settings
from callgate.system.paths import Folders
from callgate.wrap.launcher import install_shim, interpreter, write_conf

HERE = Path(__file__).parent
PATIENCE = 10.0


def peer(*options: str) -> list[str]:
    """The command line of the scriptable server."""
    return [sys.executable, "-I", str(HERE / "peer.py"), *options]


@dataclass
class Place:
    """A state folder with the shim's copy in it."""

    root: Path
    folders: Folders = field(init=False)

    def __post_init__(self) -> None:
        self.folders = Folders(self.root / "config", self.root / "data", self.root / "run")
        self.folders.make()
        self.build = install_shim(self.folders)

    def settle(
        self, mode: str = "observe", on_doubt: str = "deny", deadline: float = 5.0, message_max: int = 0
    ) -> None:
        """Write shim.conf."""
        write_conf(self.folders, Settings(mode=Mode(mode), on_doubt=Effect.of(on_doubt), deadline=deadline), self.build)
        if message_max:
            with self.folders.shim_conf.open("a") as file:
                file.write(f"message_max={message_max}\n")

    def command(self, *server: str, flags: Sequence[str] = ()) -> list[str]:
        """The command line of a shim."""
        run = str(self.folders.shim / "run.py")
        told = ["--launcher", "an-agent", "--entry", "an entry", "--", *server]
        return [interpreter(), "-I", "-S", "-E", *flags, run, *told]

    def spooled(self) -> list[dict[str, Any]]:
        """All lines of the spool."""
        files = sorted(self.folders.spool.glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


class Shimmed:
    """One running shim."""

    def __init__(self, command: list[str], **more: Any) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **more
        )
        self._buffer = b""
        self.stderr = b""

    def __enter__(self) -> Shimmed:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def send(self, *messages: object) -> None:
        """Write each message as a line; bytes go as they are."""
        for message in messages:
            data = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
            assert self.process.stdin is not None
            view = memoryview(data)
            while view:
                view = view[self.process.stdin.write(view) :]

    def line(self) -> bytes:
        """The next line."""
        assert self.process.stdout is not None
        while b"\n" not in self._buffer:
            data = self._read(self.process.stdout.fileno())
            assert data, f"the shim said no more: {self._buffer!r} {self.complaints()!r}"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    def message(self) -> Any:
        """The next line as a value."""
        return json.loads(self.line())

    def rest(self) -> bytes:
        """All that it says until it closes its stdout."""
        assert self.process.stdout is not None
        while data := self._read(self.process.stdout.fileno()):
            self._buffer += data
        rest, self._buffer = self._buffer, b""
        return rest

    def call(self, id: object, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool and return its answer, which must be the next line."""
        self.send(request(id, tool, **arguments))
        answer = self.message()
        assert answer["id"] == id, answer
        return answer

    def said(self, word: str) -> str:
        """The first line on stderr that holds `word`."""
        assert self.process.stderr is not None
        while True:
            for line in self.stderr.decode().split("\n")[:-1]:
                if word in line:
                    return line
            data = self._read(self.process.stderr.fileno())
            assert data, f"nothing said {word!r}: {self.stderr!r}"
            self.stderr += data

    def complaints(self) -> str:
        """What is on stderr once the shim has ended."""
        assert self.process.stderr is not None
        while data := self._read(self.process.stderr.fileno()):
            self.stderr += data
        return self.stderr.decode()

    def close(self) -> None:
        """End its input."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def ended(self) -> int:
        """Its exit code, negative for a signal."""
        return self.process.wait(PATIENCE)

    def _read(self, fd: int) -> bytes:
        ready, _, _ = select.select([fd], [], [], PATIENCE)
        assert ready, f"the shim is silent; it said {self._buffer!r}"
        return os.read(fd, 1 << 20)


def request(id: object, tool: str, **arguments: object) -> dict[str, Any]:
    """A tools/call."""
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def refusal(answer: dict[str, Any]) -> str:
    """The text of a call that was refused in MCP's own form."""
    assert answer["result"]["isError"] is True, answer
    return str(answer["result"]["content"][0]["text"])


def is_alive(pid: int) -> bool:
    """Does this process run (and is no zombie)?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int) -> bool:
    """Wait for a process to end."""
    end = time.monotonic() + PATIENCE
    while is_alive(pid):
        if time.monotonic() > end:
            return False
        select.select([], [], [], 0.01)
    return True
