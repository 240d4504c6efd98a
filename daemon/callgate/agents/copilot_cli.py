"""Pure: GitHub Copilot's command line agent and app."""

from __future__ import annotations

from callgate.agents.adapter import OVERWRITTEN, Agent, Place, same
from callgate.agents.builtin_tools import tools
from callgate.agents.hooking import REASON, Hooks, Layout, Names, Output, Phase, Spot
from callgate.agents.ways import About, Home, Option, Switch, Ways
from callgate.model.inventory import Format, Scope

_HOME = "${COPILOT_HOME:-~/.copilot}"


def _spot(path: str) -> Spot:
    return Spot(path, Layout.FLAT, own=True, command="bash", timeout=("timeoutSec", 10), head={"version": 1})


def _decision(word: str) -> Output:
    return Output(json={"permissionDecision": word, "permissionDecisionReason": REASON})


AGENT = Agent(
    id="copilot-cli",
    name="GitHub Copilot CLI",
    executables=("copilot", "@github/copilot*/", ".cache/copilot/pkg/"),
    evidence=same(_HOME),
    places=(
        Place(
            Scope.USER,
            same(f"{_HOME}/mcp-config.json"),
            Format.JSONC,
            "claude",
            note="the Copilot app and VS Code's Copilot harness read it too",
        ),
        Place(
            Scope.PROJECT,
            same("{project}/.mcp.json", "{project}/.github/mcp.json"),
            Format.JSONC,
            "claude",
            note="in trusted folders",
        ),
        Place(
            Scope.PLUGIN,
            same(f"{_HOME}/installed-plugins/*/*/.mcp.json", f"{_HOME}/installed-plugins/*/*/mcp.json"),
            Format.JSONC,
            "claude-plugin",
            unwrappable=OVERWRITTEN,
        ),
    ),
    hooks=Hooks(
        events={
            "preToolUse": Phase.ASK,
            "postToolUse": Phase.DONE,
            "postToolUseFailure": Phase.FAILED,
            "userPromptSubmitted": Phase.PROMPT,
            "sessionStart": Phase.BEGIN,
            "sessionEnd": Phase.END,
        },
        tools=tools(
            runs="bash powershell write_bash write_powershell",
            read="view read_bash glob grep rg",
            write="create edit str_replace str_replace_editor apply_patch write",
            fetch="web_fetch web_search",
        ),
        names=Names("", "-", sure=False),
        brings=("github-mcp-server", "githubiq"),
        spot=_spot(f"{_HOME}/hooks/callgate.json"),
        managed=_spot("/etc/github-copilot/policy.d/callgate.json"),
        deny=_decision("deny"),
        ask=_decision("ask"),
        fails="closed: a hook that crashes or is missing stops the tool; one that is late does not",
        proven=True,
        note="The GitHub servers that come with it cannot be wrapped, so their calls are refused in enforce mode.",
    ),
    ways=Ways(
        options=(Option(("--additional-mcp-config",), About.SERVERS),),
        homes=(Home("COPILOT_HOME", "~/.copilot"),),
        model=("COPILOT_PROVIDER_BASE_URL",),
        switches=(
            Switch(
                (f"{_HOME}/config.json", "{project}/.github/copilot/settings.json"),
                Format.JSONC,
                ("disableAllHooks",),
                About.HOOKS,
                True,
            ),
        ),
    ),
    docs="https://docs.github.com/en/copilot/how-tos/use-copilot-agents/use-copilot-cli",
    blind="The GitHub server that is built in, and servers given with --additional-mcp-config, are in no file.",
)
