"""Drives a process that the kernel knows by an agent's program file, in the home of an installation."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from installation import Installation

SCRIPT = Path(__file__).with_name("scripted_agent.py")


class AgentProcess:
    """A running `scripted_agent.py` whose executable is a copy of Python called `program`."""

    def __init__(
        self, site: Installation, program: str = "claude", options: Sequence[str] = (), env: Mapping[str, str] = {}
    ) -> None:
        folder = site.home / "bin"
        folder.mkdir(exist_ok=True)
        exe = folder / program
        if not exe.exists():
            shutil.copy(Path(sys.executable).resolve(), exe)
        self.project = site.home / "project"
        self.project.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [str(exe), "-I", "-S", str(SCRIPT), *options],
            cwd=self.project,
            env={**site.env, "PYTHONHOME": sys.base_prefix, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def order(self, **said: object) -> str:
        """Have it do something; its answer."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(said) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def start(self, *argv: str, stdio: str = "null", own: bool = False) -> int:
        """Have it start a process; its pid."""
        return int(self.order(argv=argv, stdio=stdio, own=own))

    def end(self) -> None:
        """End it; what it started sees its streams close."""
        self._process.kill()
        self._process.communicate()
