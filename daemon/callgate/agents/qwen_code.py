"""Pure: Qwen Code."""

from __future__ import annotations

from callgate.agents.adapter import NEEDS_ROOT, OVERWRITTEN, Agent, Paths, Place, same
from callgate.agents.builtin_tools import tools
from callgate.agents.hooking import Hooks, Layout, Names, Phase, Spot
from callgate.agents.knob import Knob
from callgate.agents.ways import About, Home, Switch, Ways
from callgate.model.inventory import Format, Scope

_HOME = "${QWEN_HOME:-~/.qwen}"

AGENT = Agent(
    id="qwen-code",
    name="Qwen Code",
    executables=("qwen", "@qwen-code/qwen-code*/"),
    evidence=same(_HOME),
    places=(
        Place(Scope.USER, same(f"{_HOME}/settings.json"), Format.JSONC, "gemini"),
        Place(Scope.PROJECT, same("{project}/.qwen/settings.json"), Format.JSONC, "gemini"),
        Place(
            Scope.PLUGIN,
            same(f"{_HOME}/extensions/*/qwen-extension.json", f"{_HOME}/extensions/*/gemini-extension.json"),
            Format.JSONC,
            "gemini",
            unwrappable=OVERWRITTEN,
        ),
        Place(
            Scope.SYSTEM,
            Paths(
                linux=(
                    "${QWEN_CODE_SYSTEM_SETTINGS_PATH:-/etc/qwen-code/settings.json}",
                    "${QWEN_CODE_SYSTEM_DEFAULTS_PATH:-/etc/qwen-code/system-defaults.json}",
                ),
                macos=(
                    "${QWEN_CODE_SYSTEM_SETTINGS_PATH:-/Library/Application Support/QwenCode/settings.json}",
                    "${QWEN_CODE_SYSTEM_DEFAULTS_PATH:-/Library/Application Support/QwenCode/system-defaults.json}",
                ),
                windows=(
                    "${QWEN_CODE_SYSTEM_SETTINGS_PATH:-C:/ProgramData/qwen-code/settings.json}",
                    "${QWEN_CODE_SYSTEM_DEFAULTS_PATH:-C:/ProgramData/qwen-code/system-defaults.json}",
                ),
            ),
            Format.JSONC,
            "gemini",
            unwrappable=NEEDS_ROOT,
        ),
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
            runs="run_shell_command",
            read="read_file read_many_files list_directory glob grep_search search_file_content",
            write="write_file edit replace notebook_edit",
            fetch="web_fetch web_search",
        ),
        names=Names("mcp__", "__"),
        spot=Spot(f"{_HOME}/settings.json", Layout.GROUPS, format=Format.JSONC, timeout=("timeout", 10_000)),
        proven=True,
        note="A project's settings can switch them off (disableAllHooks).",
    ),
    knobs=(Knob((f"{_HOME}/.env",), Format.DOTENV, ("OPENAI_BASE_URL",)),),
    ways=Ways(
        homes=(Home("QWEN_HOME", "~/.qwen"), Home("QWEN_CODE_SYSTEM_SETTINGS_PATH", "")),
        model=("OPENAI_BASE_URL",),
        switches=(
            Switch(
                (f"{_HOME}/settings.json", "{project}/.qwen/settings.json"),
                Format.JSONC,
                ("disableAllHooks",),
                About.HOOKS,
                True,
            ),
            Switch(("{project}/.qwen/.env", "{project}/.env"), Format.DOTENV, ("OPENAI_BASE_URL",), About.MODEL),
        ),
    ),
    docs="https://qwenlm.github.io/qwen-code-docs/en/users/features/mcp",
)
