"""Real coding agents whose entry is a remote server: the approved works through the gate, the rest is refused."""

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
from ground.remote import everything_over_http, point_at

pytestmark = [pytest.mark.agents, pytest.mark.timeout(240)]

MARKER = "marker 4711 é"
SAID = f"Echo: {MARKER}"
TRIES = 3
REMOTE = ("claude-code", "codex", "gemini-cli", "copilot-cli")
each_agent = pytest.mark.parametrize(
    "agent", [agent for agent in AGENTS if agent.id in REMOTE], ids=lambda agent: agent.id
)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cg-home-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(Scenario("echo", {"message": MARKER})) as endpoint:
        yield endpoint


@pytest.fixture
def product(home: Path) -> Iterator[Product]:
    with Product(home) as installed:
        yield installed


@pytest.fixture
def url() -> Iterator[str]:
    with everything_over_http() as address:
        yield address


def prepared(agent: Agent, home: Path, model: ScriptedModel, url: str) -> bytes:
    """An empty home with the agent's entry for the remote server; what its file holds."""
    agent.prepare(home, model.url, ["unused"])
    point_at(agent, home, url)
    if agent.id == "gemini-cli":  # its own key for Streamable HTTP
        path = home / agent.config
        document = json.loads(path.read_text())
        document["mcpServers"][ENTRY] = {"httpUrl": url}
        path.write_text(json.dumps(document))
    return (home / agent.config).read_bytes()


def run_until_called(agent: Agent, home: Path, model: ScriptedModel) -> Outcome:
    for _ in range(TRIES):
        outcome = run(agent, home, model.url)
        if model.results:
            break
    return outcome


@each_agent
def test_an_agent_calls_an_approved_remote_tool_and_its_file_comes_back(
    agent: Agent, home: Path, model: ScriptedModel, product: Product, url: str
) -> None:
    original = prepared(agent, home, model, url)
    product.up(enforce=True)
    assert url not in (home / agent.config).read_text()
    product.run("allow", f"url:{url}")
    outcome = run_until_called(agent, home, model)
    assert model.results and SAID in model.results[-1], outcome.all[-2000:]
    row = product.calls(tool="echo")[-1]
    assert (row["agent"], row["entry"], row["effect"], row["server"]) == (agent.id, ENTRY, "allow", f"url:{url}")
    wrapped = url not in (home / agent.config).read_text()
    product.run("unwrap")
    assert wrapped
    assert url in (home / agent.config).read_text()
    if agent.id != "claude-code":  # which keeps its own state in that file
        assert (home / agent.config).read_bytes() == original


@each_agent
def test_a_remote_server_off_the_allowlist_is_not_reached_and_the_agent_is_told_why(
    agent: Agent, home: Path, model: ScriptedModel, product: Product, url: str
) -> None:
    prepared(agent, home, model, url)
    product.up(enforce=True)
    model.searches = 2
    outcome = run(agent, home, model.url)
    assert SAID not in model.everything_it_was_told
    refused = [row for row in product.log() if row.get("effect") == "deny" and row.get("entry") == ENTRY]
    assert refused and refused[-1]["rule"] == "server.unapproved" and refused[-1]["server"] == f"url:{url}"
    assert "not on the allowlist" in model.everything_it_was_told + outcome.all


@each_agent
def test_a_remote_tool_that_is_denied_while_the_agent_runs_is_refused_and_the_model_is_told(
    agent: Agent, home: Path, model: ScriptedModel, product: Product, url: str
) -> None:
    prepared(agent, home, model, url)
    product.up(enforce=True)
    product.run("allow", f"url:{url}")
    model.before_call = lambda: product.run("deny", ENTRY, "echo")
    outcome = run_until_called(agent, home, model)
    assert SAID not in model.everything_it_was_told
    assert model.results and "Callgate" in model.results[-1] and "denied" in model.results[-1], outcome.all[-2000:]
    row = product.calls(tool="echo")[-1]
    assert (row["agent"], row["effect"], row["server"]) == (agent.id, "deny", f"url:{url}")
