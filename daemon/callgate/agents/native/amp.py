"""Pure: the managed settings of Amp."""

from __future__ import annotations

from callgate.agents.adapter import Paths
from callgate.agents.native.control import Ability, Can, Control, Native, Piece, Source, Wanted, path_of
from callgate.agents.native.forms import GLOB, addresses, commands, is_text, json_piece

_KEY = "amp.mcpPermissions"
_PLACE = Paths(
    linux=("/etc/ampcode/managed-settings.json",),
    macos=("/Library/Application Support/ampcode/managed-settings.json",),
    windows=("C:/ProgramData/ampcode/managed-settings.json",),
)


def _render(wanted: Wanted, os: str) -> tuple[Piece, ...]:
    places = commands(wanted) if wanted.exact else sorted(wanted.launchers)
    urls = addresses(wanted)
    denied = {*wanted.denied_urls, *(one.url for one in wanted.denied if one.url and is_text(one.url))}
    if wanted.exact:
        places = [place for place in places if os == "windows" or not GLOB & set(place)]
    rules = [
        *(_rule("url", url, "reject") for url in sorted(denied)),
        *(_rule("command", place, "allow") for place in places),
        *(_rule("url", url, "allow") for url in urls),
        _rule("command", "*", "reject"),
        _rule("url", "*", "reject"),
    ]
    does = "starts only our launchers and reaches only approved addresses"
    return json_piece(path_of(_PLACE, os), {_KEY: rules}, does, ((_KEY,),))


def _rule(key: str, pattern: str, action: str) -> dict[str, object]:
    return {"matches": {key: pattern}, "action": action}


NATIVE = Native(
    agent="amp",
    name="Amp",
    place=_PLACE,
    abilities={
        Control.COMMAND: Ability(Can.YES, "`amp.mcpPermissions`, patterns on the command, first match", Source.VENDOR),
        Control.URL: Ability(Can.YES, "the same, on the address", Source.VENDOR),
        Control.NAME: Ability(Can.NO, "-", Source.VENDOR),
        Control.HOOKS: Ability(Can.NO, "-", Source.HEARD),
        Control.USER: Ability(Can.YES, "a last rule of `reject`", Source.VENDOR),
        Control.BYPASS: Ability(Can.UNKNOWN, "a managed setting wins over the user's; not tried", Source.VENDOR),
    },
    render=_render,
    broken="not tried",
    notes=("It was not run: a run needs the vendor's login.",),
)
