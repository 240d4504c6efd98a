"""Pure: Cursor, the editor and its command line agent."""

from __future__ import annotations

from callgate.agents.adapter import OVERWRITTEN, Agent, Paths, Place, same
from callgate.model.inventory import Format, Scope

AGENT = Agent(
    id="cursor",
    name="Cursor",
    executables=("cursor", "Cursor", "cursor-agent", "Cursor.app/", "cursor-agent/versions/", ".cursor-server/bin/"),
    evidence=Paths(
        linux=("~/.cursor", "${XDG_CONFIG_HOME:-~/.config}/Cursor", "~/.local/share/cursor-agent"),
        macos=("~/.cursor", "~/Library/Application Support/Cursor", "/Applications/Cursor.app"),
        windows=("~/.cursor", "${APPDATA:-~/AppData/Roaming}/Cursor"),
    ),
    places=(
        Place(Scope.USER, same("~/.cursor/mcp.json"), Format.JSONC, "claude"),
        Place(
            Scope.PROJECT,
            same("{project}/.cursor/mcp.json"),
            Format.JSONC,
            "claude",
            note="approved by its content: a change asks the user again",
        ),
        Place(Scope.PROJECT, same("{project}/.mcp.json"), Format.JSONC, "claude"),
        Place(
            Scope.PLUGIN,
            same(
                *(
                    f"~/.cursor/plugins/{folder}/{file}"
                    for folder in ("local/*", "cache/*", "cache/*/*", "cache/*/*/*")
                    for file in (".mcp.json", "mcp.json")
                )
            ),
            Format.JSONC,
            "claude-plugin",
            unwrappable=OVERWRITTEN,
        ),
    ),
    docs="https://cursor.com/docs/mcp",
    blind="Servers of the team's dashboard, and those that an extension registers by code, are in no file.",
)
