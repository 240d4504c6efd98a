"""Pure: what of Cursor's servers an organisation can control."""

from __future__ import annotations

from callgate.agents.adapter import Paths
from callgate.agents.native.control import Ability, Can, Control, Native, Piece, Source, Wanted
from callgate.agents.native.forms import addresses, commands


def _render(wanted: Wanted, os: str) -> tuple[Piece, ...]:
    places = commands(wanted) if wanted.exact else sorted(wanted.launchers)
    urls = addresses(wanted)
    lines = [*(f"command {one}" for one in places), *(f"url {one}" for one in urls)]
    if not lines:
        return ()
    head = "# For the MCP allowlist in the team's dashboard: one pattern a line.\n"
    does = "nothing by itself: patterns to be entered by hand in the team's dashboard"
    return (Piece("console/cursor.txt", (head + "\n".join(lines) + "\n").encode(), does),)


NATIVE = Native(
    agent="cursor",
    name="Cursor",
    place=Paths(),
    abilities={
        Control.COMMAND: Ability(Can.PARTLY, "in the team's dashboard only, by pattern", Source.HEARD),
        Control.URL: Ability(Can.PARTLY, "in the team's dashboard only, by pattern", Source.HEARD),
        Control.NAME: Ability(Can.NO, "`permissions.json` only steers what runs without a question", Source.VENDOR),
        Control.HOOKS: Ability(
            Can.PARTLY, "`hooks.json` of the organisation runs first; the user's run too", Source.VENDOR
        ),
        Control.USER: Ability(Can.NO, "-", Source.HEARD),
        Control.BYPASS: Ability(Can.PARTLY, "in the team's dashboard only", Source.HEARD),
    },
    render=_render,
    broken="-",
    notes=("There is no file for this on the machine: what is rendered is text for the dashboard.",),
)
