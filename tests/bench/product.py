"""Callgate as a contender: a daemon in a scratch home for each set of settings, and the launcher that it wrote."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from callgate.system.paths import folders
from contender import SERVER, Contender, Ready, environment
from driver import Failed

CALLGATE = Path(sys.executable).with_name("callgate")
PATIENCE = 30
"""Seconds for a command of ours, and for the daemon to come up."""


@dataclass(frozen=True, slots=True)
class Form:
    """Settings under which the product is measured."""

    mode: str
    durability: str
    daemon: bool = True


FORMS = {
    "callgate observe, commit": Form("observe", "commit"),
    "callgate enforce, commit": Form("enforce", "commit"),
    "callgate observe, fsync": Form("observe", "fsync"),
    "callgate, daemon away": Form("observe", "commit", daemon=False),
}


def ours() -> list[Contender]:
    """The product in all its forms; none if it is not installed beside this interpreter."""
    if not CALLGATE.exists():
        return []
    return [Contender(name, _Opening(form), ours=True) for name, form in FORMS.items()]


@dataclass(frozen=True, slots=True)
class _Opening:
    form: Form

    @contextmanager
    def __call__(self, scratch: Path) -> Iterator[Ready]:
        """A running daemon with these settings (or none), with the server on its allowlist."""
        env = {**environment(scratch), "CALLGATE_HOME": str(scratch / "state")}
        config = scratch / ".claude.json"
        prepared = scratch / "prepared"
        if not prepared.exists():
            entry = {"type": "stdio", "command": SERVER[0], "args": SERVER[1:]}
            config.write_text(json.dumps({"mcpServers": {"bench": entry}}, indent=2))
            _settle(scratch, Form("observe", self.form.durability))
            with _daemon(env):
                _callgate(env, "allow", "bench")
            _settle(scratch, self.form)
            prepared.touch()
        with _daemon(env) as pid:
            argv = _wrapped(config)
            if not self.form.daemon:
                _kill(pid)
            yield Ready(argv, env, str(scratch), daemons=frozenset((pid,) if self.form.daemon else ()))


def _settle(scratch: Path, form: Form) -> None:
    folder = scratch / "state" / "config"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "config.toml").write_text(f'mode = "{form.mode}"\n[audit]\ndurability = "{form.durability}"\n')


def _wrapped(config: Path) -> list[str]:
    """The command line that the agent would start now. Raises Failed if it does not pass the gate."""
    entry = json.loads(config.read_text())["mcpServers"]["bench"]
    argv = [entry["command"], *entry.get("args", [])]
    if argv == SERVER:
        raise Failed(f"{config.name} was not wrapped")
    return argv


@contextmanager
def _daemon(env: dict[str, str]) -> Iterator[int]:
    """`callgate up` in a home with one agent; `callgate down` at the end. Raises Failed."""
    places = folders(env)
    try:
        _callgate(env, "up")
        end = time.monotonic() + PATIENCE
        while not (places.gate_socket.exists() and places.pid_file.exists()):
            if time.monotonic() > end:
                raise Failed("`callgate up` left no daemon")
            time.sleep(0.05)
        yield int(places.pid_file.read_text().split()[0])
    finally:
        _callgate(env, "down")


def _kill(pid: int) -> None:
    """End the daemon as a crash would: `callgate down` would take the launcher away too."""
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while psutil.pid_exists(pid):
        if time.monotonic() > end:
            raise Failed("the killed daemon did not end")
        time.sleep(0.02)


def _callgate(env: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [CALLGATE, *words], env=env, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=env["HOME"]
    )
    if done.returncode:
        raise Failed(f"`callgate {' '.join(words)}` gave {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout
