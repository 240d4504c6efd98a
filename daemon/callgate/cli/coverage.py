"""`callgate coverage`: which ways of the agents pass the gate, as far as that was proved."""

from __future__ import annotations

from typing import Any

from callgate.cli import text
from callgate.cli.show import AsJson, client
from callgate.cli.text import cell, clock, say, show_json

CHANNELS = {
    "stdio": "stdio MCP",
    "http": "HTTP MCP",
    "tools": "shell and file tools",
    "model": "model",
    "processes": "processes",
    "files": "files",
}
WORDS = {
    "enforced": ("enforced", "green"),
    "observed": ("observed", "cyan"),
    "unproved": ("configured, unproved", "yellow"),
    "uncovered": ("uncovered", "red"),
    "nothing": ("nothing to cover", "dim"),
}


def coverage(as_json: AsJson = False) -> None:
    """Show which ways of each agent pass the gate: enforced (proved at T), observed, unproved or uncovered."""
    found = client().coverage()
    if as_json:
        show_json(found)
        return
    show_coverage(found)


def show_coverage(found: dict[str, Any]) -> None:
    """The matrix, as `coverage` prints it."""
    if not found["cells"]:
        say("no coding agent was found")
        return
    shown = text.table("agent", "channel", "state", "evidence and next step")
    last = ""
    for one in found["cells"]:
        word, style = WORDS[one["state"]]
        if one["time"]:
            word += f" (proved at {clock(one['time']).partition('.')[0]})"
        evidence = one["evidence"] + (f" → {one['step']}" if one["step"] else "")
        agent = one["agent"] if one["agent"] != last else ""
        shown.add_row(cell(agent, "bold"), cell(CHANNELS[one["channel"]]), cell(word, style), cell(evidence, "dim"))
        last = one["agent"]
    text.console.print(shown)
