"""Pure: Cline, as command line and as extension of editors."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Paths, Place, app_data, same
from callgate.agents.builtin_tools import tools
from callgate.agents.hooking import REASON, Hooks, Keys, Layout, Names, Output, Phase, Spot
from callgate.agents.knob import ANY, Knob
from callgate.agents.ways import Home, Ways
from callgate.model.inventory import Format, Scope

_EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")
_STORAGE = "User/globalStorage/saoudrizwan.claude-dev"
_OWN = ("${CLINE_DIR:-~/.cline}",)
_EXTENSION = app_data(_STORAGE, *_EDITORS)

AGENT = Agent(
    id="cline",
    name="Cline",
    executables=("cline", "@cline/cli*/", "node_modules/cline/"),
    evidence=Paths((*_OWN, *_EXTENSION.linux), (*_OWN, *_EXTENSION.macos), (*_OWN, *_EXTENSION.windows)),
    places=(
        Place(
            Scope.USER,
            same(
                "${CLINE_MCP_SETTINGS_PATH}",
                "${CLINE_DATA_DIR}/settings/cline_mcp_settings.json",
                "${CLINE_DIR:-~/.cline}/data/settings/cline_mcp_settings.json",
            ),
            Format.JSON,
            "cline",
            note="command line, JetBrains and newer VS Code builds",
        ),
        Place(
            Scope.USER,
            app_data(f"{_STORAGE}/settings/cline_mcp_settings.json", *_EDITORS),
            Format.JSONC,
            "cline",
            note="older builds of the editor extension",
        ),
        Place(
            Scope.USER,
            same("~/Documents/Cline/MCP/cline_mcp_settings.json", "~/.cline/mcp.json"),
            Format.JSONC,
            "cline",
            note="named by the vendor's documents; the builds that were tried do not read them",
        ),
    ),
    hooks=Hooks(
        events={
            "PreToolUse": Phase.ASK,
            "PostToolUse": Phase.DONE,
            "UserPromptSubmit": Phase.PROMPT,
            "TaskStart": Phase.BEGIN,
            "TaskComplete": Phase.END,
        },
        tools=tools(
            runs="run_commands execute_command",
            read="read_files read_file list_files search_files search_codebase",
            write="editor write_to_file replace_in_file apply_patch",
            fetch="fetch_web_content web_fetch",
        ),
        names=Names("", "__", sure=False),
        spot=Spot(f"{_OWN[0]}/hooks", Layout.SCRIPTS, own=True),
        keys=Keys(
            tool=(("tool_call", "name"), ("tool_result", "name"), ("preToolUse", "toolName")),
            arguments=(("tool_call", "input"), ("tool_result", "input"), ("preToolUse", "parameters")),
            use=(("tool_call", "id"), ("tool_result", "id")),
            session=(("sessionContext", "rootSessionId"), ("taskId",)),
            cwd=(("workspaceInfo", "rootPath"), ("workspaceRoots", "0")),
            prompt=(("userPromptSubmit", "prompt"), ("prompt",)),
            response=(("tool_result", "output"),),
        ),
        deny=Output(json={"cancel": True, "errorMessage": REASON}),
        proven=True,
        note="A refusal ends the whole task, and the model is not told the reason: the agent knows no other way.",
    ),
    knobs=(
        Knob(
            ("${CLINE_DIR:-~/.cline}/data/settings/providers.json",),
            Format.JSON,
            ("providers", ANY, "settings", "baseUrl"),
        ),
    ),
    ways=Ways(homes=(Home("CLINE_DIR", "~/.cline"), Home("CLINE_MCP_SETTINGS_PATH", ""), Home("CLINE_DATA_DIR", ""))),
    docs="https://docs.cline.bot/mcp/configuring-mcp-servers",
    blind="As an extension Cline runs inside the editor's processes, which are then named as the caller; servers of "
    "its cloud's remote configuration are in no file.",
)
