"""Pure: Cursor, the editor and its command line agent."""

from __future__ import annotations

from callgate.agents.adapter import OVERWRITTEN, Agent, Paths, Place, same
from callgate.agents.builtin_tools import tools
from callgate.agents.hooking import REASON, Hooks, Keys, Layout, Names, Output, Phase, Spot
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
    hooks=Hooks(
        events={
            "preToolUse": Phase.ASK,
            "postToolUse": Phase.DONE,
            "postToolUseFailure": Phase.FAILED,
            "sessionStart": Phase.BEGIN,
            "sessionEnd": Phase.END,
        },
        tools=tools(runs="Shell", read="Read Grep", write="Write Delete", fetch="WebFetch", other="Task"),
        names=Names("MCP:", ""),
        spot=Spot(
            "~/.cursor/hooks.json",
            Layout.FLAT,
            head={"version": 1},
            typed=False,
            extra={"failClosed": True},
        ),
        keys=Keys(
            session=(("conversation_id",),), turn=(("generation_id",),), cwd=(("cwd",), ("workspace_roots", "0"))
        ),
        deny=Output(json={"permission": "deny", "user_message": REASON, "agent_message": REASON}),
        allow=Output(json={"permission": "allow"}),
        fails="closed, by the failClosed that we set",
        note="Its events do not name the server of an MCP call: a server that is not wrapped is not noticed here.",
    ),
    docs="https://cursor.com/docs/mcp",
    blind="Servers of the team's dashboard, and those that an extension registers by code, are in no file.",
)
