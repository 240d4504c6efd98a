"""Pure: other products that stand between agents and servers, as they appear in a command line.

Their entries are wrapped like any other: our gate then stands in front of theirs and sees every call. What cannot be
seen is said: which server runs behind them, and, for those that gather many servers into one, whose tool it is.
"""

from __future__ import annotations

from collections.abc import Sequence

_LINES = (
    (("thv",), "ToolHive"),
    (("docker", "mcp", "gateway"), "the Docker MCP gateway"),
    (("mcp-proxy",), "mcp-proxy"),
    (("mcpproxy",), "mcpproxy"),
    (("pipelock",), "Pipelock"),
    (("agentkeeper",), "AgentKeeper"),
    (("context-protector",), "context-protector"),
    (("mcp-context-protector",), "context-protector"),
    (("snyk-agent-scan",), "agent-scan"),
    (("mcp-scan",), "agent-scan"),
    (("agentgateway",), "agentgateway"),
    (("mcp-gateway",), "an MCP gateway"),
)
_STARTERS = ("npx", "bunx", "uvx", "pipx", "uv", "run", "tool", "dlx", "pnpm", "yarn", "cmd", "/c", "-y", "--yes", "--")


def gateway(argv: Sequence[str]) -> str:
    """A sentence if the command line starts another product's gateway or wrapper, else ""."""
    words = [_name(word) for word in argv]
    while words and words[0] in _STARTERS:
        words = words[1:]
    for line, name in _LINES:
        if tuple(words[: len(line)]) == line:
            return f"it starts {name}: Callgate sees the calls, but not which server is behind it"
    return ""


def _name(word: str) -> str:
    """The program or package that a word names, without folder, version and ending."""
    name = word if word.startswith(("/c", "-")) else word.replace("\\", "/").rpartition("/")[2]
    return name.partition("@")[0].removesuffix(".exe").removesuffix(".cmd").lower()
