"""The command lines of our hooks in agents' files, and the events that canaries pretend."""

import json

import pytest
from callgate.agents import ALL
from callgate.agents.adapter import Agent
from callgate.agents.hook_event import read
from callgate.agents.hooking import Layout, Phase
from callgate.model.inventory import Format
from callgate.policy import canary
from callgate.wrap import hookplan
from callgate.wrap.hookcommand import canary_event, commands

LAUNCHER = "/data/hooks/an-agent"
HOOKED = [agent for agent in ALL if agent.hooks is not None]
IN_FILES = [agent for agent in HOOKED if agent.hooks and agent.hooks.spot.layout not in (Layout.SCRIPTS, Layout.PLUGIN)]


@pytest.mark.parametrize("agent", IN_FILES, ids=lambda agent: agent.id)
def test_what_the_agent_would_run_is_found_in_its_file(agent: Agent) -> None:
    assert agent.hooks is not None
    spot = agent.hooks.spot
    data = hookplan.fresh(hookplan.wanted(agent.hooks, spot, LAUNCHER))
    for event, phase in agent.hooks.events.items():
        word = "ask" if phase is Phase.ASK else "tell"
        assert commands(data, spot, event, LAUNCHER) == [f"{LAUNCHER} {event} {word}"]
        assert commands(b"{}", spot, event, LAUNCHER) == []
        assert commands(b"{", spot, event, LAUNCHER) == []


@pytest.mark.parametrize("agent", HOOKED, ids=lambda agent: agent.id)
def test_a_canary_event_is_understood_as_a_call_of_that_tool(agent: Agent) -> None:
    assert agent.hooks is not None
    name = canary.PREFIX + "1234"
    raw = json.dumps(canary_event(agent.hooks, name)).encode()
    for event, phase in agent.hooks.events.items():
        if phase is Phase.ASK:
            said = read(agent.hooks, event, raw, len(raw))
            assert (said.tool, said.problem) == (name, "")


def test_a_switch_that_turns_all_hooks_off_leaves_no_command() -> None:
    agent = next(one for one in ALL if one.hooks is not None and one.hooks.spot.off)
    assert agent.hooks is not None
    spot = agent.hooks.spot
    want = hookplan.wanted(agent.hooks, spot, LAUNCHER)
    off = {spot.off[0]: True, **json.loads(hookplan.fresh(want))}
    assert hookplan.holds(json.dumps(off).encode(), Format.JSON, want)
    assert commands(json.dumps(off).encode(), spot, "PreToolUse", LAUNCHER) == []
