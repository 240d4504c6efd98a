"""Pure: JetBrains Junie: IDE plugin and command line."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Place, same
from callgate.model.inventory import Format, Scope

AGENT = Agent(
    id="junie",
    name="JetBrains Junie",
    executables=("junie", "@jetbrains/junie-cli*/"),
    evidence=same("~/.junie"),
    places=(
        Place(Scope.USER, same("~/.junie/mcp/mcp.json"), Format.JSONC, "claude", note="loaded again when it changes"),
        Place(Scope.PROJECT, same("{project}/.junie/mcp/mcp.json"), Format.JSONC, "claude", note="in trusted projects"),
    ),
    docs="https://junie.jetbrains.com/docs/junie-ide-plugin.html",
    blind="JetBrains AI Assistant keeps its servers in undocumented option files of the IDE, which are not read; the "
    "plugin runs inside the IDE's processes, which are not recognised.",
)
