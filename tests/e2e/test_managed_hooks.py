"""Hooks in an administrator's file, as root: a project cannot switch them off, and they go without a trace."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ground import managed
from ground.agents import AGENTS, run
from ground.model import Scenario, ScriptedModel
from ground.product import COMMAND, Product
from ground.shells import SHELLS, prepared
from ground.toolbox import node_server

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

CLAUDE = next(agent for agent in AGENTS if agent.id == "claude-code")
OFF = json.dumps({"disableAllHooks": True})


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cg-home-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("administrator", [True, False], ids=["managed", "the user's own"])
def test_only_managed_hooks_outlive_a_project_that_switches_hooks_off(administrator: bool, home: Path) -> None:
    shell = SHELLS[CLAUDE.id]
    scenario = Scenario(shell.tool, shell.call("echo made > made.txt"), server="")
    mounted = home / "etc"
    mounted.mkdir()
    with ScriptedModel(scenario) as model, Product(home) as product:
        CLAUDE.prepare(home, model.url, [*node_server("server-everything"), "stdio"])
        (home / "project" / ".claude").mkdir()
        (home / "project" / ".claude" / "settings.json").write_text(OFF)
        settings = product.state / "config" / "config.toml"
        settings.write_text(settings.read_text() + f"[hooks]\nmanaged = {str(administrator).lower()}\n")
        up = [*managed.writable(mounted), str(COMMAND), "up", "--enforce", "--home", str(home)]
        done = subprocess.run(up, env=product.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        product.run("deny", "builtin:claude-code", shell.tool)
        daemon = product.daemon()
        assert daemon is not None
        there = managed.beside(daemon.pid, home / "project")
        outcome = run(prepared(CLAUDE), home, model.url, there)
        assert (home / "project" / "made.txt").exists() is not administrator, outcome.all[-500:]
        assert bool(product.calls(agent=CLAUDE.id, effect="deny", tool=shell.tool)) is administrator
        file = "/etc/claude-code/managed-settings.d/50-callgate.json"
        seen = subprocess.run([*there, "cat", file], capture_output=True, text=True, timeout=20)
        assert ("/data/hooks/claude-code" in seen.stdout) is administrator
        product.run("unwrap")
        assert subprocess.run([*there, "test", "-e", "/etc/claude-code"], timeout=20).returncode == 1
