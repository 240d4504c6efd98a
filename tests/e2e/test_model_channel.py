"""Real agents whose models are reached through Callgate: the same outcome, each turn in the log, each call joined."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ground.agents import AGENTS, ENTRY, Agent, run
from ground.model import Scenario, ScriptedModel
from ground.product import Product
from ground.toolbox import node_server

pytestmark = [pytest.mark.agents, pytest.mark.timeout(240)]

MARKER = "marker 4711 é"
SAID = f"Echo: {MARKER}"
TRIES = 3


def _settings(home: Path, url: str) -> Path:
    path = home / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"env": {"ANTHROPIC_BASE_URL": url}}) + "\n")
    return path


def _dotenv(name: str, variable: str, tail: str) -> Callable[[Path, str], Path]:
    def write(home: Path, url: str) -> Path:
        path = home / name
        path.write_text(f"# the model\n{variable}={url}{tail}\n")
        return path

    return write


ADDRESSES: dict[str, Callable[[Path, str], Path]] = {
    "claude-code": _settings,
    "codex": lambda home, _: home / ".codex" / "config.toml",
    "gemini-cli": _dotenv(".gemini/.env", "GOOGLE_GEMINI_BASE_URL", ""),
    "opencode": lambda home, _: home / ".config" / "opencode" / "opencode.json",
    "qwen-code": _dotenv(".qwen/.env", "OPENAI_BASE_URL", "/v1"),
    "cline": lambda home, _: home / ".cline" / "data" / "settings" / "providers.json",
}
"""Agents that keep the address of their model in a file, and that file."""
ROUTABLE = [agent for agent in AGENTS if agent.id in ADDRESSES]
FROM_FILE = ("ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "OPENAI_BASE_URL")


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


def without_address(agent: Agent) -> Agent:
    """The agent with nothing in its environment that says where its model is: that stands in its file."""
    return replace(agent, env=lambda url: {k: v for k, v in agent.env(url).items() if k not in FROM_FILE})


@pytest.mark.parametrize("agent", ROUTABLE, ids=lambda agent: agent.id)
def test_an_agent_reaches_its_model_through_the_gate_and_the_call_it_makes_is_joined(
    agent: Agent, home: Path, model: ScriptedModel, product: Product
) -> None:
    agent.prepare(home, model.url, [*node_server("server-everything"), "stdio"])
    file = ADDRESSES[agent.id](home, model.url)
    before = file.read_bytes()
    product.up(enforce=True)
    product.run("allow", ENTRY)
    wrapped = file.read_bytes()
    product.run("model", "route", agent.id)
    routed = file.read_bytes()
    assert f":{product.port}/model/".encode() in routed and routed != wrapped
    for _ in range(TRIES):
        outcome = run(without_address(agent), home, model.url)
        if model.results:
            break
    assert SAID in model.results[-1]
    assert SAID in outcome.out
    asked = product.log("--kind", "model.asked")
    answered = product.log("--kind", "model.answered")
    assert len(asked) == len(answered) == len(model.seen)
    assert {row["agent"] for row in asked} == {agent.id} and {row["effect"] for row in asked} == {"allow"}
    assert any("call echo" in str(row.get("payload")) for row in asked)
    (call,) = product.calls(tool="echo")[-1:]
    uses = [use for row in answered for use in row["detail"].get("tool_uses", ())]
    assert call["detail"]["payload"]["digest"] in [use.get(name) for use in uses for name in ("digest", "inner_digest")]
    assert {row["session"] for row in asked} == {call["session"]}
    assert all(row["detail"]["input_tokens"] for row in answered)
    story = json.loads(product.run("session", call["session"], "--format", "json").stdout)
    (told,) = [item for item in story["items"] if item["type"] == "call" and item["name"] == "echo"][-1:]
    assert {"model", "mcp"} <= {view["channel"] for view in told["views"]} and not told["ambiguous"]
    assert story["findings"] == [] and story["ambiguous"] == 0
    untouched = file.read_bytes() == routed  # some agents write their own files while they work
    product.run("model", "unroute")
    assert f":{product.port}/model/".encode() not in file.read_bytes() and model.url.encode() in file.read_bytes()
    assert not untouched or file.read_bytes() == wrapped
    product.run("down")
    assert not untouched or file.read_bytes() == before


ONLY_IF_ASKED = """
@id("approved")
permit(principal, action, resource);
@id("asked-for")
@reason("The model did not ask for this.")
forbid(principal, action == Callgate::Action::"mcp:tools/call", resource) when { context.askedByModel == "no" };
"""


def test_a_call_that_the_model_asked_for_passes_a_policy_that_wants_it_so(
    home: Path, model: ScriptedModel, product: Product, tmp_path: Path
) -> None:
    agent = next(one for one in ROUTABLE if one.id == "claude-code")
    agent.prepare(home, model.url, [*node_server("server-everything"), "stdio"])
    ADDRESSES[agent.id](home, model.url)
    policy = tmp_path / "policy.cedar"
    policy.write_text(ONLY_IF_ASKED)
    product.up(enforce=True)
    product.run("allow", ENTRY)
    product.run("model", "route", agent.id)
    product.run("policy", "set", str(policy), "--force")
    for _ in range(TRIES):
        run(without_address(agent), home, model.url)
        if model.results:
            break
    assert SAID in model.results[-1]
    (row,) = product.calls(tool="echo")[-1:]
    assert row["effect"] == "allow" and row["detail"]["asked_by_model"] == "yes"
