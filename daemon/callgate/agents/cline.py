"""Pure: Cline, as command line and as extension of editors."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Paths, Place, app_data, same
from callgate.model.inventory import Format, Scope

_EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")
_STORAGE = "User/globalStorage/saoudrizwan.claude-dev"
_OWN = ("${CLINE_DIR:-~/.cline}",)
_EXTENSION = app_data(_STORAGE, *_EDITORS)

AGENT = Agent(
    id="cline",
    name="Cline",
    executables=("cline", "@cline/cli*/", "node_modules/cline/"),
    evidence=Paths((*_OWN, *_EXTENSION.linux), (*_OWN, *_EXTENSION.macos), (*_OWN, *_EXTENSION.windows)),
    places=(
        Place(
            Scope.USER,
            same(
                "${CLINE_MCP_SETTINGS_PATH}",
                "${CLINE_DATA_DIR}/settings/cline_mcp_settings.json",
                "${CLINE_DIR:-~/.cline}/data/settings/cline_mcp_settings.json",
            ),
            Format.JSON,
            "cline",
            note="command line, JetBrains and newer VS Code builds",
        ),
        Place(
            Scope.USER,
            app_data(f"{_STORAGE}/settings/cline_mcp_settings.json", *_EDITORS),
            Format.JSONC,
            "cline",
            note="older builds of the editor extension",
        ),
        Place(
            Scope.USER,
            same("~/Documents/Cline/MCP/cline_mcp_settings.json", "~/.cline/mcp.json"),
            Format.JSONC,
            "cline",
            note="named by the vendor's documents; the builds that were tried do not read them",
        ),
    ),
    docs="https://docs.cline.bot/mcp/configuring-mcp-servers",
    blind="As an extension Cline runs inside the editor's processes, which are then named as the caller; servers of "
    "its cloud's remote configuration are in no file.",
)
