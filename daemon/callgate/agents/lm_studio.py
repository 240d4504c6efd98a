"""Pure: LM Studio."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Paths, Place, app_data, same
from callgate.model.inventory import Format, Scope

_APPS = app_data("", "LM Studio")

AGENT = Agent(
    id="lm-studio",
    name="LM Studio",
    executables=("lm-studio", "LM Studio", "LM Studio.app/"),
    evidence=Paths((*_APPS.linux, "~/.lmstudio"), (*_APPS.macos, "~/.lmstudio"), (*_APPS.windows, "~/.lmstudio")),
    places=(Place(Scope.USER, same("~/.lmstudio/mcp.json"), Format.JSONC, "claude"),),
    docs="https://lmstudio.ai/docs/app/mcp",
    blind="Remote servers that a client of its local API names in a request are in no file.",
)
