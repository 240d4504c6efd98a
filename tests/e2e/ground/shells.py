"""How each real agent's own shell is called, and what its command line needs so that shell and hooks work."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ground.agents import ENTRY, Agent


@dataclass(frozen=True)
class Shell:
    """How an agent's own shell is called, and what its command line needs for that."""

    tool: str
    field: str
    many: bool = False
    arguments: tuple[str, ...] = ()
    tells: bool = True
    """The model is told why it was refused."""

    def call(self, command: str) -> dict[str, Any]:
        said: dict[str, Any] = {self.field: [command] if self.many else command}
        return said if self.many or self.field == "cmd" else said | {"description": "run it"}


SHELLS = {
    "claude-code": Shell("Bash", "command", arguments=("--allowedTools", f"Bash,mcp__{ENTRY}__echo")),
    "codex": Shell("exec_command", "cmd", arguments=("--dangerously-bypass-hook-trust",)),
    "gemini-cli": Shell("run_shell_command", "command"),
    "copilot-cli": Shell("bash", "command"),
    "opencode": Shell("bash", "command"),
    "qwen-code": Shell("run_shell_command", "command"),
    "cline": Shell("run_commands", "commands", many=True, tells=False),
}


def prepared(agent: Agent) -> Agent:
    """The agent with the arguments that its hooks and its shell need."""
    more = SHELLS[agent.id].arguments
    if agent.id == "claude-code":
        return replace(agent, arguments=(*agent.arguments[:2], *more))
    return replace(agent, arguments=(*agent.arguments[:-1], *more, agent.arguments[-1]) if more else agent.arguments)
