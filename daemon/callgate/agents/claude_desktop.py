"""Pure: Claude Desktop, Anthropic's app for macOS and Windows (and unofficial builds for Linux)."""

from __future__ import annotations

from callgate.agents.adapter import NEEDS_ROOT, OVERWRITTEN, Agent, Paths, Place, app_data
from callgate.model.inventory import Format, Scope

_STORE = "${LOCALAPPDATA:-~/AppData/Local}/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude"
"""Where the Windows Store's version sees what it believes to be %APPDATA%."""
_USER = app_data("claude_desktop_config.json", "Claude")
_BUNDLES = app_data("Claude Extensions/*/manifest.json", "Claude")

AGENT = Agent(
    id="claude-desktop",
    name="Claude Desktop",
    executables=("Claude.app/", "AnthropicClaude/", "Claude_*/app/Claude", "claude-desktop", "claude-desktop/*"),
    evidence=app_data("", "Claude"),
    places=(
        Place(
            Scope.USER,
            Paths(_USER.linux, _USER.macos, (*_USER.windows, f"{_STORE}/claude_desktop_config.json")),
            Format.JSONC,
            "claude",
            note="read when the app starts; local servers only",
        ),
        Place(
            Scope.PLUGIN,
            Paths(_BUNDLES.linux, _BUNDLES.macos, (*_BUNDLES.windows, f"{_STORE}/Claude Extensions/*/manifest.json")),
            Format.JSONC,
            "claude-bundle",
            unwrappable=OVERWRITTEN,
            note="desktop extensions (.mcpb, .dxt)",
        ),
        Place(
            Scope.SYSTEM,
            Paths(
                macos=("/Library/Application Support/Claude/org-plugins/*/.mcp.json",),
                windows=("${ProgramFiles:-C:/Program Files}/Claude/org-plugins/*/.mcp.json",),
            ),
            Format.JSONC,
            "claude-plugin",
            unwrappable=NEEDS_ROOT,
            note="an organisation's plugins: remote servers only",
        ),
    ),
    docs="https://modelcontextprotocol.io/docs/develop/connect-local-servers",
    blind="Connectors of the account and servers set by device management (managedMcpServers) are in no file.",
)
