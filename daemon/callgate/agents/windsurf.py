"""Pure: Windsurf and its successor Devin (desktop app and command line)."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Paths, Place, app_data, same
from callgate.model.inventory import Format, Scope

_APPS = app_data("", "Windsurf", "Windsurf - Next", "Devin")
_DEVIN = ("${XDG_CONFIG_HOME:-~/.config}/devin",)
_DEVIN_WINDOWS = ("${APPDATA:-~/AppData/Roaming}/devin",)
_CODEIUM = ("~/.codeium",)

AGENT = Agent(
    id="windsurf",
    name="Windsurf / Devin",
    executables=(
        "windsurf",
        "windsurf-next",
        "Windsurf",
        "Windsurf*.app/",
        "extensions/windsurf/bin/*",
        "devin",
        "Devin*.app/",
        ".windsurf-server/bin/",
    ),
    evidence=Paths(
        (*_APPS.linux, *_DEVIN, *_CODEIUM),
        (*_APPS.macos, *_DEVIN, *_CODEIUM),
        (*_APPS.windows, *_DEVIN_WINDOWS, *_CODEIUM),
    ),
    places=(
        Place(
            Scope.USER,
            Paths(
                tuple(f"{folder}/{file}" for folder in _DEVIN for file in ("mcp_config.json", "config.json")),
                tuple(f"{folder}/{file}" for folder in _DEVIN for file in ("mcp_config.json", "config.json")),
                tuple(f"{folder}/{file}" for folder in _DEVIN_WINDOWS for file in ("mcp_config.json", "config.json")),
            ),
            Format.JSONC,
            "windsurf",
            note="Devin also starts the servers of Claude Code, Cursor, opencode and Zed unless told not to",
        ),
        Place(
            Scope.USER,
            same(
                "~/.codeium/windsurf/mcp_config.json",
                "~/.codeium/windsurf-next/mcp_config.json",
                "~/.codeium/mcp_config.json",
            ),
            Format.JSONC,
            "windsurf",
            note="the last one is the JetBrains plugin's",
        ),
        Place(
            Scope.PROJECT,
            same("{project}/.devin/mcp_config.json", "{project}/.devin/mcp_config.local.json"),
            Format.JSONC,
            "windsurf",
        ),
        Place(Scope.PROJECT, same("{project}/.mcp.json"), Format.JSONC, "claude"),
    ),
    docs="https://docs.windsurf.com/windsurf/cascade/mcp",
    blind="Servers that the team's settings add in the cloud are in no file.",
)
