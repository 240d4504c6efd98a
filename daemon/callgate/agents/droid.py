"""Pure: Factory Droid."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Place, same
from callgate.agents.builtin_tools import tools
from callgate.agents.hooking import Hooks, Layout, Names, Phase, Spot
from callgate.model.inventory import Format, Scope

AGENT = Agent(
    id="droid",
    name="Factory Droid",
    executables=("droid", "@factory/cli*/", "node_modules/droid/"),
    evidence=same("~/.factory"),
    places=(
        Place(Scope.USER, same("~/.factory/mcp.json"), Format.JSONC, "claude"),
        Place(Scope.PROJECT, same("{project}/.factory/mcp.json"), Format.JSONC, "claude"),
    ),
    hooks=Hooks(
        events={
            "PreToolUse": Phase.ASK,
            "PostToolUse": Phase.DONE,
            "UserPromptSubmit": Phase.PROMPT,
            "SessionStart": Phase.BEGIN,
            "SessionEnd": Phase.END,
        },
        tools=tools(
            runs="Execute",
            read="Read LS Grep Glob",
            write="Create Edit MultiEdit ApplyPatch",
            fetch="FetchUrl WebSearch",
        ),
        names=Names("", "___", sure=False),
        spot=Spot("~/.factory/settings.json", Layout.GROUPS, hidden_by="~/.factory/hooks.json"),
    ),
    docs="https://docs.factory.ai/cli/configuration/mcp",
)
