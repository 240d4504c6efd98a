"""Pure: Amazon Q Developer: command line and IDE plugins."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Place, same
from callgate.model.inventory import Format, Scope

AGENT = Agent(
    id="amazon-q",
    name="Amazon Q Developer",
    executables=("qchat", "bin/q"),
    evidence=same("~/.aws/amazonq"),
    places=(
        Place(
            Scope.USER,
            same(
                "~/.aws/amazonq/cli-agents/*.json",
                "~/.aws/amazonq/agents/*.json",
            ),
            Format.JSONC,
            "claude",
            note="one file per agent; those in agents/ are the IDE plugins'",
        ),
        Place(Scope.USER, same("~/.aws/amazonq/mcp.json"), Format.JSONC, "claude", note="older form"),
        Place(Scope.PROJECT, same("{project}/.amazonq/cli-agents/*.json"), Format.JSONC, "claude"),
        Place(
            Scope.PROJECT,
            same("{project}/.amazonq/default.json", "{project}/.amazonq/mcp.json"),
            Format.JSONC,
            "claude",
            note="the IDE plugins' file and the older form",
        ),
    ),
    docs="https://docs.aws.amazon.com/amazonq/latest/qdeveloper-ug/mcp.html",
)
