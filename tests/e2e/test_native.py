"""The agents' own managed settings, rendered from the registry: real agents obey them, without a gate in front."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ground.agents import AGENTS, ENTRY, Agent, Outcome, run
from ground.managed import under
from ground.model import Scenario, ScriptedModel
from ground.product import Product
from ground.remote import everything_over_http, point_at
from ground.toolbox import node_server

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

SAID = "Echo: marker 4712"
MANAGED = tuple(agent for agent in AGENTS if agent.id != "cline")  # whose settings come from its vendor's cloud
EXACT = tuple(agent for agent in AGENTS if agent.id in ("claude-code", "codex", "copilot-cli"))
TRIES = 3
each_agent = pytest.mark.parametrize("agent", MANAGED, ids=lambda agent: agent.id)
each_exact_agent = pytest.mark.parametrize("agent", EXACT, ids=lambda agent: agent.id)


@pytest.fixture
def home() -> Iterator[Path]:
    """A scratch home, gone at once."""
    folder = Path(tempfile.mkdtemp(prefix="cg-home-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """A model that wants one echo."""
    with ScriptedModel(Scenario("echo", {"message": "marker 4712"})) as endpoint:
        yield endpoint


@pytest.fixture
def product(home: Path) -> Iterator[Product]:
    """Callgate, looking after the agent's home."""
    with Product(home) as installed:
        yield installed


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """What the traced server leaves when it is started."""
    return tmp_path / "started"


@pytest.fixture
def server(tmp_path: Path, trace: Path) -> list[str]:
    """A command line of the server that leaves a trace as soon as it is started."""
    script = tmp_path / "server"
    node, path = node_server("server-everything")
    script.write_text(f'#!/bin/sh\necho started >> "{trace}"\nexec "{node}" "{path}" stdio\n')
    script.chmod(0o755)
    return [str(script)]


def rendered(agent: Agent, product: Product, tree: Path) -> Path:
    """The tree with this agent's managed settings, as `callgate native render` writes it for the state of now."""
    product.run("native", "render", str(tree), "--agent", agent.id, "--home", str(product.home))
    (tree / "etc").mkdir(exist_ok=True)
    return tree


def run_until_called(agent: Agent, home: Path, model: ScriptedModel, before: list[str]) -> Outcome:
    for number in range(1, TRIES + 1):
        outcome = run(agent, home, model.url, before)
        if model.results:
            break
        print(f"run {number}: {agent.id} gave up before its server was up: {outcome.all[-300:]!r}")
    return outcome


@each_agent
def test_an_agent_with_managed_settings_starts_the_approved_server_through_its_launcher(
    agent: Agent, home: Path, model: ScriptedModel, product: Product, tmp_path: Path, server: list[str]
) -> None:
    agent.prepare(home, model.url, server)
    product.up(enforce=True)
    product.run("allow", ENTRY)
    tree = rendered(agent, product, tmp_path / "tree")
    outcome = run_until_called(agent, home, model, under(tree))
    assert model.results, outcome.all[-2000:]
    assert SAID in model.results[-1]
    row = product.calls(tool="echo")[-1]
    assert (row["agent"], row["entry"], row["effect"]) == (agent.id, ENTRY, "allow")


@each_agent
def test_an_agent_refuses_by_its_own_settings_what_the_registry_does_not_allow(
    agent: Agent, home: Path, model: ScriptedModel, product: Product, tmp_path: Path, server: list[str], trace: Path
) -> None:
    agent.prepare(home, model.url, server)
    product.up(enforce=True)
    tree = rendered(agent, product, tmp_path / "tree")
    product.run("down")  # no gate, no launcher: the entry is as the user wrote it
    assert str(server[0]) in json.dumps(agent.entry(home))
    model.searches = 2
    outcome = run(agent, home, model.url, under(tree))
    assert not trace.exists(), outcome.all[-2000:]
    assert model.results == []
    assert model.seen, "the agent did not even run"
    run_until_started(agent, home, model, trace)


def run_until_started(agent: Agent, home: Path, model: ScriptedModel, trace: Path) -> None:
    """Without the managed settings the same agent starts the same server, so they are what kept it from that."""
    for _ in range(TRIES):
        outcome = run(agent, home, model.url)
        if trace.exists():
            return
    raise AssertionError(outcome.all[-2000:])


@each_exact_agent
def test_an_approved_server_that_is_not_behind_its_launcher_is_refused_by_the_agent_itself(
    agent: Agent, home: Path, model: ScriptedModel, product: Product, tmp_path: Path, server: list[str], trace: Path
) -> None:
    agent.prepare(home, model.url, server)
    product.up(enforce=True)
    product.run("allow", ENTRY)
    tree = rendered(agent, product, tmp_path / "tree")
    product.run("down")
    model.searches = 2
    outcome = run(agent, home, model.url, under(tree))
    assert not trace.exists(), outcome.all[-2000:]
    assert model.results == []
    assert model.seen, "the agent did not even run"


@each_exact_agent
def test_an_approved_address_is_reached_and_another_is_not(
    agent: Agent, home: Path, model: ScriptedModel, product: Product, tmp_path: Path
) -> None:
    with everything_over_http() as url:
        agent.prepare(home, model.url, ["unused"])
        point_at(agent, home, url)
        product.up(enforce=True)
        refusing = rendered(agent, product, tmp_path / "refusing")
        product.run("allow", f"url:{url}")
        product.run("down")  # the entry is as the user wrote it, so what is listed is the address itself
        allowing = rendered(agent, product, tmp_path / "allowing")
        model.searches = 2
        run(agent, home, model.url, under(refusing))
        assert model.seen and model.results == []
        model.searches = 8
        outcome = run_until_called(agent, home, model, under(allowing))
        assert model.results and SAID in model.results[-1], outcome.all[-2000:]


def test_names_are_no_boundary_where_the_lists_of_all_scopes_are_intersected(
    home: Path, model: ScriptedModel, product: Product, tmp_path: Path, server: list[str], trace: Path
) -> None:
    """What docs/native.md warns of: a list of the user's own without a name in common counts as no list at all."""
    agent = next(agent for agent in AGENTS if agent.id == "gemini-cli")
    agent.prepare(home, model.url, server)
    product.up(enforce=True)
    tree = rendered(agent, product, tmp_path / "tree")
    product.run("down")
    settings = json.loads((home / agent.config).read_text())
    (home / agent.config).write_text(json.dumps({**settings, "mcp": {"allowed": ["another"]}}))
    for _ in range(TRIES):
        outcome = run(agent, home, model.url, under(tree))
        if trace.exists():
            break
    assert trace.exists(), outcome.all[-2000:]
