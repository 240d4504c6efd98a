"""Pure: the managed settings of GitHub Copilot, which several of its hosts read."""

from __future__ import annotations

from callgate.agents.adapter import Paths
from callgate.agents.native.control import Ability, Can, Control, Native, Piece, Source, Wanted, path_of
from callgate.agents.native.forms import allowed_matchers, denied_matchers, json_piece

_PLACE = Paths(
    linux=("/etc/github-copilot/managed-settings.json",),
    macos=("/Library/Application Support/GitHubCopilot/managed-settings.json",),
    windows=("${ProgramFiles:-C:/Program Files}/GitHubCopilot/managed-settings.json",),
)
_ALLOWED, _DENIED = "allowedMcpServers", "deniedMcpServers"


def _render(wanted: Wanted, os: str) -> tuple[Piece, ...]:
    value: dict[str, object] = {}
    allowed = allowed_matchers(wanted)
    if allowed is not None:
        value[_ALLOWED] = allowed
    denied = denied_matchers(wanted)
    if denied or allowed is not None:  # an empty one too: it takes the place of an older one
        value[_DENIED] = denied
    if not value:
        return ()
    does = "starts only the exact command lines of our launchers and reaches only approved addresses"
    if allowed is None:
        does = "refuses what the registry denies"
    return json_piece(path_of(_PLACE, os), value, does, ((_ALLOWED,), (_DENIED,)))


NATIVE = Native(
    agent="copilot-cli",
    name="GitHub Copilot CLI",
    place=_PLACE,
    abilities={
        Control.COMMAND: Ability(
            Can.YES, "`allowedMcpServers` `serverCommand`: the whole command line, word by word", Source.RUN
        ),
        Control.URL: Ability(Can.YES, "`serverUrl`, with `*`", Source.RUN),
        Control.NAME: Ability(Can.YES, "`serverName`; used to deny only, a name is a label", Source.RUN),
        Control.HOOKS: Ability(
            Can.PARTLY, "hooks in `/etc/github-copilot/policy.d` run first; the user's own run too", Source.VENDOR
        ),
        Control.USER: Ability(
            Can.PARTLY, "an empty `allowedMcpServers`; the built-in GitHub server stays", Source.VENDOR
        ),
        Control.BYPASS: Ability(Can.UNKNOWN, "`permissions` exists; not tried", Source.VENDOR),
    },
    render=_render,
    broken="no server but the built-in one starts",
    covers=("vscode",),
    notes=(
        "The Copilot CLI and app, VS Code and the JetBrains plugin read this one file, so it lists the entries of all "
        "of them that Callgate knows. Allow lists of several sources are intersected, deny lists united.",
        "Servers of the JetBrains plugin are not known to Callgate and are refused once this file is there.",
    ),
)
