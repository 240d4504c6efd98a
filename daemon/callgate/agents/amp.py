"""Pure: Amp."""

from __future__ import annotations

from callgate.agents.adapter import NEEDS_ROOT, Agent, Paths, Place, same
from callgate.model.inventory import Format, Scope

_HOME = "${XDG_CONFIG_HOME:-~/.config}/amp"

AGENT = Agent(
    id="amp",
    name="Amp",
    executables=("@sourcegraph/amp*/", "@ampcode/cli*/", "bin/amp"),
    evidence=same(_HOME, "~/.amp"),
    places=(
        Place(Scope.USER, same(f"{_HOME}/settings.json", f"{_HOME}/settings.jsonc"), Format.JSONC, "amp"),
        Place(
            Scope.PROJECT,
            same("{project}/.amp/settings.json", "{project}/.amp/settings.jsonc"),
            Format.JSONC,
            "amp",
            note="started once the user approves it",
        ),
        Place(
            Scope.PLUGIN,
            same(
                f"{_HOME}/skills/*/mcp.json",
                "~/.config/agents/skills/*/mcp.json",
            ),
            Format.JSONC,
            "claude-plugin",
            unwrappable="it belongs to a skill, whose updates overwrite it",
        ),
        Place(
            Scope.SYSTEM,
            Paths(
                linux=("/etc/ampcode/managed-settings.json",),
                macos=("/Library/Application Support/ampcode/managed-settings.json",),
                windows=("C:/ProgramData/ampcode/managed-settings.json",),
            ),
            Format.JSONC,
            "amp",
            unwrappable=NEEDS_ROOT,
        ),
    ),
    docs="https://ampcode.com/manual#mcp",
    blind="Servers of the account (amp mcp remote) and those given with --mcp-config are in no file.",
)
