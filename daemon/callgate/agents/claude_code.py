"""Pure: Claude Code, Anthropic's command line agent (and the desktop app's Code tab, which runs it)."""

from __future__ import annotations

from callgate.agents.adapter import NEEDS_ROOT, OVERWRITTEN, Agent, Paths, Place, same
from callgate.agents.builtin_tools import tools
from callgate.agents.hooking import CLAUDE_ASK, Hooks, Layout, Names, Phase, Spot
from callgate.agents.knob import Knob
from callgate.agents.shadow import Approval, Shadow
from callgate.agents.ways import About, Home, Option, Switch, Ways
from callgate.model.inventory import Format, Scope

_STATE = "${CLAUDE_CONFIG_DIR:-~}/.claude.json"
_HOME = "${CLAUDE_CONFIG_DIR:-~/.claude}"

AGENT = Agent(
    id="claude-code",
    name="Claude Code",
    executables=(
        "claude",
        "@anthropic-ai/claude-code*/",
        "claude/versions/*",
        "claude-code/*/claude",
        "!AnthropicClaude/",
    ),
    evidence=same(_STATE, _HOME, "~/.local/share/claude", "~/.local/bin/claude"),
    places=(
        Place(
            Scope.USER,
            same(_STATE),
            Format.JSON,
            "claude-state",
            note="also holds the local scope: servers of one project, private to the user",
        ),
        Place(
            Scope.PROJECT, same("{project}/.mcp.json"), Format.JSON, "claude", note="started once the user approves it"
        ),
        Place(
            Scope.PLUGIN,
            same(
                f"{_HOME}/plugins/cache/*/*/*/.mcp.json",
                f"{_HOME}/plugins/cache/*/*/.mcp.json",
                f"{_HOME}/plugins/repos/*/*/.mcp.json",
                f"{_HOME}/plugins/repos/*/.mcp.json",
                f"{_HOME}/plugins/synced/*/*/.mcp.json",
                f"{_HOME}/plugins/synced/*/.mcp.json",
            ),
            Format.JSON,
            "claude-plugin",
            unwrappable=OVERWRITTEN,
        ),
        Place(
            Scope.PLUGIN,
            same(
                f"{_HOME}/plugins/cache/*/*/*/.claude-plugin/plugin.json",
                f"{_HOME}/plugins/cache/*/*/.claude-plugin/plugin.json",
                f"{_HOME}/plugins/repos/*/*/.claude-plugin/plugin.json",
                f"{_HOME}/plugins/repos/*/.claude-plugin/plugin.json",
                f"{_HOME}/plugins/synced/*/*/.claude-plugin/plugin.json",
                f"{_HOME}/plugins/synced/*/.claude-plugin/plugin.json",
            ),
            Format.JSON,
            "claude",
            unwrappable=OVERWRITTEN,
        ),
        Place(
            Scope.SYSTEM,
            Paths(
                linux=("/etc/claude-code/managed-mcp.json",),
                macos=("/Library/Application Support/ClaudeCode/managed-mcp.json",),
                windows=("${ProgramFiles:-C:/Program Files}/ClaudeCode/managed-mcp.json",),
            ),
            Format.JSON,
            "claude",
            unwrappable=NEEDS_ROOT,
            note="where it exists, no other server is loaded",
        ),
    ),
    shadow=Shadow(
        file=_STATE,
        format=Format.JSON,
        at=("projects", "{project}", "mcpServers"),
        shape="claude-state",
        over=("{project}/.mcp.json",),
        approvals=(
            Approval(_STATE, Format.JSON, ("projects", "{project}")),
            Approval(f"{_HOME}/settings.json", Format.JSON),
            Approval("{project}/.claude/settings.json", Format.JSON, in_project=True),
            Approval("{project}/.claude/settings.local.json", Format.JSON, in_project=True),
        ),
        every_key="enableAllProjectMcpServers",
        names_key="enabledMcpjsonServers",
        refused_key="disabledMcpjsonServers",
        trust_at=("projects", "{project}", "hasTrustDialogAccepted"),
    ),
    hooks=Hooks(
        events={
            "PreToolUse": Phase.ASK,
            "PostToolUse": Phase.DONE,
            "PostToolUseFailure": Phase.FAILED,
            "UserPromptSubmit": Phase.PROMPT,
            "SessionStart": Phase.BEGIN,
            "SessionEnd": Phase.END,
        },
        tools=tools(
            runs="Bash PowerShell Monitor",
            read="Read Glob Grep LS NotebookRead LSP",
            write="Write Edit MultiEdit NotebookEdit",
            fetch="WebFetch WebSearch",
        ),
        names=Names("mcp__", "__"),
        spot=Spot(f"{_HOME}/settings.json", Layout.GROUPS, off=("disableAllHooks",)),
        managed=Spot("/etc/claude-code/managed-settings.d/50-callgate.json", Layout.GROUPS, own=True),
        ask=CLAUDE_ASK,
        proven=True,
        note="A project's settings can switch user hooks off (disableAllHooks), managed ones not.",
    ),
    knobs=(
        Knob((f"{_HOME}/settings.json",), Format.JSONC, ("env", "ANTHROPIC_BASE_URL"), "https://api.anthropic.com"),
    ),
    ways=Ways(
        options=(
            Option(("--mcp-config", "--plugin-dir", "--plugin-url"), About.SERVERS),
            Option(("--settings", "--setting-sources"), About.SETTINGS),
            Option(("--bare", "--safe-mode"), About.HOOKS),
        ),
        homes=(Home("CLAUDE_CONFIG_DIR", ""),),
        model=("ANTHROPIC_BASE_URL",),
        switches=tuple(
            switch
            for file in (
                f"{_HOME}/settings.json",
                "{project}/.claude/settings.json",
                "{project}/.claude/settings.local.json",
            )
            for switch in (
                Switch((file,), Format.JSON, ("disableAllHooks",), About.HOOKS, True),
                *(
                    (Switch((file,), Format.JSON, ("env", "ANTHROPIC_BASE_URL"), About.MODEL),)
                    if "{project}" in file
                    else ()
                ),
            )
        ),
    ),
    docs="https://code.claude.com/docs/en/mcp",
    blind="claude.ai connectors, which come with the login, and servers given with --mcp-config are in no file.",
)
