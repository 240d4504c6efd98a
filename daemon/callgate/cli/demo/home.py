"""The scratch home of the demo: configs of five agents as they look on a real machine, and what they were before."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

SERVERS = Path(__file__).parent / "servers"
DEADLINE = 1.0
"""Seconds for which a call waits for a dead daemon: the default of 5 would be a long scene."""


class ScratchHome:
    """Files of several agents below one folder, and a memory of their exact bytes."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.state = root / "state"
        self.mark = root / "the-unapproved-server-ran"
        self._before: dict[Path, bytes] = {}
        settings = self.state / "config" / "config.toml"
        settings.parent.mkdir(parents=True, mode=0o700)
        settings.write_text(f"deadline = {DEADLINE}\n[http]\nwrap = false\n")  # the port may be in use
        notes = self._script("notes.py")
        helper = self._script("helper.py")
        python = sys.executable
        unapproved = {"command": python, "args": [helper, str(self.mark)]}
        self._write(
            ".claude.json",
            json.dumps(
                {
                    "numStartups": 42,
                    "mcpServers": {
                        "notes": {"type": "stdio", "command": python, "args": [notes], "env": {}},
                        "helper": {"type": "stdio", **unapproved},
                    },
                },
                indent=2,
            ),
        )
        self._write(
            ".codex/config.toml",
            f'model = "gpt-5.5"   # my favourite\n\n[mcp_servers.notes]\ncommand = "{python}"\nargs = ["{notes}"]\n',
        )
        self._write(
            ".config/opencode/opencode.jsonc",
            "{\n  // kept by hand\n"
            f'  "mcp": {{\n    "notes": {{"type": "local", "command": ["{python}", "{notes}"]}},\n  }},\n}}\n',
        )
        self._write(
            ".cursor/mcp.json",
            json.dumps({"mcpServers": {"docs": {"url": "https://mcp.example.com/docs"}}}, indent=4) + "\n",
        )
        self._write(".gemini/settings.json", '{"mcpServers": {"notes": {"command": "' + python + '", "args": [,]}}')

    def command(self, name: str) -> list[str]:
        """The command line that Claude Code's config has for a server now."""
        entry = json.loads((self.home / ".claude.json").read_text())["mcpServers"][name]
        return [entry["command"], *entry.get("args", [])]

    def changed(self) -> list[str]:
        """The files that are not what they were."""
        return [str(path.relative_to(self.home)) for path, data in self._before.items() if path.read_bytes() != data]

    @property
    def files(self) -> int:
        """How many config files there are."""
        return len(self._before)

    def _script(self, name: str) -> str:
        target = self.home / "servers" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SERVERS / name, target)
        return str(target)

    def _write(self, name: str, text: str) -> None:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self._before[path] = path.read_bytes()
