"""Pure: the managed settings of opencode."""

from __future__ import annotations

from callgate.agents.adapter import Paths
from callgate.agents.native.control import Ability, Can, Control, Native, Piece, Source, Wanted, path_of
from callgate.agents.native.forms import json_piece, names
from callgate.model.inventory import KeyPath

_PLACE = Paths(
    linux=("/etc/opencode/opencode.json",),
    macos=("/Library/Application Support/opencode/opencode.json",),
    windows=("${ProgramData:-C:/ProgramData}/opencode/opencode.json",),
)


def _render(wanted: Wanted, os: str) -> tuple[Piece, ...]:
    allowed = set(names(wanted.allowed, patterns=False))
    off = [name for name in names((*wanted.denied, *wanted.unapproved), patterns=False) if name not in allowed]
    if not off:
        return ()
    owned: tuple[KeyPath, ...] = tuple(("mcp", name, "enabled") for name in off)
    does = "keeps the servers of these names switched off; it has no list of what is allowed"
    return json_piece(path_of(_PLACE, os), {"mcp": {name: {"enabled": False} for name in off}}, does, owned)


NATIVE = Native(
    agent="opencode",
    name="opencode",
    place=_PLACE,
    abilities={
        Control.COMMAND: Ability(Can.NO, "-", Source.READ),
        Control.URL: Ability(Can.NO, "-", Source.READ),
        Control.NAME: Ability(Can.PARTLY, "`mcp.NAME.enabled: false` switches a known name off", Source.RUN),
        Control.HOOKS: Ability(Can.NO, "no managed folder for plugins", Source.RUN),
        Control.USER: Ability(Can.NO, "-", Source.READ),
        Control.BYPASS: Ability(Can.PARTLY, "`permission` rules of deny hold", Source.RUN),
    },
    render=_render,
    broken="not tried",
    notes=(
        "A name that was switched off stays so in a merged file until it is taken out, or rendered with `--replace`.",
        "Another name is another server: what is new starts, and only the gate stands in front of it.",
    ),
)
