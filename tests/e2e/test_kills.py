"""kill -9 of daemon, shim, server and agent at random moments: no call without a row, no orphan, no broken file."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from ground.product import COMMAND, Product, Row
from ground.toolbox import recording_server

pytestmark = pytest.mark.timeout(240)

SECONDS = float(os.environ.get("CALLGATE_KILL_SECONDS", "60"))
"""How long the random kills go on. More finds more."""
AGENTS_AT_ONCE = 3
GROUND = Path(__file__).parent / "ground"
PYTHON = [sys.executable, "-I", "-S"]


def bounded(fits: Callable[[], bool], what: str, seconds: float = 15) -> None:
    """Wait until it is so; fail, saying what was waited for, when the time is over."""
    deadline = time.monotonic() + seconds
    while not fits():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)


class Site:
    """A wrapped config file, the agents that start its server, and what both ends have written down."""

    def __init__(self, product: Product, folder: Path) -> None:
        self.product, self.folder = product, folder
        self.reached, self.answered = folder / "reached", folder / "answered"
        for file in (self.reached, self.answered):
            file.touch()
        server = recording_server(self.reached)
        self.config = product.home / ".claude.json"
        entry = {"type": "stdio", "command": server[0], "args": server[1:], "env": {}}
        self.config.write_text(json.dumps({"mcpServers": {"recorder": entry}}, indent=2))
        self.original = self.config.read_bytes()
        self.agents: list[subprocess.Popen[bytes]] = []
        self._count = 0

    def start_agent(self) -> None:
        """One more agent, started as the config file says."""
        entry = json.loads(self.config.read_text())["mcpServers"]["recorder"]
        self._count += 1
        name = f"agent{self._count}"
        caller = [*PYTHON, str(GROUND / "calling_agent.py"), str(self.answered), name]
        env = self.product.env | {"SITE": str(self.folder)} | ({"STUBBORN": "1"} if self._count % 2 else {})
        env.pop("CALLGATE_HOME")  # the launcher in the config knows its own state
        with (self.folder / "agents.err").open("ab") as errors:
            agent = subprocess.Popen([*caller, entry["command"], *entry["args"]], env=env, stderr=errors)
        self.agents.append(agent)
        bounded(lambda: f"{name}-" in self.answered.read_text(), f"the first answer to {name}")

    def fill(self) -> None:
        """Replace the agents that have ended."""
        self.agents = [agent for agent in self.agents if agent.poll() is None]
        while len(self.agents) < AGENTS_AT_ONCE:
            self.start_agent()

    def processes(self) -> dict[int, psutil.Process]:
        """Everything that was started from this site, by pid: an inherited variable tells."""
        found = {}
        for process in psutil.process_iter():
            try:
                if process.environ().get("SITE") == str(self.folder) and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = process
            except (psutil.Error, OSError):
                continue
        return found

    def family(self, agent: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """The agent, its shim, and the shim's server."""
        one = psutil.Process(agent.pid)
        return [one, *one.children(recursive=True)]

    def close(self) -> None:
        for process in self.processes().values():
            process.kill()
        for agent in self.agents:
            agent.wait(10)


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)


def kill_daemon(site: Site, dice: random.Random) -> None:
    """The calls go on without it, and are taken in when it is back."""
    daemon = site.product.daemon()
    assert daemon
    kill(daemon)
    daemon.wait(10)
    time.sleep(dice.uniform(0, 0.3))
    site.product.up()
    for agent in site.agents:
        size = site.answered.stat().st_size
        bounded(lambda size=size: site.answered.stat().st_size > size, "an answer after the daemon came back")
        assert agent.poll() is None, "a session broke when the daemon was killed"


def kill_one_of_a_family(member: int) -> Callable[[Site, random.Random], None]:
    """Whichever of agent (0), shim (1) and server (2) dies, the others are gone soon."""

    def strike(site: Site, dice: random.Random) -> None:
        agent = dice.choice(site.agents)
        family = site.family(agent)
        assert len(family) == 3, [process.cmdline() for process in family]
        kill(family[member])
        agent.wait(10)
        bounded(lambda: not {one.pid for one in family} & site.processes().keys(), f"the end of {family}")

    return strike


STRIKES = {
    "daemon": kill_daemon,
    "agent": kill_one_of_a_family(0),
    "shim": kill_one_of_a_family(1),
    "server": kill_one_of_a_family(2),
}


def test_after_kills_at_random_moments_each_call_has_its_row_and_nothing_is_left(
    product: Product, tmp_path: Path
) -> None:
    seed = int(os.environ.get("CALLGATE_KILL_SEED") or random.randrange(10**6))
    dice = random.Random(seed)
    site = Site(product, tmp_path)
    product.up()
    wrapped = site.config.read_bytes()
    struck: Counter[str] = Counter()
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            site.fill()
            time.sleep(dice.uniform(0, 0.2))
            victim = dice.choice(list(STRIKES))
            STRIKES[victim](site, dice)
            struck[victim] += 1
            assert site.config.read_bytes() == wrapped
    finally:
        site.close()
        print(f"CALLGATE_KILL_SEED={seed}: {dict(struck)}")
    bounded(lambda: not site.processes(), "the end of all agents, shims and servers")
    print(f"{check_log(site)} calls reached the server")
    product.run("down")
    assert site.config.read_bytes() == site.original


def check_log(site: Site) -> int:
    """Each call that reached the server has its row; the answers came from there; the log verifies.

    Returns how many calls reached it. A daemon that dies between its row and its answer leaves a call with two rows:
    what the gate had decided, and what the shim did without the gate. Both belong to one call, and there are no more.
    """
    reached = site.reached.read_text().split()
    assert reached and len(set(reached)) == len(reached)
    answered = {name for name in site.answered.read_text().splitlines() if not name.startswith("denied ")}
    assert answered <= set(reached)

    def rows() -> list[Row]:
        return site.product.every_row(kind="call.asked", entry="recorder")

    def unlogged() -> set[str]:
        return set(reached) - {row["tool"] for row in rows()}

    bounded(lambda: not unlogged(), f"a row for each of {len(reached)} calls", 30)
    told = Counter((row["tool"], bool(row["detail"].get("spooled"))) for row in rows())
    assert [call for call, count in told.items() if count > 1] == []
    assert len({row["uid"] for row in rows()}) == len({row["tool"] for row in rows()})
    site.product.run("verify")
    return len(reached)


def test_a_wrap_or_unwrap_killed_at_any_moment_leaves_a_whole_file(product: Product, tmp_path: Path) -> None:
    site = Site(product, tmp_path)
    dice = random.Random(4711)
    home = ["--home", str(product.home)]
    started = time.monotonic()
    product.run("wrap", *home)
    whole = time.monotonic() - started
    wrapped = site.config.read_bytes()
    for round_ in range(20):
        command = ("unwrap", "wrap")[round_ % 2]
        process = subprocess.Popen(
            [str(COMMAND), command, *home],
            env=product.env,
            cwd=product.home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(dice.uniform(0.5, 1.0) * whole)
        process.kill()
        process.wait(10)
        assert site.config.read_bytes() in (site.original, wrapped)
        product.run(("wrap", "unwrap")[round_ % 3 % 2], *home)
        assert site.config.read_bytes() == (wrapped, site.original)[round_ % 3 % 2]
    product.run("unwrap", *home)
    assert site.config.read_bytes() == site.original
    left = [path.name for path in product.home.iterdir()]
    assert left == [site.config.name]
