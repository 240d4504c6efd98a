"""`callgate tree`: the live processes of each agent, with the call that started each."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.tree import Tree

from callgate.cli import text
from callgate.cli.harmless import clean
from callgate.cli.show import AsJson, client
from callgate.cli.text import cell, plural, say, show_json

LINE_MAX = 100
"""Characters of a command line on a terminal; `--json` gives all."""


def tree(
    session: Annotated[str, typer.Option(help="Only this session.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the live processes of each agent, with the tool call that started each."""
    found = client().tree(session)
    if as_json:
        show_json(found)
        return
    if not found["sessions"]:
        say("no such session runs" if session else "no agent runs")
    for one in found["sessions"]:
        _show(one)
    if found["source"] == "polling":
        say("[dim]processes are seen by polling ({why}): what lives shorter than a look is missed[/]", why=found["why"])


def _show(one: dict[str, Any]) -> None:
    title = cell(one["agent"], "bold").append_text(cell(f"  session {one['session']}", "dim"))
    if not one["running"]:
        title.append_text(cell("  it has ended; this is left", "yellow"))
    top = Tree(title, guide_style="dim")
    branches: dict[int, Tree] = {}
    for each in one["processes"]:
        above = branches.get(each["parent"], top)
        branches[each["pid"]] = above.add(_line(each))
    text.console.print(top)
    missed = one["short"] + one["left_out"]
    seen = plural(one["seen"], "process").replace("processs", "processes")
    say(
        "[dim]{seen} so far[/]" + (", [yellow]{missed} could not be looked at[/]" if missed else ""),
        seen=seen,
        missed=missed,
    )


def _line(each: dict[str, Any]) -> Any:
    words = clean(" ".join(each["argv"]) or each["exe"])
    line = cell(f"{each['pid']} ", "dim").append_text(cell(words[:LINE_MAX] + ("..." if words[LINE_MAX:] else "")))
    return line.append_text(cell(f"  {_why(each)}", "cyan"))


def _why(each: dict[str, Any]) -> str:
    call = f", event {each['uid']}" if each["uid"] else ""
    if each["cause"] == "call":
        return f"call of {each['tool']}{call} ({each['by']})"
    if each["cause"] == "server":
        return f"below the server {each['entry']}" + (f": {each['tool']}{call}" if each["tool"] else "")
    return {"shim": f"shim of {each['entry']}", "hook": "hook", "agent": "the agent itself"}.get(each["cause"], "")
