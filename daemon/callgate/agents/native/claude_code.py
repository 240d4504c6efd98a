"""Pure: the managed settings of Claude Code."""

from __future__ import annotations

from callgate.agents.adapter import Paths
from callgate.agents.native.control import Ability, Can, Control, Native, Piece, Source, Wanted, path_of
from callgate.agents.native.forms import allowed_matchers, denied_matchers, json_piece

_FILE = "managed-settings.d/50-callgate.json"
_PLACE = Paths(
    linux=(f"/etc/claude-code/{_FILE}",),
    macos=(f"/Library/Application Support/ClaudeCode/{_FILE}",),
    windows=(f"${{ProgramFiles:-C:/Program Files}}/ClaudeCode/{_FILE}",),
)
_ALLOWED, _DENIED, _ONLY = "allowedMcpServers", "deniedMcpServers", "allowManagedMcpServersOnly"


def _render(wanted: Wanted, os: str) -> tuple[Piece, ...]:
    value: dict[str, object] = {}
    allowed = allowed_matchers(wanted)
    if allowed is not None:
        value |= {_ONLY: True, _ALLOWED: allowed}
    denied = denied_matchers(wanted)
    if denied or allowed is not None:  # an empty one too: it takes the place of an older one
        value[_DENIED] = denied
    if not value:
        return ()
    path = path_of(_PLACE, os)
    folder, separator = (path[: -len("50-callgate.json")], "*.json") if path else ("", "")
    does = "starts only the exact command lines of our launchers and reaches only approved addresses"
    if allowed is None:
        does = "refuses what the registry denies"
    return json_piece(path, value, does, ((_ALLOWED,), (_DENIED,), (_ONLY,)), folder + separator)


NATIVE = Native(
    agent="claude-code",
    name="Claude Code",
    place=_PLACE,
    abilities={
        Control.COMMAND: Ability(
            Can.YES, "`allowedMcpServers` `serverCommand`: the whole command line, word by word", Source.RUN
        ),
        Control.URL: Ability(Can.YES, "`serverUrl`, with `*`", Source.RUN),
        Control.NAME: Ability(Can.YES, "`serverName`; used to deny only, a name is a label", Source.VENDOR),
        Control.HOOKS: Ability(Can.YES, "`allowManagedHooksOnly`", Source.RUN),
        Control.USER: Ability(Can.YES, "`managed-mcp.json`: no other server is loaded", Source.RUN),
        Control.BYPASS: Ability(Can.YES, "`disableBypassPermissionsMode`, `disableSideloadFlags`", Source.VENDOR),
    },
    render=_render,
    broken="ignored in silence; other files of the folder still hold",
    notes=(
        "Lists of all files in `managed-settings.d` are joined, so another file there can allow more: `native diff` "
        "names such files. Where the server, or a profile of device management, delivers settings, those are used and "
        "the files are not read.",
        "`${VAR}` in a command line is filled in on both sides, in the list from an environment of its own: where the "
        "two differ, the server is refused.",
        "Servers inside a program that embeds the agent (`sdk`) are not checked.",
    ),
)
