"""`callgate native`: the agents' own managed settings, rendered from the registry and compared with a machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from callgate.cli.control import Home
from callgate.cli.show import AsJson
from callgate.cli.text import say, show_json

group = typer.Typer(
    name="native",
    help="Compile the registry into the agents' own managed settings.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

OneAgent = Annotated[str | None, typer.Option("--agent", help="Only this agent (its id, see `callgate agents`).")]
System = Annotated[str | None, typer.Option("--os", help="linux, macos or windows; another than this one: a fleet.")]
Fleet = Annotated[bool, typer.Option("--fleet", help="Only what is the same on all machines.")]

_COLOURS = {"written": "green", "merged": "green", "unchanged": "dim", "kept": "yellow"}
_STATES = {"same": "green", "missing": "red", "differs": "yellow"}


@group.command()
def render(
    folder: Annotated[Path, typer.Argument(help="Files go below it as on the machine; / is the machine itself.")],
    agent: OneAgent = None,
    system: System = None,
    fleet: Fleet = False,
    replace: Annotated[bool, typer.Option("--replace", help="Write over files that are there and differ.")] = False,
    merge: Annotated[bool, typer.Option("--merge", help="Put our keys into files that are there.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write the managed settings of the agents, for device management or for this machine."""
    from callgate.service import native

    if replace and merge:
        raise typer.BadParameter("--replace and --merge exclude each other.")
    ask = native.Ask(os.environ, home, agent, system, fleet)
    done = native.render(ask, folder.absolute(), replace=replace, merge=merge)
    kept = any(one["done"] == "kept" for one in done["files"])
    if as_json:
        show_json(done)
    else:
        for one in done["files"]:
            colour = _COLOURS[one["done"]]
            say(f"[{colour}]{{done}}[/] {{agent}}  {{path}}", **one | {"done": f"{one['done']:9}"})
            say("          [dim]{does}[/]", does=one["does"])
        _remarks(done)
        if kept:
            say("kept: another file is there; --merge puts our keys into it, --replace writes over it")
    if kept:
        raise typer.Exit(1)


@group.command()
def diff(
    agent: OneAgent = None,
    system: System = None,
    fleet: Fleet = False,
    root: Annotated[Path, typer.Option("--root", help="Compare the tree below this folder.")] = Path("/"),
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show what of the managed settings of this machine is not as the registry wants it."""
    from callgate.service import native

    found = native.diff(native.Ask(os.environ, home, agent, system, fleet), root.absolute())
    if as_json:
        show_json(found)
    else:
        _compared(found)
    if found["drift"]:
        raise typer.Exit(1)


def _compared(found: dict[str, Any]) -> None:
    for one in found["files"]:
        colour = _STATES[one["status"]]
        say(f"[{colour}]{{status}}[/] {{agent}}  {{path}}", **one | {"status": f"{one['status']:8}"})
        for line in one["differences"]:
            say("         {what}", what=line)
        for other in one["beside"]:
            say("         [red]beside it[/] {path} sets {keys} too", path=other["path"], keys=", ".join(other["keys"]))
        if one["foreign"]:
            say("         [dim]not ours: {keys}[/]", keys=", ".join(one["foreign"]))
    if not found["files"]:
        say("no agent with managed settings is on this machine")
    _remarks(found)


def _remarks(done: dict[str, Any]) -> None:
    for agent, lines in done["remarks"].items():
        for line in lines:
            say("[dim]{agent}: {what}[/]", agent=agent, what=line)
