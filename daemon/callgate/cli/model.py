"""Commands on the model channel: whose models are reached through the gate."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from callgate.cli.show import AsJson, client
from callgate.cli.text import cell, console, say, show_json, table
from callgate.model.errors import CallgateError

Agent = Annotated[str | None, typer.Argument(help="Only this agent (its id, see `callgate agents`).")]

group = typer.Typer(name="model", help="Lead the requests of agents to their models through the gate.")


@group.callback(invoke_without_command=True)
def model(context: typer.Context, as_json: AsJson = False) -> None:
    """List the agents whose models are reached through the gate."""
    if context.invoked_subcommand is not None:
        return
    found = client().models()
    if as_json:
        show_json(found)
        return
    if not found["lines"]:
        say("no agent's model is reached through Callgate; `callgate model route` changes that")
    show_lines(found["lines"])
    show_left(found)


@group.command()
def route(agent: Agent = None, as_json: AsJson = False) -> None:
    """Make agents reach their models through the gate, by the address in their own files."""
    found = client().route_models(agent)
    if as_json:
        show_json(found)
    else:
        show_routed(found)
    if found["skipped"]:
        raise typer.Exit(1)


@group.command()
def unroute(agent: Agent = None, as_json: AsJson = False) -> None:
    """Give agents the addresses of their models back. Needs no daemon."""
    found = take_back(agent)
    if as_json:
        show_json(found)
    else:
        say("{n} addresses given back", n=len(found["unrouted"]))
        show_left(found)
    if found["skipped"]:
        raise typer.Exit(1)


def take_back(agent: str | None = None) -> dict[str, Any]:
    """Unroute by the daemon if there is one, else without."""
    daemon = client()
    if daemon.running():
        return daemon.unroute_models(agent)
    from callgate.service import offline  # 0.2 s, which commands that ask the daemon do not need

    return offline.unroute_models(os.environ, agent)


def show_routed(found: dict[str, Any]) -> None:
    """What was led through the gate now, and what is."""
    if not found["lines"]:
        problem = "no agent on this machine keeps the address of its model where it can be changed"
        raise CallgateError("the model channel", problem, "see docs/model-channel.md")
    say("models through the gate (agents that run now take it up when they start again):")
    show_lines(found["lines"])
    show_left(found)


def show_lines(lines: list[dict[str, str]]) -> None:
    """One line an address."""
    if lines:
        shown = table("agent", "model's address", "file", "setting")
        for line in lines:
            where = (cell(line["path"], "dim"), cell(line["setting"], "dim"))
            shown.add_row(cell(line["agent"], "bold"), cell(line["upstream"]), *where)
        console.print(shown)


def show_left(found: dict[str, Any]) -> None:
    """What could not be changed."""
    for each in found["skipped"]:
        say("[yellow]left[/] {path}: {reason}", path=each["path"], reason=each["reason"])
