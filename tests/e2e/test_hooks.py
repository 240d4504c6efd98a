"""Real agents with their hooks installed: their own tools obey the policy, and servers without a gate are refused."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ground.agents import AGENTS, ENTRY, Agent, run
from ground.model import Scenario, ScriptedModel
from ground.product import Product
from ground.shells import SHELLS, prepared
from ground.toolbox import node_server

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

POLICY = """
@id("approved") permit(principal, action, resource);
@id("no-rm") @reason("rm is not for agents")
forbid(principal, action == Callgate::Action::"builtin:call", resource) when { context.programs.contains("rm") };
"""


each_agent = pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.id)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cg-home-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def governed(agent: Agent, home: Path, product: Product, model: ScriptedModel) -> None:
    agent.prepare(home, model.url, [*node_server("server-everything"), "stdio"])
    product.up(enforce=True)
    policy = home.parent / f"{home.name}.cedar"
    policy.write_text(POLICY)
    product.run("policy", "set", str(policy), "--force")
    policy.unlink()


@each_agent
def test_a_forbidden_command_does_not_run_and_its_model_is_told_why(agent: Agent, home: Path) -> None:
    shell = SHELLS[agent.id]
    scenario = Scenario(shell.tool, shell.call("echo made > made.txt; r''m -f made.txt"), server="")
    with ScriptedModel(scenario) as model, Product(home) as product:
        governed(agent, home, product, model)
        outcome = run(prepared(agent), home, model.url)
        row = product.log("--kind", "call.asked")[-1]
        assert (row["agent"], row["rule"], row["effect"]) == (agent.id, "policy:no-rm", "deny"), outcome.all[-500:]
        assert row["server"] == f"builtin:{agent.id}" and row["detail"]["channel"] == "hook"
        assert not (home / "project" / "made.txt").exists()
        assert not shell.tells or "rm is not for agents" in model.results[-1]


@each_agent
def test_an_allowed_command_runs_and_the_files_come_back(agent: Agent, home: Path) -> None:
    shell = SHELLS[agent.id]
    scenario = Scenario(shell.tool, shell.call("echo made > made.txt"), server="")
    with ScriptedModel(scenario) as model, Product(home) as product:
        agent.prepare(home, model.url, [*node_server("server-everything"), "stdio"])
        before = product.files()
        product.up(enforce=True)
        hooked = {name for name, text in product.files().items() if b"/data/hooks/" in text}
        assert hooked
        outcome = run(prepared(agent), home, model.url)
        assert (home / "project" / "made.txt").read_text() == "made\n", outcome.all[-500:]
        row = product.log("--kind", "call.asked")[-1]
        assert (row["effect"], row["rule"], row["agent"]) == ("allow", "builtin", agent.id)
        product.run("down")
        after = product.files()
        assert not [name for name in hooked if b"/data/hooks/" in after.get(name, b"")]
        assert not [name for name in hooked - before.keys() if name in after]


@pytest.mark.parametrize("agent", [one for one in AGENTS if one.id != "cline"], ids=lambda agent: agent.id)
def test_a_call_of_a_server_that_lost_its_gate_is_refused(agent: Agent, home: Path) -> None:
    """The entry is put back behind Callgate's back, and the watching is off: only the hook can notice."""
    with ScriptedModel(Scenario("echo", {"message": "hello"})) as model, Product(home) as product:
        agent.prepare(home, model.url, [*node_server("server-everything"), "stdio"])
        original = (home / agent.config).read_bytes()
        settings = product.state / "config" / "config.toml"
        settings.write_text(f'mode = "enforce"\n{settings.read_text()}[watch]\nrewrap = false\n')
        product.up()
        product.run("allow", ENTRY)
        hooks = json.loads(product.run("agents", "--json").stdout)["hooks"]
        assert {one["state"] for one in hooks} == {"installed"}
        entry = agent.entry_in(original.decode())
        wrapped = (home / agent.config).read_text()
        command = entry.get("command") or entry["transport"]["command"]
        launcher = json.dumps(next(word for word in wrapped.replace('"', " ").split() if "/data/launchers/" in word))
        first = command if isinstance(command, str) else command[0]
        (home / agent.config).write_text(wrapped.replace(launcher, json.dumps("/usr/bin/env")))
        assert first in wrapped
        outcome = run(prepared(agent), home, model.url)
        row = product.log("--kind", "call.asked")[-1]
        assert (row["rule"], row["effect"], row["entry"]) == ("hook.unwrapped", "deny", ENTRY), outcome.all[-500:]
        assert "[hook.unwrapped]" in model.results[-1]
