"""Commands on tool definitions: what servers list, what changed of it, and what is trusted."""

from __future__ import annotations

import difflib
import json
from typing import Annotated, Any

import typer
from rich.text import Text

from callgate.cli import text
from callgate.cli.harmless import clean
from callgate.cli.show import AsJson, client
from callgate.cli.text import cell, clock, mark, plural, say, show_json
from callgate.model.errors import CallgateError

Server = Annotated[str, typer.Argument(help="The server's name in an agent's config, or its identity.")]
Name = Annotated[str | None, typer.Argument(help="One tool, prompt or URI template; without it, all that changed.")]
WIDTH = 100
"""Characters of one line of a text that is compared."""
STATES = {"approved": ("●", "green"), "accepted": ("●", "cyan")}

group = typer.Typer(name="pins", help="What servers list, what changed of it, and what is trusted.")


@group.callback(invoke_without_command=True)
def pins(context: typer.Context, as_json: AsJson = False) -> None:
    """List the servers whose definitions are known, and every definition that is not as it was approved."""
    if context.invoked_subcommand is None:
        show_all(as_json=as_json)


@group.command("list")
def show_all(
    every: Annotated[bool, typer.Option("--all", help="Every definition, not only the changed ones.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the servers whose definitions are known, and every definition that is not as it was approved."""
    found = client().pins()
    if as_json:
        show_json(found)
        return
    if not found["servers"]:
        say("no server has listed anything yet")
        return
    shown = text.table("state", "what", "name", "server", "since", "why")
    for server in found["servers"]:
        for item in server["items"]:
            if every or item["state"] != "approved":
                why = item["reasons"][0]["text"] if item["reasons"] else ""
                row = (cell(item["kind"]), cell(item["name"], "bold"), cell(item["short"]))
                shown.add_row(_state(item["state"]), *row, cell(clock(item["seen"]), "dim"), cell(why, "dim"))
    for server in found["servers"]:
        held = sum(item["state"] in ("ask", "deny") for item in server["items"])
        aside = f", [red]{held} held[/]" if held else ""
        say(f"{{server}}  {{count}}{aside}", server=server["server"], count=plural(len(server["items"]), "definition"))
    if shown.row_count:
        say()
        text.console.print(shown)


@group.command()
def diff(server: Server, name: Name = None, as_json: AsJson = False) -> None:
    """Show what of a server is not as it was approved, line by line."""
    found = client().compare_pins(server, name)
    if as_json:
        show_json(found)
        return
    if not found["items"]:
        say("[green]✓[/] everything that {server} lists is as it was approved", server=found["server"])
    for item in found["items"]:
        show_item(item)
    if found["more"]:
        say("[yellow]{count} more are not shown[/]: name them one by one", count=found["more"])


@group.command()
def approve(
    server: Server,
    name: Name = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Trust what a server lists now, after showing it; calls of it go on at once."""
    daemon = client()
    found = daemon.compare_pins(server, name)
    wanted = [item for item in found["items"] if item["state"] != "approved"]
    if not as_json:
        for item in wanted:
            show_item(item)
        if not wanted:
            say("[green]✓[/] there is nothing to approve")
            return
        if not yes and not typer.confirm(f"Approve {plural(len(wanted), 'definition')}?"):
            raise typer.Exit(1)
    elif not yes:
        raise CallgateError("pins approve --json", "does not ask", "add --yes")
    chosen = [{field: item[field] for field in ("kind", "name", "digest", "second")} for item in wanted]
    done = daemon.approve_pins(found["server"], chosen)
    if as_json:
        show_json(done)
        return
    for one in done["approved"]:
        say(
            "[green]●[/] approved [bold]{name}[/]  [dim]{server}[/]",
            name=one["name"] or one["kind"],
            server=done["server"],
        )


@group.command()
def forget(server: Server, name: Name = None, as_json: AsJson = False) -> None:
    """Forget what was trusted of a server, or of one name: what it lists next is trusted as the first."""
    done = client().forget_pins(server, name)
    if as_json:
        show_json(done)
    else:
        say("forgot {count} of {server}", count=plural(done["forgotten"], "definition"), server=done["server"])


def show_item(item: dict[str, Any]) -> None:
    """One definition: its state, the reasons, and both texts line by line. All of it may be hostile."""
    text.console.print(_state(item["state"]), cell(item["kind"]), cell(item["name"], "bold"), cell(item["rule"], "dim"))
    for reason in item["reasons"]:
        quote = f"{reason['quote']!r}" if reason["quote"] else ""
        say("  [bold]{of}[/] {text}  [dim]{quote}[/]", of=f"{reason['class']:12}", text=reason["text"], quote=quote)
    for line in lines(item["before"], item["after"]):
        colour = {"+": "green", "-": "red"}.get(line[:1], "dim")
        text.console.print(Text("  " + line, style=colour), soft_wrap=True)
    say()


def lines(before: str, after: str) -> list[str]:
    """The difference of two definitions in canonical JSON, as lines that a terminal may show."""
    if not after:
        return ["(its text was not kept)"]
    old, new = _readable(before), _readable(after)
    changed = list(difflib.unified_diff(old, new, n=1, lineterm=""))[2:]
    return [line for line in changed if not line.startswith("@@")] or [f" {line}" for line in new]


def _readable(definition: str) -> list[str]:
    """A definition as lines: one member each, long texts folded, nothing that could steer the terminal."""
    if not definition:
        return []
    found = []
    for line in json.dumps(json.loads(definition), indent=2, ensure_ascii=False).splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        shown = clean(line)
        found.append(shown[:WIDTH])
        found += [indent + shown[at : at + WIDTH] for at in range(WIDTH, len(shown), WIDTH)]
    return found


def _state(state: str) -> Text:
    if state in STATES:
        dot, colour = STATES[state]
        return Text(f"{dot} {state}", style=colour)
    return mark(state)
