"""Pure: Augment: the Auggie command line and the editor extensions."""

from __future__ import annotations

from callgate.agents.adapter import NEEDS_ROOT, Agent, Paths, Place, same
from callgate.model.inventory import Format, Scope

AGENT = Agent(
    id="auggie",
    name="Augment (Auggie)",
    executables=("auggie", "@augmentcode/auggie*/"),
    evidence=same("~/.augment"),
    places=(
        Place(Scope.USER, same("~/.augment/settings.json"), Format.JSONC, "claude"),
        Place(
            Scope.PROJECT,
            same("{project}/.augment/settings.json", "{project}/.augment/settings.local.json"),
            Format.JSONC,
            "claude",
        ),
        Place(
            Scope.SYSTEM,
            Paths(
                linux=("/etc/augment/settings.json",),
                macos=("/etc/augment/settings.json",),
                windows=("${ProgramData:-C:/ProgramData}/augment/settings.json",),
            ),
            Format.JSONC,
            "claude",
            unwrappable=NEEDS_ROOT,
        ),
    ),
    docs="https://docs.augmentcode.com/setup-augment/mcp",
    blind="Servers of the tenant and of the account are in the cloud, in no file.",
)
