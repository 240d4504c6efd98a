"""The commands of `callgate export`: status, test, replay."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from callgate.cli.log import point_in_time
from callgate.cli.show import AsJson, client
from callgate.cli.text import cell, clock, console, plural, say, show_json, table

group = typer.Typer(
    name="export",
    help="Events to the organisation's SIEM: how the receivers are doing, a test, and sending again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@group.command()
def status(as_json: AsJson = False) -> None:
    """Show each receiver: its place in the log, how far it is behind, what it refused, and what is wrong."""
    found = client().export()
    if as_json:
        show_json(found)
        return
    if not found["sinks"]:
        say("no sink is configured: see docs/export.md")
        return
    shown = table("sink", "where", "format", "sent", "behind", "set aside", "state")
    for one in found["sinks"]:
        shown.add_row(
            cell(one["name"], "bold"),
            cell(one["url"]),
            cell(one["format"], "dim"),
            cell(f"{one['sent']:,}"),
            cell(_behind(one), "yellow" if one["behind"] else ""),
            cell(f"{one['aside']:,}", "yellow" if one["aside"] else ""),
            cell(*_state(one)),
        )
    console.print(shown)
    for one in found["sinks"]:
        _details(one)


@group.command()
def test(
    sink: Annotated[str, typer.Argument(help="The sink's name in the settings.")], as_json: AsJson = False
) -> None:
    """Send one marked event to a receiver, and show what it answers."""
    done = client().test_sink(sink)
    if as_json:
        show_json(done)
    elif done["ok"]:
        say("[green]●[/] {sink} took it in {ms} ms: {said}", sink=sink, ms=done["ms"], said=done["said"])
    else:
        say("[red]●[/] {sink} did not take it: {problem}", sink=sink, problem=done["problem"])
    if not done["ok"]:
        raise typer.Exit(1)


@group.command()
def replay(
    since: Annotated[str, typer.Option("--since", help="From when on: 15m, 2h, 7d, or 2026-11-21.")],
    sink: Annotated[str | None, typer.Option("--sink", help="To this one only; without it, to all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send what is in the log since then again, with the ids that it had: receivers can tell the repeats."""
    done = client().replay(point_in_time("since", since), sink)
    if as_json:
        show_json(done)
        return
    names = ", ".join(done["sinks"])
    say(
        "{rows} from row {first} on go to {names} again",
        rows=plural(done["rows"], "row"),
        first=done["first"],
        names=names,
    )


def _behind(one: dict[str, Any]) -> str:
    if not one["behind"]:
        return "-"
    age = max(0, time.time() - one["oldest"] / 1e9) if one["oldest"] else 0
    return f"{plural(one['behind'], 'row')}, {_age(age)}"


def _age(seconds: float) -> str:
    for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"


def _state(one: dict[str, Any]) -> tuple[str, str]:
    if one["failures"]:
        return f"waits, next try in {one['next_try']:.0f} s", "red"
    return ("behind", "yellow") if one["problem"] else ("well", "green")


def _details(one: dict[str, Any]) -> None:
    if one["problem"]:
        since = clock(one["problem_since"])
        say("[red]{name}[/]  since {since}: {problem}", name=one["name"], since=since, problem=one["problem"])
    if one["lost"]:
        rows = plural(one["lost"], "row")
        say("[red]{name}[/]  {rows} were removed from the log before they were sent", name=one["name"], rows=rows)
    for aside in one["set_aside"][-5:]:
        say(
            "[yellow]{name}[/]  set aside #{seq} {kind}: {reason}",
            name=one["name"],
            seq=aside["seq"],
            kind=aside["kind"],
            reason=aside["reason"],
        )
