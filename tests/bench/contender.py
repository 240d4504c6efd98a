"""What the benchmark compares: ways to reach the same test server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = os.path.realpath(sys.executable)
"""The interpreter itself: a version manager's shim or a venv's site would be measured with it."""
SERVER = [PYTHON, "-I", "-S", "-E", str(HERE / "server.py")]


@dataclass(frozen=True, slots=True)
class Ready:
    """A contender that can be started now."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    beside: frozenset[int] = frozenset()
    """Processes started beforehand that serve this session alone: counted with it."""
    daemons: frozenset[int] = frozenset()
    """Processes that serve every session of the machine: counted apart."""


Opening = Callable[[Path], AbstractContextManager[Ready]]
"""Given a scratch folder of its own (kept over the rounds): ready while the context lasts."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the tables."""

    name: str
    open: Opening
    note: str = ""
    ours: bool = False


def environment(scratch: Path) -> dict[str, str]:
    """A small environment whose HOME is `scratch`, so that nothing of the user is read or written."""
    return {"HOME": str(scratch), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


def plain(argv: list[str]) -> Opening:
    """A contender that is only a command."""

    @contextmanager
    def opening(scratch: Path) -> Iterator[Ready]:
        yield Ready(argv, environment(scratch), str(scratch))

    return opening


def floor(tools: Path) -> list[Contender]:
    """The direct connection, and raw relays that decide nothing."""
    found = [
        Contender("direct", plain(SERVER)),
        Contender("raw relay, Python", plain([PYTHON, "-I", "-S", "-E", str(HERE / "relay.py"), *SERVER])),
    ]
    compiler = shutil.which("cc")
    if compiler:
        binary = tools / "relay-c"
        subprocess.run([compiler, "-O2", "-o", str(binary), str(HERE / "relay.c")], check=True)
        found.append(Contender("raw relay, C", plain([str(binary), *SERVER])))
    return found
