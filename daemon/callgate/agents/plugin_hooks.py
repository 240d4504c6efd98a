"""Pure: the hooks of agents that take only plugins: ours (hooks/plugin.js) tells their events by these names."""

from __future__ import annotations

from callgate.agents.builtin_tools import tools
from callgate.agents.hooking import Hooks, Layout, Names, Phase, Spot


def plugin(folder: str, *, proven: bool) -> Hooks:
    """The hooks of an agent that loads plugins from `folder`."""
    return Hooks(
        events={"PreToolUse": Phase.ASK, "PostToolUse": Phase.DONE, "UserPromptSubmit": Phase.PROMPT},
        tools=tools(
            runs="bash",
            read="read grep glob list lsp",
            write="write edit patch multiedit apply_patch",
            fetch="webfetch websearch codesearch",
            other="task todowrite todoread skill question plan_exit plan_enter batch invalid",
        ),
        names=Names("", "_", sure=False),
        spot=Spot(f"{folder}/callgate.js", Layout.PLUGIN, own=True),
        proven=proven,
        fails="open: a plugin that does not load is skipped; once loaded, ours refuses when the gate cannot be asked",
        note="Started with --pure the agent loads no plugins.",
    )
