"""Running agents and servers, as real processes that are started for the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from callgate.agents.adapter import Agent, Paths
from callgate.discovery.launch.read import read_launch
from callgate.discovery.live import agent_folders, agent_of, matches, running
from callgate.model.identity import Identified, Launch, ServerIdentity
from callgate.model.inventory import ConfigFile, Entry, Format, Inventory, Running, Scope, Transport
from callgate.system import processes

SLEEP = "exec 3<&0; read x <&3"
"""A shell that waits until its standard input ends."""

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


def agent(id: str, *executables: str) -> Agent:
    return Agent(id, id, executables, Paths(), ())


AGENTS = (agent("alpha", "alpha-agent"), agent("beta", "beta-agent"))


class Stage:
    """Starts processes and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[bytes]] = []

    def program(self, name: str) -> str:
        """A real executable of that name: a copy of bash, so that the kernel names it so."""
        path = self.folder / name
        if not path.exists():
            shutil.copy(str(shutil.which("bash")), path)
        return str(path)

    def start(self, *argv: str) -> int:
        started = subprocess.Popen(argv, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.started.append(started)
        return started.pid

    def end(self) -> None:
        for one in self.started:
            one.kill()
            one.communicate()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.end()


def child_of(pid: int, fits: Callable[[processes.Process], bool] = lambda _: True) -> int:
    """The child of `pid` that fits, as soon as there is one."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        for each in processes.processes():
            if each.ppid == pid and fits(each):
                return each.pid
        time.sleep(0.01)
    raise AssertionError(f"pid {pid} has no such child")


def entry(*argv: str) -> Entry:
    file = ConfigFile("alpha", Scope.USER, "/x", Format.JSON, "claude")
    return Entry("alpha", "files", file, ("mcpServers", "files"), Transport.STDIO, argv)


def servers(found: tuple[Running, ...]) -> dict[int, Running]:
    return {one.pid: one for one in found if one.kind == "server"}


def test_the_agent_of_a_process_is_its_ancestor(stage: Stage) -> None:
    root = stage.start(stage.program("alpha-agent"), "-c", f"bash -c '{SLEEP}'; true")
    found = agent_of(child_of(root), AGENTS)
    assert found is not None
    assert (found.id, found.pid, found.start) == ("alpha", root, processes.start_time(root))
    assert str(root) in found.evidence and "alpha-agent" in found.evidence


def test_a_process_without_an_agent_has_none(stage: Stage) -> None:
    assert agent_of(stage.start("bash", "-c", SLEEP), AGENTS) is None
    assert agent_of(2**22 + 7, AGENTS) is None


def test_a_name_alone_makes_no_agent(stage: Stage) -> None:
    pid = stage.start("bash", "-c", f"exec -a alpha-agent bash -c '{SLEEP}; true'")
    end = time.monotonic() + 15
    while (seen := processes.process(pid)) and seen.argv[:1] != ("alpha-agent",) and time.monotonic() < end:
        time.sleep(0.01)
    assert seen is not None and seen.argv[0] == "alpha-agent"
    assert agent_of(pid, AGENTS) is None


def test_an_agent_in_another_agents_terminal_counts_for_itself(stage: Stage) -> None:
    alpha, beta = stage.program("alpha-agent"), stage.program("beta-agent")
    outer = stage.start(alpha, "-c", f"{beta} -c '{SLEEP}; true'; true")
    inner = child_of(outer, lambda one: one.exe == beta)
    found = agent_of(inner, AGENTS)
    assert found is not None and (found.id, found.pid) == ("beta", inner)


def test_the_root_of_an_agent_is_its_outermost_process(stage: Stage) -> None:
    alpha = stage.program("alpha-agent")
    outer = stage.start(alpha, "-c", f"bash -c \"{alpha} -c '{SLEEP}; true'; true\"; true")
    inner = child_of(child_of(outer), lambda one: one.exe == alpha)
    found = agent_of(inner, AGENTS)
    assert found is not None and found.pid == outer


def test_asking_for_the_agent_is_quick() -> None:
    agent_of(os.getpid())
    began = time.perf_counter()
    for _ in range(20):
        agent_of(os.getpid())
    assert (time.perf_counter() - began) / 20 < 0.02  # typically 0.5 ms; the rest is for a busy machine


def test_the_folder_of_an_agent_at_work_is_known(stage: Stage) -> None:
    pid = stage.start(stage.program("alpha-agent"), "-c", f"bash -c '{SLEEP}'; true")
    child_of(pid)
    assert str(stage.folder) in agent_folders(AGENTS)


def test_a_server_below_an_agent_is_found_with_what_names_it(stage: Stage) -> None:
    script = stage.folder / "server.py"
    script.write_text("import sys; sys.stdin.read()")
    root = stage.start(stage.program("alpha-agent"), "-c", f"{sys.executable} -u {script} <&0; true")
    server = child_of(root, lambda one: str(script) in one.argv)
    found = running(Inventory(entries=(entry(sys.executable, "-u", str(script)),)), AGENTS, ())
    assert [(one.pid, one.what) for one in found if one.kind == "agent"] == [(root, "alpha")]
    one = servers(found)[server]
    assert (one.what, one.behind_shim) == (str(script), False)
    assert "files" in one.evidence


def test_the_same_program_outside_an_agent_is_no_server(stage: Stage) -> None:
    script = stage.folder / "server.py"
    script.write_text("import sys; sys.stdin.read()")
    pid = stage.start(sys.executable, str(script))
    assert pid not in servers(running(Inventory(entries=(entry(sys.executable, str(script)),)), AGENTS, ()))


def test_the_child_of_our_shim_is_a_server_behind_it(stage: Stage) -> None:
    shim = stage.folder / "shim"
    shim.mkdir()
    (shim / "run.py").write_text(
        "import subprocess, sys; subprocess.run(sys.argv[sys.argv.index('--') + 1:], stdin=sys.stdin)"
    )
    server = stage.program("my-server")
    pid = stage.start(sys.executable, "-I", str(shim / "run.py"), "--entry", "x", "--", server, "-c", SLEEP)
    child = child_of(pid, lambda one: one.exe == server)

    def identify(launch: Launch) -> Identified:
        assert launch.argv == (server, "-c", SLEEP) and launch.cwd == str(stage.folder)
        return Identified(ServerIdentity("npm", "good"), "")

    found = servers(running(Inventory(), AGENTS, (str(shim),), identify))
    assert (found[child].what, found[child].behind_shim) == ("npm:good", True)
    assert pid not in found
    assert child not in servers(running(Inventory(), AGENTS, ("/elsewhere",)))


@pytest.mark.parametrize(
    ("launch", "process", "same"),
    [
        ("npx -y good", "node /home/u/.npm/_npx/1a/node_modules/.bin/good --x", True),
        ("npx -y @s/good", "node /home/u/.npm/_npx/1a/node_modules/@s/good/dist/i.js", True),
        ("npx -y good", "node /x/node_modules/better/i.js", False),
        ("uvx good", "/home/u/.cache/uv/archive/x/bin/python /home/u/.cache/uv/archive/x/bin/good", True),
        ("uvx good", "python good.py", False),
        ("docker run -i mcp/a", "docker run -i mcp/a", True),
        ("docker run -i mcp/a", "docker run --rm mcp/b", False),
        ("node x.js", "node /srv/x.js", True),
        ("node x.js", "node /srv/xx.js", False),
        ("python -m good", "python3.12 -m good --x", True),
        ("python -m good", "python -m other", False),
        ("my-server", "/opt/bin/my-server --x", True),
        ("my-server", "cat my-server.txt", False),
        ("my-server", "", False),
    ],
)
def test_a_process_is_known_by_what_was_launched(launch: str, process: str, same: bool) -> None:
    assert matches(tuple(process.split()), read_launch(tuple(launch.split()))) is same
