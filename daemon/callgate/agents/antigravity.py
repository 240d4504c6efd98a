"""Pure: Google Antigravity: desktop app, editor and command line."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Paths, Place, app_data, same
from callgate.model.inventory import Format, Scope

_APPS = app_data("", "Antigravity", "Antigravity IDE")
_FILES = ("~/.gemini/config/mcp_config.json", "~/.gemini/antigravity/mcp_config.json")
_FOLDERS = ("~/.gemini/config", "~/.gemini/antigravity")

AGENT = Agent(
    id="antigravity",
    name="Google Antigravity",
    executables=("agy", "antigravity", "Antigravity*", "Antigravity*.app/", "extensions/antigravity/bin/*"),
    evidence=Paths((*_APPS.linux, *_FOLDERS), (*_APPS.macos, *_FOLDERS), (*_APPS.windows, *_FOLDERS)),
    places=(
        Place(Scope.USER, same(*_FILES), Format.JSONC, "windsurf", note="the second one is that of older editors"),
        Place(Scope.PROJECT, same("{project}/.agents/mcp_config.json"), Format.JSONC, "windsurf"),
    ),
    docs="https://antigravity.google/docs/mcp",
)
