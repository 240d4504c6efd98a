"""Pure: the system settings of Factory Droid."""

from __future__ import annotations

from callgate.agents.adapter import Paths
from callgate.agents.native.control import Ability, Can, Control, Native, Piece, Source, Wanted, path_of
from callgate.agents.native.forms import addresses, commands, host, json_piece

_PLACE = Paths(
    linux=("/etc/factory/settings.json",),
    macos=("/Library/Application Support/Factory/settings.json",),
    windows=("${ProgramFiles:-C:/Program Files}/Factory/settings.json",),
)


def _render(wanted: Wanted, os: str) -> tuple[Piece, ...]:
    local = set(commands(wanted))
    if not wanted.exact:
        local = {place.rpartition("*")[0].rpartition("*")[2] or place for place in wanted.launchers}
    urls = addresses(wanted)
    hosts = {found for url in urls if (found := host(url))}
    policy = {"enabled": True, "allowlist": [*sorted(local), *sorted(hosts)]}
    does = "starts only servers whose command line holds a launcher's path, and reaches only approved hosts"
    return json_piece(path_of(_PLACE, os), {"mcpPolicy": policy}, does, (("mcpPolicy",),))


NATIVE = Native(
    agent="droid",
    name="Factory Droid",
    place=_PLACE,
    abilities={
        Control.COMMAND: Ability(
            Can.PARTLY,
            "`mcpPolicy.allowlist`: a part of the command or of any argument, letters and digits",
            Source.READ,
        ),
        Control.URL: Ability(Can.PARTLY, "the host only", Source.READ),
        Control.NAME: Ability(Can.NO, "-", Source.READ),
        Control.HOOKS: Ability(Can.YES, "`allowManagedHooksOnly`", Source.READ),
        Control.USER: Ability(Can.YES, "an empty `mcpPolicy.allowlist` lets none start", Source.READ),
        Control.BYPASS: Ability(Can.UNKNOWN, "not tried", Source.HEARD),
    },
    render=_render,
    broken="not tried",
    notes=("Any argument may carry an allowed word, so this stops mistakes, not a determined user.",),
)
