"""Pure: Kiro: editor and command line."""

from __future__ import annotations

from callgate.agents.adapter import OVERWRITTEN, Agent, Paths, Place, app_data, same
from callgate.agents.ways import Home, Ways
from callgate.model.inventory import Format, Scope

_APPS = app_data("", "Kiro")

AGENT = Agent(
    id="kiro",
    name="Kiro",
    executables=("kiro", "kiro-cli", "kiro-cli-chat", "Kiro", "Kiro*.app/"),
    evidence=Paths((*_APPS.linux, "~/.kiro"), (*_APPS.macos, "~/.kiro"), (*_APPS.windows, "~/.kiro")),
    places=(
        Place(
            Scope.USER,
            same("~/.kiro/settings/mcp.json", "${KIRO_HOME}/settings/mcp.json"),
            Format.JSONC,
            "kiro",
            note="loaded again as soon as it changes; the editor does not follow KIRO_HOME",
        ),
        Place(
            Scope.USER,
            same("~/.kiro/agents/*.json", "${KIRO_HOME}/agents/*.json"),
            Format.JSONC,
            "claude",
            note="one file per custom agent",
        ),
        Place(Scope.PROJECT, same("{project}/.kiro/settings/mcp.json"), Format.JSONC, "kiro"),
        Place(
            Scope.PROJECT,
            same("{project}/.kiro/agents/*.json"),
            Format.JSONC,
            "claude",
            note="one file per custom agent",
        ),
        Place(
            Scope.PLUGIN,
            same("~/.kiro/powers/installed/*/mcp.json"),
            Format.JSONC,
            "claude-plugin",
            unwrappable=OVERWRITTEN,
            note="powers",
        ),
    ),
    ways=Ways(homes=(Home("KIRO_HOME", ""),)),
    docs="https://kiro.dev/docs/mcp/configuration",
    blind="Servers of Kiro on the web are in no file.",
)
