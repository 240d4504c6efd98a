"""Pure: Factory Droid."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Place, same
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
    docs="https://docs.factory.ai/cli/configuration/mcp",
)
