"""Pure: Roo Code, an editor extension (discontinued in May 2026, still installed)."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Place, app_data, same
from callgate.model.inventory import Format, Scope

_EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")
_STORAGE = "User/globalStorage/rooveterinaryinc.roo-cline"

AGENT = Agent(
    id="roo",
    name="Roo Code",
    executables=(),
    evidence=app_data(_STORAGE, *_EDITORS),
    places=(
        Place(Scope.USER, app_data(f"{_STORAGE}/settings/mcp_settings.json", *_EDITORS), Format.JSONC, "cline"),
        Place(Scope.PROJECT, same("{project}/.roo/mcp.json"), Format.JSONC, "cline"),
    ),
    docs="https://docs.roocode.com/features/mcp/using-mcp-in-roo",
    blind="It runs inside the editor's processes, which are then named as the caller.",
)
