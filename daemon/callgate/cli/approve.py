"""`callgate approve`: settle whatever holds a server, after showing it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callgate.cli.control import Server, Tool
from callgate.cli.pins import show_item
from callgate.cli.show import AsJson, client
from callgate.cli.text import plural, say, show_json
from callgate.model.errors import CallgateError


def approve(
    server: Server,
    tool: Tool = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be approved, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Approve a server (or one tool of it) and the definitions that it lists now, after showing what that changes."""
    daemon = client()
    stands = daemon.explain_server(server)["servers"]
    found = daemon.compare_pins(server)
    held = [item for item in found["items"] if tool in (None, item["name"])]
    if not as_json:
        for one in stands:
            say("{effect} -> allow  [bold]{id}[/]: {reason}",
                effect=one["effect"], id=one["identity"], reason=one["reason"])  # fmt: skip
        for item in held:
            show_item(item)
    if dry_run:
        if as_json:
            show_json({"servers": stands, "definitions": held, "dry_run": True})
        else:
            say("[dim]nothing was changed[/]")
        return
    if not yes and as_json:
        raise CallgateError("approve --json", "does not ask", "add --yes")
    what = f"{tool or server}" + (f" and {plural(len(held), 'definition')}" if held else "")
    if not yes and not typer.confirm(f"Approve {what}?"):
        raise typer.Exit(1)
    done: dict[str, Any] = {"rule": daemon.rule(server, tool, "allow"), "approved": []}
    if held:
        chosen = [{field: item[field] for field in ("kind", "name", "digest", "second")} for item in held]
        done["approved"] = daemon.approve_pins(found["server"], chosen)["approved"]
    if as_json:
        show_json(done)
    else:
        say("[green]●[/] approved [bold]{what}[/]  [dim]{identity}[/]", what=what, identity=done["rule"]["short"])
