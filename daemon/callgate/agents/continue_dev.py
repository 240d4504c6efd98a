"""Pure: Continue: editor extension and the command line agent cn."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Place, same
from callgate.model.inventory import Format, Scope

_HOME = "${CONTINUE_GLOBAL_DIR:-~/.continue}"

AGENT = Agent(
    id="continue",
    name="Continue",
    executables=("@continuedev/cli/", "bin/cn", ".bin/cn"),
    evidence=same(_HOME),
    places=(
        Place(Scope.USER, same(f"{_HOME}/config.yaml"), Format.YAML, "continue"),
        Place(Scope.USER, same(f"{_HOME}/config.json"), Format.JSONC, "continue", note="older form"),
        Place(Scope.USER, same(f"{_HOME}/mcpServers/*.yaml", f"{_HOME}/mcpServers/*.yml"), Format.YAML, "continue"),
        Place(Scope.USER, same(f"{_HOME}/mcpServers/*.json"), Format.JSONC, "continue"),
        Place(
            Scope.PROJECT,
            same("{project}/.continue/mcpServers/*.yaml", "{project}/.continue/mcpServers/*.yml"),
            Format.YAML,
            "continue",
        ),
        Place(Scope.PROJECT, same("{project}/.continue/mcpServers/*.json"), Format.JSONC, "continue"),
    ),
    docs="https://docs.continue.dev/customize/deep-dives/mcp",
    blind="Servers of an assistant or block from Continue's hub are in no file; as an extension Continue runs inside "
    "the editor's processes, which are then named as the caller.",
)
