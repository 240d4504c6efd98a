"""Commands that change something: up, down, allow, deny, discover, wrap, unwrap."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from callgate import __version__
from callgate.cli import model as models
from callgate.cli.show import AsJson, client, show_servers, show_skipped
from callgate.cli.text import cell, console, say, show_json, table
from callgate.model.call import Mode
from callgate.model.errors import DaemonAwayError
from callgate.service import background
from callgate.system.paths import folders


def _absolute(home: Path | None) -> Path | None:
    return home.absolute() if home else None


Home = Annotated[
    Path | None,
    typer.Option("--home", help="Another home than yours.", exists=True, file_okay=False, callback=_absolute),
]
OneAgent = Annotated[str | None, typer.Option("--agent", help="Only this agent (its id, see `callgate agents`).")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Server = Annotated[str, typer.Argument(help="The server's name in an agent's config, or its identity.")]
Tool = Annotated[str | None, typer.Argument(help="One tool of it; without it, the whole server.")]


def up(
    enforce: Annotated[bool, typer.Option("--enforce", help="Block what is not allowed.")] = False,
    observe: Annotated[bool, typer.Option("--observe", help="Block nothing, and record what would be.")] = False,
    hooks: Annotated[
        bool | None,
        typer.Option("--hooks/--no-hooks", help="Install the agents' own hooks (the default), or take them out."),
    ] = None,
    model_channel: Annotated[
        bool,
        typer.Option("--model-channel", help="Lead agents' requests to their models through the gate too."),
    ] = False,
    http: Annotated[
        bool | None, typer.Option("--http/--no-http", help="Wrap entries of remote servers, too (or give them back).")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Start the daemon, find agents and servers, and put the gate in front of them."""
    if enforce and observe:
        raise typer.BadParameter("--enforce and --observe exclude each other.")
    where = folders(os.environ)
    where.make()
    if enforce or observe:
        background.set_mode(where, Mode.ENFORCE if enforce else Mode.OBSERVE)
    if hooks is not None:
        background.set_hooks(where, hooks)
    if http is not None:
        background.set_http(where, http)
    started = background.ensure(where, os.environ, home)
    daemon = client()
    if not started:  # the settings may have been edited, also by hand
        daemon.reload()
    report = daemon.wrap()
    routed = daemon.route_models() if model_channel else None
    state, found = daemon.status(), daemon.inventory()
    if as_json:
        said = {"status": state, "inventory": found, "report": report["items"]}
        show_json(said if routed is None else {**said, "models": routed})
        return
    say(
        "[bold]Callgate {v}[/]  {mode}, daemon {how} (pid {pid})",
        v=__version__,
        mode=state["mode"],
        how="started" if started else "running",
        pid=state["pid"],
    )
    say()
    _agents(found)
    _hooks(found["hooks"])
    _failures(report["items"])
    if routed is not None:
        models.show_routed(routed)
    for problem in state["problems"]:
        say("[red]problem[/] {problem}", problem=problem)
    _next(state, found)


def down(as_json: AsJson = False) -> None:
    """Give every file back byte for byte, and stop the daemon."""
    where = folders(os.environ)
    given_back = models.take_back()
    report = _unwrap(None, None)
    stopped = background.stop(where)
    if as_json:
        show_json({"report": report["items"], "models": given_back, "stopped": stopped})
    else:
        _report(report["items"], "nothing was wrapped")
        models.show_left(given_back)
        say("daemon {how}", how="stopped" if stopped else "was not running")
    _leave_if_failed(report["items"])


def allow(server: Server, tool: Tool = None, as_json: AsJson = False) -> None:
    """Approve a server, or one tool of it."""
    _rule(server, tool, "allow", as_json)


def deny(server: Server, tool: Tool = None, as_json: AsJson = False) -> None:
    """Deny a server, or one tool of it."""
    _rule(server, tool, "deny", as_json)


def discover(home: Home = None, agent: OneAgent = None, as_json: AsJson = False) -> None:
    """Find agents and servers, and change nothing. Needs no daemon."""
    found = _offline().discover(os.environ, home, agent)
    if as_json:
        show_json(found)
        return
    _agents(found)


def wrap(home: Home = None, agent: OneAgent = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Put the gate in front of the servers that are found. Needs no daemon."""
    if home is None and not dry_run and client().running():
        report = client().wrap(agent)
    else:
        report = _offline().wrap(os.environ, home, agent, dry_run)
    if as_json:
        show_json(report)
    else:
        _report(report["items"], "nothing to wrap")
    _leave_if_failed(report["items"])


def unwrap(home: Home = None, agent: OneAgent = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Give the files back byte for byte. Needs no daemon."""
    report = _offline().unwrap(os.environ, home, agent, True) if dry_run else _unwrap(home, agent)
    if as_json:
        show_json(report)
    else:
        _report(report["items"], "nothing was wrapped")
    _leave_if_failed(report["items"])


def _offline() -> ModuleType:
    """What needs no daemon; loading it takes 0.2 s, which commands that ask the daemon do not need."""
    from callgate.service import offline

    return offline


def _unwrap(home: Path | None, agent: str | None) -> dict[str, Any]:
    if home is None:
        try:
            return client().unwrap(agent)  # the daemon must know, or it would wrap again at once
        except DaemonAwayError:
            pass
    report: dict[str, Any] = _offline().unwrap(os.environ, home, agent, False)
    return report


def _rule(server: str, tool: str | None, effect: str, as_json: bool) -> None:
    done = client().rule(server, tool, effect)
    if as_json:
        show_json(done)
        return
    server = ", ".join(done["entries"]) or server
    what = f"{server} › {tool}" if tool else server
    colour = "green" if effect == "allow" else "red"
    say(
        f"[{colour}]●[/] {{effect}} [bold]{{what}}[/]  [dim]{{identity}}[/]",
        effect=effect,
        what=what,
        identity=done["short"],
    )
    if not tool and effect == "allow" and done["floats"]:
        say("  [dim]every version of it: the entry names none[/]")


def _agents(found: dict[str, Any]) -> None:
    shown = table("agent", "version", "servers")
    for agent in found["agents"]:
        count = sum(server["agent"] == agent["id"] for server in found["servers"])
        shown.add_row(cell(agent["name"], "bold"), cell(agent["version"] or ""), cell(count or "none"))
    if found["agents"]:
        console.print(shown)
    if not found["agents"]:
        say("  no coding agent was found")
    say()
    if found["agents"] or found["servers"]:
        show_servers(found["servers"])
    show_skipped(found["skipped"])


def _hooks(states: list[dict[str, str]]) -> None:
    """What became of the agents' hooks: one line, and one for each that wants the user's attention."""
    installed = list(dict.fromkeys(one["agent"] for one in states if one["state"] == "installed"))
    if installed:
        say("hooks     [bold]{agents}[/]: their own tools pass the gate", agents=", ".join(installed))
    for one in states:
        if one["state"] == "left":
            say(
                "hooks     [yellow]left[/] {agent}  {file}: {why}", agent=one["agent"], file=one["file"], why=one["why"]
            )
        elif one["state"] == "installed" and one["trust"]:
            say("hooks     [yellow]{agent}[/]: {trust}", agent=one["agent"], trust=one["trust"])


def _failures(items: list[dict[str, Any]]) -> None:
    for item in items:
        if item["done"] == "failed":
            say("[red]failed[/]  {file}: {why}", file=item["file"], why=item["why"])


def _report(items: list[dict[str, Any]], nothing: str) -> None:
    colours = {"wrapped": "green", "restored": "green", "hooked": "green", "left": "yellow", "failed": "red"}
    for item in items:
        colour = colours.get(item["done"], "dim")
        say(
            f"[{colour}]{{done}}[/] {{agent}} {{entry}}  [dim]{{file}}[/]{{why}}",
            done=f"{item['done']:9}",
            agent=item["agent"],
            entry=item["entry"],
            file=item["file"],
            why=f": {item['why']}" if item["why"] else "",
        )
    if not items:
        say(nothing)


def _leave_if_failed(items: list[dict[str, Any]]) -> None:
    if any(item["done"] == "failed" for item in items):
        raise typer.Exit(1)


def _next(state: dict[str, Any], found: dict[str, Any]) -> None:
    unapproved = sorted({s["entry"] for s in found["servers"] if s["state"] == "wrapped" and s["effect"] == "deny"})
    say()
    if state["mode"] == "observe":
        say("From the next start of an agent on, its calls are decided and logged before they run. Nothing is blocked.")
    else:
        say("From the next start of an agent on, what is not allowed is [bold]blocked[/], and its user is told why.")
    say("  callgate log --follow       watch calls as they happen")
    if unapproved:
        say("  " + _hint(state), name=f"{unapproved[0]:12}", count=len(unapproved))
    if state["mode"] == "observe":
        say("  callgate up --enforce       block what is not approved")
    say("  callgate down               give every file back, and stop")


def _hint(state: dict[str, Any]) -> str:
    """How a server may come onto the allowlist: by this user's word, or by that of the organisation."""
    if state["registry"]["source"] == "local":
        return "callgate allow {name} approve a server ({count} not on the allowlist)"
    return "callgate request {name} --why TEXT   ask for a server ({count} not on the organisation's allowlist)"
