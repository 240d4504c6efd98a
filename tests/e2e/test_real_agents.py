"""Real coding agents, with their own config files, work through Callgate, obey it, and get their files back."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ground.agents import AGENTS, ENTRY, Agent, Outcome, run
from ground.model import Scenario, ScriptedModel
from ground.product import Product
from ground.toolbox import node_server

pytestmark = [pytest.mark.agents, pytest.mark.timeout(240)]

PACKAGE = "npm:@modelcontextprotocol/server-everything"
MARKER = "marker 4711 é"
SAID = f"Echo: {MARKER}"
each_agent = pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.id)


@pytest.fixture
def home() -> Iterator[Path]:
    """A scratch home, gone at once: some agents unpack hundreds of megabytes into it."""
    folder = Path(tempfile.mkdtemp(prefix="cg-home-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """A model that wants one echo."""
    with ScriptedModel(Scenario("echo", {"message": MARKER})) as endpoint:
        yield endpoint


@pytest.fixture
def product(home: Path) -> Iterator[Product]:
    """Callgate, looking after the agent's home."""
    with Product(home) as installed:
        yield installed


def everything() -> list[str]:
    """The command line that stands in the agents' configs."""
    return [*node_server("server-everything"), "stdio"]


TRIES = 3
"""Runs of an agent that may give up before its server is up: most start servers beside the first model request."""


def identity_of(product: Product) -> str:
    """What `callgate servers` says that the entry really is."""
    found = json.loads(product.run("servers", "--json").stdout)["servers"]
    return next(str(server["identity"]) for server in found if server["entry"] == ENTRY)


def run_until_called(agent: Agent, home: Path, model: ScriptedModel) -> Outcome:
    """Run the agent; again (TRIES in all) if it gave up before its server was up, as some do on a busy machine."""
    for number in range(1, TRIES + 1):
        outcome = run(agent, home, model.url)
        if model.results:
            break
        print(f"run {number}: {agent.id} gave up before its server was up: {outcome.all[-300:]!r}")
    return outcome


@each_agent
def test_an_agent_calls_a_tool_directly(agent: Agent, home: Path, model: ScriptedModel) -> None:
    agent.prepare(home, model.url, everything())
    outcome = run_until_called(agent, home, model)
    assert SAID in model.results[-1]
    assert SAID in outcome.out


@each_agent
def test_an_agent_calls_an_approved_tool_through_callgate_and_its_file_comes_back(
    agent: Agent, home: Path, model: ScriptedModel, product: Product
) -> None:
    agent.prepare(home, model.url, everything())
    original, entry = (home / agent.config).read_bytes(), agent.entry(home)
    product.up(enforce=True)
    product.run("allow", ENTRY)
    wrapped = (home / agent.config).read_bytes()
    assert agent.entry(home) != entry
    outcome = run_until_called(agent, home, model)
    assert SAID in model.results[-1]
    assert SAID in outcome.out
    row = product.calls(tool="echo")[-1]
    assert (row["agent"], row["entry"], row["effect"], row["mode"]) == (agent.id, ENTRY, "allow", "enforce")
    assert row["server"] == identity_of(product) and row["server"].startswith("exe:sha256:")
    launched = product.log("--kind", "server.launched")[-1]
    assert launched["detail"]["also"][0].startswith(PACKAGE + "@")
    untouched = (home / agent.config).read_bytes() == wrapped
    product.run("unwrap")
    assert agent.entry(home) == entry
    assert not untouched or (home / agent.config).read_bytes() == original


@each_agent
def test_a_server_off_the_allowlist_does_not_run_and_the_model_is_told_why(
    agent: Agent, home: Path, model: ScriptedModel, product: Product, tmp_path: Path
) -> None:
    trace = tmp_path / "started"
    server = tmp_path / "server"
    server.write_text(f'#!/bin/sh\necho started >> "{trace}"\nexec "{everything()[0]}" "{everything()[1]}" stdio\n')
    server.chmod(0o755)
    agent.prepare(home, model.url, [str(server)])
    product.up(enforce=True)
    model.searches = 2  # it will not find the tool, however long it looks
    outcome = run(agent, home, model.url)
    assert not trace.exists()
    assert model.results == []
    refused = [row for row in product.log("--kind", "server.launched") if row["rule"] != "canary"]
    assert refused and refused[-1]["agent"] == agent.id and refused[-1]["rule"] == "server.unapproved"
    assert "not on the allowlist" in model.everything_it_was_told + outcome.all


@each_agent
def test_a_tool_that_is_denied_while_the_agent_runs_is_refused_and_the_model_is_told(
    agent: Agent, home: Path, model: ScriptedModel, product: Product
) -> None:
    agent.prepare(home, model.url, everything())
    product.up(enforce=True)
    product.run("allow", ENTRY)
    model.before_call = lambda: product.run("deny", ENTRY, "echo")
    run_until_called(agent, home, model)
    assert SAID not in model.everything_it_was_told
    assert "Callgate" in model.results[-1] and "denied" in model.results[-1], model.results
    row = product.calls(tool="echo")[-1]
    assert (row["agent"], row["entry"], row["effect"]) == (agent.id, ENTRY, "deny")
    assert row["rule"].startswith("tool.deny:")


@each_agent
def test_unwrap_without_a_run_gives_each_byte_of_the_home_back(agent: Agent, home: Path, product: Product) -> None:
    agent.prepare(home, "http://127.0.0.1:9", everything())
    before = product.files()
    product.run("wrap", "--home", str(home))
    assert agent.entry(home) != agent.entry_in(before[agent.config].decode())
    assert set(product.files()) >= set(before)  # hooks have files of their own
    product.run("unwrap", "--home", str(home))
    assert product.files() == before
