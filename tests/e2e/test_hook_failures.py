"""What real agents do when their hook itself fails: the table in docs/hooks.md, seen."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ground.agents import AGENTS, Agent, run
from ground.model import Scenario, ScriptedModel
from ground.product import Product
from ground.shells import SHELLS, prepared
from ground.toolbox import node_server

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

FAULTS = {
    "missing": None,
    "crashing": "#!/bin/sh\nexit 1\n",
    "killed": "#!/bin/sh\nkill -9 $$\n",
    "babbling": "#!/bin/sh\necho 'this is no JSON {'\n",
    "late": "#!/bin/sh\nexec sleep 25\n",
}
"""What stands where our launcher was. Agents wait ten seconds for it."""
CLOSED = {
    "gemini-cli": {"missing"},
    "copilot-cli": {"missing", "crashing", "killed"},
    "opencode": {"missing", "crashing", "killed", "late"},
}
"""The faults that stop the tool; all others, and of all other agents, let it run."""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cg-home-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.id)
def test_a_hook_that_fails_lets_the_tool_run_or_not_as_the_page_says(agent: Agent, home: Path) -> None:
    shell = SHELLS[agent.id]
    scenario = Scenario(shell.tool, shell.call("echo made > made.txt"), server="")
    made, stopped = home / "project" / "made.txt", set()
    with ScriptedModel(scenario) as model, Product(home) as product:
        agent.prepare(home, model.url, [*node_server("server-everything"), "stdio"])
        product.up(enforce=True)
        product.kill_daemon()  # it would mend what is broken here
        launcher = product.state / "data" / "hooks" / agent.id
        assert launcher.exists()
        for fault, script in FAULTS.items():
            launcher.unlink(missing_ok=True)
            if script is not None:
                launcher.write_text(script)
                launcher.chmod(0o700)
            run(prepared(agent), home, model.url)
            print(f"{agent.id}: {fault}: {'ran' if made.exists() else 'stopped'}", flush=True)
            if not made.exists():
                stopped.add(fault)
            made.unlink(missing_ok=True)
    assert stopped == CLOSED.get(agent.id, set())
