"""Pure: the requirements of OpenAI Codex."""

from __future__ import annotations

import tomlkit

from callgate.agents.adapter import Paths
from callgate.agents.native.control import Ability, Can, Control, Native, Piece, Source, Wanted, path_of
from callgate.agents.native.forms import is_text
from callgate.model.inventory import Format

_PLACE = Paths(
    linux=("/etc/codex/requirements.toml",),
    macos=("/etc/codex/requirements.toml",),
    windows=("${ProgramData:-C:/ProgramData}/OpenAI/Codex/requirements.toml",),
)


def _render(wanted: Wanted, os: str) -> tuple[Piece, ...]:
    path = path_of(_PLACE, os)
    if not wanted.exact or not path:
        return ()
    servers: dict[str, object] = {}
    for one in sorted(wanted.allowed, key=lambda one: one.name):
        identity = {"url": one.url} if one.url else {"command": one.argv[0]} if one.argv else None
        if identity is not None and is_text(one.name + "".join(identity.values())):
            servers.setdefault(one.name, {"identity": identity})
    does = "starts a server only under its name with its own launcher, or its own address"
    text = tomlkit.dumps({"mcp_servers": servers}) if servers else "[mcp_servers]\n"
    return (Piece(path, text.encode(), does, Format.TOML, (("mcp_servers",),)),)


NATIVE = Native(
    agent="codex",
    name="OpenAI Codex",
    place=_PLACE,
    abilities={
        Control.COMMAND: Ability(
            Can.YES,
            "`mcp_servers.NAME.identity.command`, without arguments: hence one launcher for each entry",
            Source.RUN,
        ),
        Control.URL: Ability(Can.YES, "`mcp_servers.NAME.identity.url`", Source.RUN),
        Control.NAME: Ability(Can.PARTLY, "a name counts only together with its command or address", Source.RUN),
        Control.HOOKS: Ability(Can.YES, "`allow_managed_hooks_only`, with `features.hooks` pinned", Source.RUN),
        Control.USER: Ability(Can.YES, "an empty `[mcp_servers]` lets none start", Source.RUN),
        Control.BYPASS: Ability(Can.YES, "`allowed_approval_policies`, `allowed_sandbox_modes`", Source.VENDOR),
    },
    render=_render,
    broken="Codex does not start",
    notes=(
        "Two entries of one name (a project's and the user's) share one identity: the other one is refused.",
        "A remote server that is reached through Callgate's own port has a secret address: it is on no list.",
        "Put `[mcp_servers]` into the organisation's own requirements.toml; its other tables stay.",
    ),
)
