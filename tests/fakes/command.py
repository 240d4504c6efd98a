"""The installed `callgate` command, run in scratch homes and environments, and what it left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from installation import Installation

COMMAND = Path(os.environ.get("CALLGATE_BIN") or Path(sys.executable).with_name("callgate"))
EVIL = "evil\x1b[31m[red]:skull:\n\u202e\\"
"""A name that would paint the terminal, become markup or an emoji, break a line, and turn the text round."""


@dataclass
class Ran:
    """What one command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """The one line on stderr that an error is; nothing on stdout, never a traceback."""
        assert self.out == "" and self.err.endswith("\n") and self.err.count("\n") == 1, (self.out, self.err)
        assert self.err.startswith("callgate: ") and "Traceback" not in self.err
        return self.err.removeprefix("callgate: ").strip()


@dataclass
class Cli:
    """Runs `callgate` for one installation, in its environment with `more` changed (None takes a variable away)."""

    place: Installation
    more: dict[str, str | None] = field(default_factory=dict)
    cwd: str = "/"

    @property
    def env(self) -> dict[str, str]:
        changed = {**self.place.env, "LANG": "C.UTF-8", "COLUMNS": "200", **self.more}
        return {name: value for name, value in changed.items() if value is not None}

    def __call__(self, *words: str) -> Ran:
        done = subprocess.run(
            [str(COMMAND), *words],
            env=self.env,
            cwd=self.cwd,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    def good(self, *words: str) -> Ran:
        """One command that must succeed."""
        ran = self(*words)
        assert ran.code == 0, (words, ran)
        return ran

    def start(self, *words: str, **popen: Any) -> subprocess.Popen[str]:
        """One command that is not waited for."""
        return subprocess.Popen([str(COMMAND), *words], env=self.env, cwd=self.cwd, text=True, **popen)


def write_config(home: Path) -> None:
    """Configs of three agents: two names for one server, one name for two, a secret, a hostile name, a broken file."""
    servers = {
        "cat": {"command": "/bin/cat"},
        "kitty": {"command": "/bin/cat"},
        "echo": {"command": "/bin/echo", "args": ["--token", "s3cret-value-1234"]},
        "twin": {"command": "/bin/true"},
        EVIL: {"command": "/bin/false"},
    }
    (home / ".claude.json").write_text(json.dumps({"mcpServers": servers}, indent=2))
    (home / ".cursor").mkdir()
    (home / ".cursor" / "mcp.json").write_text(json.dumps({"mcpServers": {"twin": {"command": "/bin/ls"}}}))
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text("{broken \x1b[31m")
