"""Pure: GitHub Copilot's command line agent and app."""

from __future__ import annotations

from callgate.agents.adapter import OVERWRITTEN, Agent, Place, same
from callgate.model.inventory import Format, Scope

_HOME = "${COPILOT_HOME:-~/.copilot}"

AGENT = Agent(
    id="copilot-cli",
    name="GitHub Copilot CLI",
    executables=("copilot", "@github/copilot*/", ".cache/copilot/pkg/"),
    evidence=same(_HOME),
    places=(
        Place(
            Scope.USER,
            same(f"{_HOME}/mcp-config.json"),
            Format.JSONC,
            "claude",
            note="the Copilot app and VS Code's Copilot harness read it too",
        ),
        Place(
            Scope.PROJECT,
            same("{project}/.mcp.json", "{project}/.github/mcp.json"),
            Format.JSONC,
            "claude",
            note="in trusted folders",
        ),
        Place(
            Scope.PLUGIN,
            same(f"{_HOME}/installed-plugins/*/*/.mcp.json", f"{_HOME}/installed-plugins/*/*/mcp.json"),
            Format.JSONC,
            "claude-plugin",
            unwrappable=OVERWRITTEN,
        ),
    ),
    docs="https://docs.github.com/en/copilot/how-tos/use-copilot-agents/use-copilot-cli",
    blind="The GitHub server that is built in, and servers given with --additional-mcp-config, are in no file.",
)
