"""Seven real coding agents: how each is set up in a scratch home and run once, without a terminal or a login."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from ground.toolbox import BIN, PATH, need

PATIENCE = 58
"""Seconds for one run of an agent."""
ENTRY = "everything"
"""The name of the server in every config."""
PROMPT = "call echo"


@dataclass(frozen=True)
class Agent:
    """One agent: its id in Callgate, its program, and how it is told of the model and the server."""

    id: str
    program: str
    arguments: tuple[str, ...]
    config: str
    """The file that holds the server's entry, under the home."""
    at: tuple[str, ...]
    """Where in that file the entry stands."""
    write: Callable[[str, Sequence[str]], dict[str, str]]
    """(model's URL, server's command line) -> the files to put into the home."""
    env: Callable[[str], dict[str, str]]

    def prepare(self, home: Path, url: str, server: Sequence[str]) -> None:
        """Fill an empty home: the model's address and one MCP server in the agent's own config files."""
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        (home / "project").mkdir(exist_ok=True)
        for name, text in self.write(url, server).items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def entry(self, home: Path) -> Any:
        """The server's entry as the config file has it now."""
        return self.entry_in((home / self.config).read_text())

    def entry_in(self, text: str) -> Any:
        """The server's entry in the text of a config file."""
        value = tomllib.loads(text) if self.config.endswith(".toml") else json.loads(text)
        for key in self.at:
            value = value[key]
        return value


@dataclass(frozen=True)
class Outcome:
    """What a run gave: its final words, its complaints, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def _command(server: Sequence[str]) -> dict[str, Any]:
    return {"command": server[0], "args": list(server[1:])}


def _claude(url: str, server: Sequence[str]) -> dict[str, str]:
    return {".claude.json": _json({"mcpServers": {ENTRY: {"type": "stdio", **_command(server), "env": {}}}})}


def _codex(url: str, server: Sequence[str]) -> dict[str, str]:
    return {
        ".codex/config.toml": f"""# the model
model = "gpt-5.5"
model_provider = "fake"

[model_providers.fake]
name = "fake"
base_url = "{url}/v1"
env_key = "FAKE_KEY"
wire_api = "responses"

[mcp_servers.{ENTRY}] # the server
command = {json.dumps(server[0])}
args = {json.dumps(list(server[1:]))}
"""
    }


def _gemini(url: str, server: Sequence[str]) -> dict[str, str]:
    auth = {"auth": {"selectedType": "gemini-api-key"}}
    return {".gemini/settings.json": _json({"security": auth, "mcpServers": {ENTRY: _command(server)}})}


def _copilot(url: str, server: Sequence[str]) -> dict[str, str]:
    entry = {"type": "local", **_command(server), "tools": ["*"]}
    return {".copilot/mcp-config.json": _json({"mcpServers": {ENTRY: entry}})}


def _opencode(url: str, server: Sequence[str]) -> dict[str, str]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "fake",
        "options": {"baseURL": f"{url}/v1", "apiKey": "dummy-key"},
        "models": {"fake-model": {"name": "fake-model"}},
    }
    entry = {"type": "local", "enabled": True, "command": list(server)}
    settings = {"provider": {"fake": provider}, "model": "fake/fake-model", "mcp": {ENTRY: entry}}
    return {".config/opencode/opencode.json": _json(settings)}


def _qwen(url: str, server: Sequence[str]) -> dict[str, str]:
    settings = {"security": {"auth": {"selectedType": "openai"}}, "model": {"name": "fake-model"}}
    return {".qwen/settings.json": _json(settings | {"mcpServers": {ENTRY: _command(server)}})}


def _cline(url: str, server: Sequence[str]) -> dict[str, str]:
    name = "openai-compatible"
    settings = {"provider": name, "apiKey": "dummy-key", "model": "fake-model", "baseUrl": f"{url}/v1"}
    provider = {"settings": settings, "updatedAt": "2026-01-01T00:00:00.000Z", "tokenSource": "manual"}
    known = {"version": 1, "lastUsedProvider": name, "modes": {}, "providers": {name: provider}}
    entry = {"transport": {"type": "stdio", **_command(server)}}
    return {
        ".cline/data/settings/providers.json": _json(known),
        ".cline/data/settings/cline_mcp_settings.json": _json({"mcpServers": {ENTRY: entry}}),
    }


AGENTS = (
    Agent(
        "claude-code",
        "claude",
        ("-p", PROMPT, "--allowedTools", f"mcp__{ENTRY}__echo"),
        ".claude.json",
        ("mcpServers", ENTRY),
        _claude,
        lambda url: {"ANTHROPIC_API_KEY": "dummy-key", "ANTHROPIC_BASE_URL": url},
    ),
    Agent(
        "codex",
        "codex",
        ("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", PROMPT),
        ".codex/config.toml",
        ("mcp_servers", ENTRY),
        _codex,
        lambda url: {"FAKE_KEY": "dummy-key"},
    ),
    Agent(
        "gemini-cli",
        "gemini",
        ("-p", PROMPT, "-m", "gemini-2.5-pro", "--yolo", "--skip-trust"),
        ".gemini/settings.json",
        ("mcpServers", ENTRY),
        _gemini,
        lambda url: {"GEMINI_API_KEY": "dummy-key", "GOOGLE_GEMINI_BASE_URL": url},
    ),
    Agent(
        "copilot-cli",
        "copilot",
        ("-p", PROMPT, "-s", "--allow-all-tools"),
        ".copilot/mcp-config.json",
        ("mcpServers", ENTRY),
        _copilot,
        lambda url: {
            "COPILOT_OFFLINE": "true",
            "COPILOT_AUTO_UPDATE": "false",
            "COPILOT_PROVIDER_BASE_URL": f"{url}/v1",
            "COPILOT_PROVIDER_API_KEY": "dummy-key",
            "COPILOT_MODEL": "fake-model",
        },
    ),
    Agent(
        "opencode",
        "opencode",
        ("run", PROMPT),
        ".config/opencode/opencode.json",
        ("mcp", ENTRY),
        _opencode,
        lambda url: {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"},
    ),
    Agent(
        "qwen-code",
        "qwen",
        ("-p", PROMPT, "-y"),
        ".qwen/settings.json",
        ("mcpServers", ENTRY),
        _qwen,
        lambda url: {"OPENAI_API_KEY": "dummy-key", "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_MODEL": "fake-model"},
    ),
    Agent(
        "cline",
        "cline",
        (PROMPT,),
        ".cline/data/settings/cline_mcp_settings.json",
        ("mcpServers", ENTRY),
        _cline,
        lambda url: {},
    ),
)


def run(agent: Agent, home: Path, url: str, before: Sequence[str] = ()) -> Outcome:
    """One headless run in a clean environment; what the agent leaves running (hubs, servers) is ended afterwards.

    `before` is put in front of its command line.
    """
    env = {"PATH": PATH, "HOME": str(home), "TMPDIR": str(home / "tmp"), "TERM": "dumb", "LANG": "C.UTF-8"}
    process = subprocess.Popen(
        [*before, need(BIN / agent.program), *agent.arguments],
        cwd=home / "project",
        env=env | agent.env(url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        err += b"\n(killed: the run took too long)"
    finally:
        end_all_of(home)
    return Outcome(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def processes_in(home: Path) -> list[psutil.Process]:
    """The processes whose HOME is that scratch home: the agent, and all that it started. Not the daemon."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            env = process.environ()
            if env.get("HOME") == str(home) and "CALLGATE_HOME" not in env:  # not the daemon, which looks after it
                found.append(process)
    return found


def end_all_of(home: Path) -> None:
    """End, one by one, what an agent left running in its scratch home."""
    for process in processes_in(home):
        with contextlib.suppress(psutil.Error):
            process.kill()
            process.wait(5)
