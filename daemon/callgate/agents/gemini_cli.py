"""Pure: Gemini CLI."""

from __future__ import annotations

from callgate.agents.adapter import NEEDS_ROOT, OVERWRITTEN, Agent, Paths, Place, same
from callgate.agents.builtin_tools import tools
from callgate.agents.hooking import REASON, Hooks, Layout, Names, Output, Phase, Spot
from callgate.agents.knob import Knob
from callgate.agents.ways import About, Home, Switch, Ways
from callgate.model.inventory import Format, Scope

_HOME = "${GEMINI_CLI_HOME:-~}/.gemini"

AGENT = Agent(
    id="gemini-cli",
    name="Gemini CLI",
    executables=("gemini", "@google/gemini-cli*/"),
    evidence=same(f"{_HOME}/settings.json", f"{_HOME}/extensions", f"{_HOME}/history"),
    places=(
        Place(Scope.USER, same(f"{_HOME}/settings.json"), Format.JSONC, "gemini"),
        Place(
            Scope.PROJECT, same("{project}/.gemini/settings.json"), Format.JSONC, "gemini", note="in trusted folders"
        ),
        Place(
            Scope.PLUGIN,
            same(f"{_HOME}/extensions/*/gemini-extension.json"),
            Format.JSONC,
            "gemini",
            unwrappable=OVERWRITTEN,
        ),
        Place(
            Scope.SYSTEM,
            Paths(
                linux=(
                    "${GEMINI_CLI_SYSTEM_SETTINGS_PATH:-/etc/gemini-cli/settings.json}",
                    "${GEMINI_CLI_SYSTEM_DEFAULTS_PATH:-/etc/gemini-cli/system-defaults.json}",
                ),
                macos=(
                    "${GEMINI_CLI_SYSTEM_SETTINGS_PATH:-/Library/Application Support/GeminiCli/settings.json}",
                    "${GEMINI_CLI_SYSTEM_DEFAULTS_PATH:-/Library/Application Support/GeminiCli/system-defaults.json}",
                ),
                windows=(
                    "${GEMINI_CLI_SYSTEM_SETTINGS_PATH:-C:/ProgramData/gemini-cli/settings.json}",
                    "${GEMINI_CLI_SYSTEM_DEFAULTS_PATH:-C:/ProgramData/gemini-cli/system-defaults.json}",
                ),
            ),
            Format.JSONC,
            "gemini",
            unwrappable=NEEDS_ROOT,
            note="wins over the user's servers of the same name",
        ),
    ),
    hooks=Hooks(
        events={
            "BeforeTool": Phase.ASK,
            "AfterTool": Phase.DONE,
            "BeforeAgent": Phase.PROMPT,
            "SessionStart": Phase.BEGIN,
            "SessionEnd": Phase.END,
        },
        tools=tools(
            runs="run_shell_command",
            read="read_file read_many_files list_directory glob search_file_content grep_search",
            write="write_file replace edit",
            fetch="web_fetch google_web_search",
        ),
        names=Names("mcp_", "_"),
        spot=Spot(
            f"{_HOME}/settings.json",
            Layout.GROUPS,
            format=Format.JSONC,
            timeout=("timeout", 10_000),
            extra={"name": "callgate"},
            matcher="*",
        ),
        deny=Output(json={"decision": "deny", "reason": REASON}),
        proven=True,
        note="A setting of the user's (hooksConfig) can switch them off.",
    ),
    knobs=(
        Knob(
            (f"{_HOME}/.env",),
            Format.DOTENV,
            ("GOOGLE_GEMINI_BASE_URL",),
            "https://generativelanguage.googleapis.com",
        ),
    ),
    ways=Ways(
        homes=(Home("GEMINI_CLI_HOME", "~"), Home("GEMINI_CLI_SYSTEM_SETTINGS_PATH", "")),
        model=("GOOGLE_GEMINI_BASE_URL",),
        switches=(
            Switch((f"{_HOME}/settings.json",), Format.JSONC, ("hooksConfig", "enabled"), About.HOOKS, False),
            Switch(
                ("{project}/.gemini/.env", "{project}/.env"),
                Format.DOTENV,
                ("GOOGLE_GEMINI_BASE_URL",),
                About.MODEL,
            ),
        ),
    ),
    docs="https://geminicli.com/docs/tools/mcp-server",
)
