"""Pure: Zed."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Paths, Place, same
from callgate.model.inventory import Format, Scope

AGENT = Agent(
    id="zed",
    name="Zed",
    executables=("zed", "zed-editor", "Zed", "Zed*.app/"),
    evidence=Paths(
        linux=("${XDG_CONFIG_HOME:-~/.config}/zed", "~/.local/zed.app", "~/.var/app/dev.zed.Zed"),
        macos=("~/.config/zed", "/Applications/Zed.app"),
        windows=("${APPDATA:-~/AppData/Roaming}/Zed",),
    ),
    places=(
        Place(
            Scope.USER,
            Paths(
                linux=(
                    "${XDG_CONFIG_HOME:-~/.config}/zed/settings.json",
                    "~/.var/app/dev.zed.Zed/config/zed/settings.json",
                ),
                macos=("~/.config/zed/settings.json",),
                windows=("${APPDATA:-~/AppData/Roaming}/Zed/settings.json",),
            ),
            Format.JSONC,
            "zed",
            note="also handed on to the external agents that Zed runs",
        ),
        Place(Scope.PROJECT, same("{project}/.zed/settings.json"), Format.JSONC, "zed", note="in trusted worktrees"),
    ),
    docs="https://zed.dev/docs/ai/mcp",
    blind="Servers that an extension starts by code appear at most as a name in the settings.",
)
