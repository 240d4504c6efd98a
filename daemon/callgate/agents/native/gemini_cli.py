"""Pure: the system settings of Gemini CLI."""

from __future__ import annotations

from callgate.agents.adapter import Paths
from callgate.agents.native.by_name import renderer
from callgate.agents.native.control import Ability, Can, Control, Native, Source

_PLACE = Paths(
    linux=("/etc/gemini-cli/settings.json",),
    macos=("/Library/Application Support/GeminiCli/settings.json",),
    windows=("C:/ProgramData/gemini-cli/settings.json",),
)

NATIVE = Native(
    agent="gemini-cli",
    name="Gemini CLI",
    place=_PLACE,
    abilities={
        Control.COMMAND: Ability(Can.NO, "only by defining the servers in the system settings", Source.RUN),
        Control.URL: Ability(Can.NO, "the same", Source.VENDOR),
        Control.NAME: Ability(Can.PARTLY, "`mcp.allowed`, `mcp.excluded`; see the notes", Source.RUN),
        Control.HOOKS: Ability(Can.PARTLY, "system hooks run first; a user can switch one off by name", Source.RUN),
        Control.USER: Ability(Can.PARTLY, "a system server wins over one of the same name", Source.RUN),
        Control.BYPASS: Ability(Can.YES, "`security.disableYoloMode`", Source.VENDOR),
    },
    render=renderer(_PLACE, patterns=False, empty_allows_all=True),
    broken="Gemini CLI does not start",
    notes=(
        "The lists of system, user and trusted project are intersected, and an empty result counts as no list at all: "
        "an `mcp.allowed` of theirs without a name of the system's list switches it off (seen with 0.61.0).",
        "`GEMINI_CLI_SYSTEM_SETTINGS_PATH` in the environment replaces the file.",
    ),
)
