"""Pure: OpenAI Codex, whose command line, IDE extension and desktop app share one file."""

from __future__ import annotations

from callgate.agents.adapter import NEEDS_ROOT, OVERWRITTEN, Agent, Paths, Place, same
from callgate.agents.builtin_tools import tools
from callgate.agents.hooking import Hooks, Layout, Names, Phase, Spot
from callgate.agents.knob import ANY, Knob
from callgate.agents.ways import About, Home, Option, Switch, Ways
from callgate.model.inventory import Format, Scope

_HOME = "${CODEX_HOME:-~/.codex}"

AGENT = Agent(
    id="codex",
    name="OpenAI Codex",
    executables=("codex", "@openai/codex*/", "Codex.app/"),
    evidence=same(_HOME),
    places=(
        Place(Scope.USER, same(f"{_HOME}/config.toml"), Format.TOML, "codex"),
        Place(Scope.USER, same(f"{_HOME}/*.config.toml"), Format.TOML, "codex", note="one file per profile"),
        Place(Scope.PROJECT, same("{project}/.codex/config.toml"), Format.TOML, "codex", note="in trusted projects"),
        Place(
            Scope.PLUGIN,
            same(f"{_HOME}/plugins/cache/*/*/*/.mcp.json"),
            Format.JSONC,
            "claude-plugin",
            unwrappable=OVERWRITTEN,
        ),
        Place(
            Scope.SYSTEM,
            Paths(
                linux=("/etc/codex/config.toml", "/etc/codex/managed_config.toml"),
                macos=("/etc/codex/config.toml", "/etc/codex/managed_config.toml"),
                windows=(
                    "${ProgramData:-C:/ProgramData}/OpenAI/Codex/config.toml",
                    f"{_HOME}/managed_config.toml",
                ),
            ),
            Format.TOML,
            "codex",
            unwrappable=NEEDS_ROOT,
        ),
    ),
    hooks=Hooks(
        events={
            "PreToolUse": Phase.ASK,
            "PostToolUse": Phase.DONE,
            "UserPromptSubmit": Phase.PROMPT,
            "SessionStart": Phase.BEGIN,
            "SessionEnd": Phase.END,
        },
        tools=tools(runs="Bash", read="view_image", write="apply_patch", fetch="web_search"),
        names=Names("mcp__", "__"),
        spot=Spot(
            f"{_HOME}/hooks.json",
            Layout.GROUPS,
            trust="Codex does not run it before you trust it: start codex and confirm its question (or /hooks).",
        ),
        proven=True,
        note="Whether the hooks are trusted is Codex's own secret; the first row of a session in the log shows it.",
    ),
    knobs=(Knob((f"{_HOME}/config.toml",), Format.TOML, ("model_providers", ANY, "base_url")),),
    ways=Ways(
        options=(
            Option(("-c mcp_servers*", "--config mcp_servers*"), About.SERVERS),
            Option(("--disable hooks", "-c features.hooks*", "--config features.hooks*"), About.HOOKS),
            Option(
                tuple(f"{word} {key}*" for word in ("-c", "--config") for key in ("model_provider", "openai_base_url")),
                About.MODEL,
            ),
        ),
        homes=(Home("CODEX_HOME", "~/.codex"),),
        model=("OPENAI_BASE_URL",),
        switches=(
            Switch(
                (f"{_HOME}/config.toml", "{project}/.codex/config.toml"),
                Format.TOML,
                ("features", "hooks"),
                About.HOOKS,
                False,
            ),
            Switch(("{project}/.codex/config.toml",), Format.TOML, ("openai_base_url",), About.MODEL),
            Switch(("{project}/.codex/config.toml",), Format.TOML, ("model_providers", ANY, "base_url"), About.MODEL),
        ),
    ),
    docs="https://developers.openai.com/codex/mcp",
    blind="Servers given with -c on the command line, and those of a configuration profile of device management, "
    "are in no file.",
)
