"""Pure: the system settings of Qwen Code."""

from __future__ import annotations

from callgate.agents.adapter import Paths
from callgate.agents.native.by_name import renderer
from callgate.agents.native.control import Ability, Can, Control, Native, Source

_PLACE = Paths(
    linux=("/etc/qwen-code/settings.json",),
    macos=("/Library/Application Support/QwenCode/settings.json",),
    windows=("C:/ProgramData/qwen-code/settings.json",),
)

NATIVE = Native(
    agent="qwen-code",
    name="Qwen Code",
    place=_PLACE,
    abilities={
        Control.COMMAND: Ability(Can.NO, "only by defining the servers in the system settings", Source.VENDOR),
        Control.URL: Ability(Can.NO, "the same", Source.VENDOR),
        Control.NAME: Ability(Can.PARTLY, "`mcp.allowed`, `mcp.excluded`, with `*`", Source.RUN),
        Control.HOOKS: Ability(Can.PARTLY, "system hooks run, with `disableAllHooks` pinned to false", Source.RUN),
        Control.USER: Ability(Can.PARTLY, "an empty `mcp.allowed` lets none start", Source.READ),
        Control.BYPASS: Ability(Can.UNKNOWN, "not tried", Source.HEARD),
    },
    render=renderer(_PLACE, patterns=True, empty_allows_all=False),
    broken="not tried",
    notes=(
        "`QWEN_CODE_SYSTEM_SETTINGS_PATH` in the environment replaces the file, and `--allowed-mcp-server-names` on "
        "the command line the list.",
        "A server whose name holds a wildcard is on no list.",
    ),
)
