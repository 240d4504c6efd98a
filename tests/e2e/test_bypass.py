"""Ways round the gate, each really tried: what docs/bypass.md says of it is so."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from agent_process import AgentProcess
from callgate.system import processes
from callgate.system.forks import Forks
from installation import Installation
from until import until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="what is seen is seen in /proc"),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

SERVER = "import sys\n# from mcp.server import Server\nfor line in sys.stdin: pass\n"
"""What a stdio server is to the system: a script that speaks MCP and waits for its standard input to end."""
LISTENER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listening = socket.socket(family)
listening.bind((sys.argv[1], 0))
listening.listen()
open(sys.argv[2] + ".new", "w").write(str(listening.getsockname()[1]))
import os
os.rename(sys.argv[2] + ".new", sys.argv[2])
kept = []
while True: kept.append(listening.accept())
"""


@dataclass
class Site:
    """A home with a daemon, one entry that is not wrapped, and what was started in it."""

    installed: Installation
    agents: list[AgentProcess] = field(default_factory=list)
    pids: list[tuple[int, float]] = field(default_factory=list)

    def agent(self, program: str = "claude", *options: str, **env: str) -> AgentProcess:
        made = AgentProcess(self.installed, program, options, env)
        self.agents.append(made)
        return made

    def file(self, name: str, text: str) -> str:
        path = self.installed.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def note(self, pid: int) -> int:
        self.pids.append((pid, processes.start_time(pid)))
        return pid

    def findings(self) -> list[dict[str, Any]]:
        return self.installed.client.findings()["findings"]

    def end(self) -> None:
        for one in self.agents:
            one.end()
        for pid, start in self.pids:
            with suppress(ProcessLookupError):
                if processes.is_same(pid, start):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def site() -> Iterator[Site]:
    with Installation() as installed:
        made = Site(installed)
        server = made.file("servers/known.py", SERVER)
        entry = {"type": "stdio", "command": "python3", "args": [server]}
        made.file(".claude.json", json.dumps({"mcpServers": {"known": entry}}))
        installed.start()
        yield made
        made.end()


def stdio(site: Site, *argv: str, stdio: str = "pipe", own: bool = False) -> None:
    site.note(site.agent().start(*argv, stdio=stdio, own=own))


def known(site: Site) -> str:
    return str(site.installed.home / "servers/known.py")


def unknown(site: Site) -> str:
    return site.file("elsewhere/other.py", SERVER)


def orphaned(site: Site) -> None:
    site.agent().order(argv=["python3", known(site)], double=True)


def listening(site: Site, by: AgentProcess, host: str) -> int:
    script, port = site.file("listener.py", LISTENER), site.installed.home / "port"
    site.note(by.start("python3", script, host, str(port)))
    return int(until(lambda: port.exists() and port.read_text(), "the listener"))


def loopback(site: Site, host: str) -> None:
    agent = site.agent()
    agent.order(connect=listening(site, agent, host), host=host)


def of_another(site: Site) -> None:
    port = listening(site, site.agent("codex"), "127.0.0.1")
    site.agent().order(connect=port)


def started_by_no_agent(site: Site) -> None:
    helper = AgentProcess(site.installed, "helper")
    site.agents.append(helper)
    site.agent().order(connect=listening(site, helper, "127.0.0.1"))


def fifo(site: Site) -> None:
    into, out = (str(site.installed.home / name) for name in ("in.fifo", "out.fifo"))
    os.mkfifo(into)
    os.mkfifo(out)
    stdio(site, "sh", "-c", f"exec python3 {unknown(site)} <>{into} >{out} 2>/dev/null 1<>{out}", stdio="null")


def plugin(site: Site) -> None:
    site.file(
        ".claude/plugins/cache/m/p/1/.mcp.json", json.dumps({"planted": {"command": "python3", "args": ["x.py"]}})
    )
    site.installed.client.inventory(fresh=True)


def in_project(site: Site, name: str, text: str, program: str = "claude") -> None:
    site.file(f"project/{name}", text)
    site.agent(program)


def in_home(site: Site, name: str, text: str, program: str = "claude") -> None:
    site.file(name, text)
    site.agent(program)


Try = Callable[[Site], Any]
MODEL = '{"env": {"ANTHROPIC_BASE_URL": "https://elsewhere.example"}}'
OFF = '{"disableAllHooks": true}'
ATTEMPTS: dict[str, tuple[str, Try]] = {
    "server-direct": ("unwrapped", lambda s: stdio(s, "python3", known(s))),
    "server-socket": ("unwrapped", lambda s: stdio(s, "python3", known(s), stdio="socket")),
    "server-renamed": ("unwrapped", lambda s: stdio(s, "bash", "-c", f"exec -a innocent python3 {known(s)}")),
    "server-in-shell": ("unwrapped", lambda s: stdio(s, "sh", "-c", f"python3 {known(s)}; true")),
    "server-own-session": ("unwrapped", lambda s: stdio(s, "python3", known(s), own=True)),
    "server-no-entry": ("unwrapped", lambda s: stdio(s, "python3", unknown(s))),
    "server-no-entry-socket": ("unwrapped", lambda s: stdio(s, "python3", unknown(s), stdio="socket")),
    "http-loopback": ("loopback", lambda s: loopback(s, "127.0.0.1")),
    "http-loopback-ipv6": ("loopback", lambda s: loopback(s, "::1")),
    "http-other-agent": ("loopback", of_another),
    "option-mcp-config": ("options", lambda s: s.agent("claude", "--mcp-config", "x.json")),
    "option-mcp-config-joined": ("options", lambda s: s.agent("claude", "--mcp-config=x.json")),
    "option-plugin-dir": ("options", lambda s: s.agent("claude", "--plugin-dir", "x")),
    "option-settings": ("options", lambda s: s.agent("claude", "--settings", "{}")),
    "option-setting-sources": ("options", lambda s: s.agent("claude", "--setting-sources", "project")),
    "option-bare": ("hooks", lambda s: s.agent("claude", "--bare")),
    "option-safe-mode": ("hooks", lambda s: s.agent("claude", "--safe-mode")),
    "option-codex-servers": ("options", lambda s: s.agent("codex", "-c", 'mcp_servers.x.command="y"')),
    "option-codex-hooks": ("hooks", lambda s: s.agent("codex", "--disable", "hooks")),
    "option-codex-model": ("options", lambda s: s.agent("codex", "-c", "openai_base_url=https://elsewhere.example")),
    "option-copilot-servers": ("options", lambda s: s.agent("copilot", "--additional-mcp-config", "{}")),
    "home-claude": ("home", lambda s: s.agent("claude", CLAUDE_CONFIG_DIR="/tmp/elsewhere")),
    "home-codex": ("home", lambda s: s.agent("codex", CODEX_HOME="/tmp/elsewhere")),
    "home-gemini": ("home", lambda s: s.agent("gemini", GEMINI_CLI_HOME="/tmp/elsewhere")),
    "home-opencode": ("home", lambda s: s.agent("opencode", OPENCODE_CONFIG_CONTENT="{}")),
    "hooks-off-user": ("hooks", lambda s: in_home(s, ".claude/settings.json", OFF)),
    "hooks-off-project": ("hooks", lambda s: in_project(s, ".claude/settings.json", OFF)),
    "hooks-off-local": ("hooks", lambda s: in_project(s, ".claude/settings.local.json", OFF)),
    "hooks-off-codex": ("hooks", lambda s: in_home(s, ".codex/config.toml", "[features]\nhooks = false\n", "codex")),
    "model-project": ("model", lambda s: in_project(s, ".claude/settings.json", MODEL)),
    "model-variable": ("model", lambda s: s.agent("claude", ANTHROPIC_BASE_URL="https://elsewhere.example")),
    "plugin-server": ("plugin", plugin),
}
"""What is tried, and the kind of finding that it must give."""
UNSEEN: dict[str, Try] = {
    "server-fifo": fifo,
    "http-started-elsewhere": started_by_no_agent,
}
"""What is tried and not seen: the page says so too."""
TOLD: dict[str, tuple[str, Try]] = {"server-orphaned": ("unwrapped", orphaned)}
"""What is seen where the kernel tells of forks."""


def expect(site: Site, kind: str) -> None:
    def found() -> list[dict[str, Any]]:
        return [one for one in site.findings() if one["kind"] == f"finding.{kind}"]

    until(found, f"a finding of kind {kind}", 30)
    assert {one["kind"] for one in site.findings()} == {f"finding.{kind}"}
    for one in site.findings():
        assert one["saw"] and one["unseen"]


@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_attempt_is_found(site: Site, name: str) -> None:
    kind, attempt = ATTEMPTS[name]
    attempt(site)
    expect(site, kind)


@pytest.mark.parametrize("name", TOLD)
def test_the_attempt_is_found_where_the_kernel_tells(site: Site, name: str) -> None:
    opened = Forks.open()
    if isinstance(opened, str):
        pytest.skip(opened)
    opened.close()
    kind, attempt = TOLD[name]
    attempt(site)
    expect(site, kind)


@pytest.mark.parametrize("name", UNSEEN)
def test_the_attempt_is_not_seen(site: Site, name: str) -> None:
    UNSEEN[name](site)
    stdio(site, "python3", known(site))  # what is found once all looks at the attempt are over
    until(site.findings, "a finding", 30)
    assert [one["entry"] for one in site.findings()] == ["known"]


def test_a_finding_is_told_once_also_by_the_next_daemon(site: Site) -> None:
    site.agent("claude", "--bare")
    until(site.findings, "a finding", 30)
    site.installed.signal(signal.SIGTERM)
    site.installed.start()
    site.agent("codex", "--disable", "hooks")
    until(lambda: len(site.findings()) == 2, "the other finding", 30)
    assert [one["option"] for one in site.findings()] == ["--bare", "--disable hooks"]
    status = site.installed.client.status()
    assert status["parts"]["findings"]["total"] == 2
