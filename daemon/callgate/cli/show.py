"""Commands that only look: status, agents, servers, explain."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any

import typer
from rich.text import Text

from callgate.cli import text
from callgate.cli.harmless import clean
from callgate.cli.text import cell, clock, mark, plural, say, show_json
from callgate.client import Client
from callgate.system.paths import folders

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

BROKEN = {
    "server.version": "another version",
    "server.digest": "changed files",
    "server.arguments": "other arguments",
    "server.environment": "a variable",
    "server.lookalike": "a lookalike",
}
"""What of an approval does not hold, by rule."""


def client() -> Client:
    """The daemon of this environment."""
    return Client(folders(os.environ).api_socket)


def status(as_json: AsJson = False) -> None:
    """Show whether the gate is up, what it governs, and what is wrong."""
    found = client().status()
    if as_json:
        show_json(found)
        return
    say(
        "[bold]Callgate {v}[/]  [green]running[/], pid {pid}, since {since}",
        v=found["version"],
        pid=found["pid"],
        since=clock(found["started"]),
    )
    meaning = "nothing is blocked" if found["mode"] == "observe" else "what is not allowed is blocked"
    say(
        "mode      [bold]{mode}[/] ({meaning}), on_doubt {doubt}",
        mode=found["mode"],
        meaning=meaning,
        doubt=found["on_doubt"],
    )
    states = ", ".join(f"{count} {state}" for state, count in found["servers"].items()) or "none found"
    say("agents    {agents}, server entries: {states}", agents=found["agents"], states=states)
    said = {state: ", ".join(agents) for state, agents in found["hooks"].items()}
    if said:
        words = {
            "installed": "{agents}",
            "absent": "[yellow]not installed[/] in {agents}",
            "left": "[yellow]left[/] {agents}",
        }
        for state, agents in said.items():
            say("hooks     " + words[state], agents=agents)
    say("shims     {shims} running now", shims=found["shims"])
    rules = found["registry"]
    say("registry  {count}", count=plural(rules["approvals"], "entry"))
    log = found["log"]
    say("log       {rows}, {size:}", rows=plural(log["rows"], "row"), size=text.size(log["bytes"]))
    parts = found.get("parts", {})
    if signed := parts.get("checkpoints"):
        seen = f", a witness has seen them up to row {parts['witness']['rows']:,}" if "witness" in parts else ""
        say("          signed up to row {rows}{seen}", rows=f"{signed['rows']:,}", seen=seen)
    for effect, count in sorted(log.get("effects", {}).items()):
        say("          {count} {effect}", count=f"{count:,}", effect=effect)
    if (seen := parts.get("findings", {})).get("total"):
        say("findings  [yellow]{count}[/] (`callgate findings` lists them)", count=f"{seen['total']:,}")
    for problem in found["problems"]:
        say("[red]problem[/]   {problem}", problem=problem)


def agents(as_json: AsJson = False) -> None:
    """List the coding agents on this machine, with the evidence for each."""
    found = client().inventory()
    if as_json:
        shown_too = {name: found[name] for name in ("running", "hooks", "skipped")}
        show_json({"agents": found["agents"], **shown_too})
        return
    if not found["agents"]:
        say("no coding agent was found")
    shown = text.table("agent", "version", "servers", "hooks", "found by")
    shown.show_header = bool(found["agents"])
    hooks = {one["agent"]: one["state"] for one in found["hooks"]}
    for agent in found["agents"]:
        count = sum(server["agent"] == agent["id"] for server in found["servers"])
        state = hooks.get(agent["id"], "none")
        shown.add_row(
            cell(agent["name"], "bold"),
            cell(agent["version"] or ""),
            cell(count),
            cell(state, "green" if state == "installed" else "dim"),
            cell(agent["evidence"][0], "dim"),
        )
    text.console.print(shown)
    for process in found["running"]:
        aside = {True: "behind the gate", False: "[red]not behind the gate[/]", None: ""}[process["behind_shim"]]
        say(f"running   pid {{pid}}  {{kind}} {{what}}  {aside}", **{k: process[k] for k in ("pid", "kind", "what")})
    for sentence in found["blind"]:
        say("[dim]cannot see[/] {agent}: {what}", agent=sentence["agent"], what=sentence["what"])
    show_skipped(found["skipped"])


def servers(as_json: AsJson = False) -> None:
    """List the MCP servers: what each really is, whether it is wrapped, and what the registry says of it."""
    found = client().inventory()
    if as_json:
        show_json({"servers": found["servers"], "skipped": found["skipped"]})
        return
    show_servers(found["servers"])
    show_skipped(found["skipped"])


def show_servers(found: list[dict[str, Any]]) -> None:
    """The table of servers, as `up`, `servers` and `discover` print it."""
    if not found:
        say("no MCP server was found")
        return
    shown = text.table("registry", "server", "agent", "what it is", "gate")
    for server in found:
        state = cell(server["state"], text.STATES.get(server["state"], ""))
        if server["why"]:
            state.append(f" ({clean(server['why'])})", "dim")
        if not server["enabled"]:
            state.append(" switched off in the agent", "dim")
        where = server["agent_name"] + ("" if server["scope"] == "user" else f" [{server['scope']}]")
        shown.add_row(_standing(server), cell(server["entry"], "bold"), cell(where), _what(server), state)
    text.console.print(shown)


def _standing(server: dict[str, Any]) -> Text:
    """What the registry says of a server: not being on any list is not the same as being denied."""
    if server["rule"] == "server.unapproved":
        return Text("○ unlisted", style="yellow")
    broken = BROKEN.get(server["rule"])
    return mark(server["effect"]).append(f": {broken}", "dim") if broken else mark(server["effect"])


def _what(server: dict[str, Any]) -> Text:
    """What a server is, for people: a digest alone tells them nothing."""
    if not server["identity"].startswith("exe:"):
        asked = cell(server["short"])
        return asked.append(f" started as {server['started_as']}", "dim") if server.get("started_as") else asked
    return cell(server["evidence"]).append(f" {server['short']}", "dim")


def show_skipped(skipped: list[dict[str, Any]]) -> None:
    """What could not be examined: never left out."""
    for one in skipped:
        say("[yellow]skipped[/] {what}: {reason}", what=one["what"], reason=one["reason"])


def explain(ref: str, as_json: AsJson = False) -> None:
    """Explain an event (by number or id), or which rule allows or denies a server (by name or identity)."""
    daemon = client()
    if ref.isdigit() or re.fullmatch(r"[0-9a-f]{16}(-\d+)?", ref):
        found = daemon.event(ref)
        if as_json:
            show_json(found)
        else:
            for row in found["events"]:
                _print_event(row)
        return
    found = daemon.explain_server(ref)
    if as_json:
        show_json(found)
        return
    for server in found["servers"]:
        text.console.print(mark(server["effect"]), cell(server["identity"], "bold"), soft_wrap=True)
        say("  why       {reason}", reason=server["reason"])
        say("  rule      {rule}", rule=server["rule"])
        if server.get("started_as"):
            say("  starts    {identity}", identity=server["started_as"])
        for one in server["approvals"]:
            terms = f", {one['terms']}" if one["terms"] else ""
            say("  entry     {name}: {effect}{terms}", name=one["name"], effect=one["effect"], terms=terms)
        for one in server["policy"]:
            said = {"who": one["agent"], "effect": one["effect"], "rule": one["rule"], "reason": one["reason"]}
            say("  policy    its launch by {who}: {effect} ({rule}), {reason}", **said)
        say("  identity  {evidence}", evidence=server["evidence"])
        for entry in server["entries"]:
            say("  used by   {entry}", entry=entry)
        say("  next      {change}", change=server["change"])


def _print_event(row: dict[str, Any]) -> None:
    say("[bold]{kind}[/]  #{seq}  {time}", kind=row["kind"], seq=row["seq"], time=clock(row["time"]))
    for name in ("effect", "reason", "rule", "mode", "agent", "server", "entry", "tool", "session", "uid"):
        if row.get(name):
            say("  {name}{value}", name=f"{name:10}", value=row[name])
    for name, value in (row.get("detail") or {}).items():
        say("  {name}{value}", name=f"{name:10} ", value=value)
    if row.get("payload"):
        say("  {name}{value}", name=f"{'arguments':10}", value=row["payload"])
