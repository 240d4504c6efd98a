"""The commands of `callgate policy`: check, test, replay, set, remove, show, break-glass."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from callgate.cli.log import point_in_time
from callgate.cli.show import AsJson, client
from callgate.cli.text import cell, clock, console, mark, plural, say, show_json, table

group = typer.Typer(
    name="policy",
    help="Rules on calls and launches, in Cedar: check, test, replay and activate them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

File = Annotated[Path, typer.Argument(help="A policy in Cedar.")]
SHOWN = 20
"""Changes that `replay` lists; `--json` gives all."""


@group.command()
def check(file: File, as_json: AsJson = False) -> None:
    """Say whether a policy is valid, or list every mistake in it with its line. Needs no daemon."""
    from callgate.service import policies  # it brings the engine: not for commands that do without

    found = policies.check(file)
    if as_json:
        show_json(found)
    elif found["mistakes"]:
        for mistake in found["mistakes"]:
            where = f"{file}:{mistake['line']}" if mistake["line"] else str(file)
            say("[red]{where}[/] {problem}", where=where, problem=mistake["problem"])
    else:
        _list(found["policies"])
        _notes(found["notes"])
    if found["mistakes"]:
        raise typer.Exit(1)


@group.command()
def test(
    table_file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="One line: a call, and what is expected.")],
    policy: Annotated[Path | None, typer.Option("--policy", help="The policy to test (the one in force).")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the table tests of a policy. Needs no daemon."""
    from callgate.service import policies  # it brings the engine: not for commands that do without

    found = policies.test(os.environ, table_file, policy)
    if as_json:
        show_json(found)
    else:
        for one in found["failed"]:
            say("[red]{where}[/] {about}", where=f"{table_file}:{one['line']}", about=one["about"])
            say("    expected {expected}", expected=one["expected"])
            say("    got      {got}: {reason}", got=one["got"], reason=one["reason"])
        failed = len(found["failed"])
        colour = "red" if failed else "green"
        say(f"[{colour}]{{passed}} passed, {{failed}} failed[/]", passed=found["cases"] - failed, failed=failed)
    if found["failed"]:
        raise typer.Exit(1)


@group.command()
def replay(
    file: File,
    last: Annotated[int, typer.Option("--last", min=0, help="So many of the newest questions; 0 for all.")] = 10_000,
    since: Annotated[str, typer.Option("--since", help="Only later ones: 15m, 2h, 7d, or 2026-11-21.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say what a policy would have changed in the recorded log. Needs no daemon, and changes nothing."""
    from callgate.service import policies  # it brings the engine: not for commands that do without

    found = policies.replay(os.environ, file, last, point_in_time("since", since) if since else 0)
    if as_json:
        show_json(found)
    else:
        _replayed(found)


@group.command("set")
def set_(
    file: File,
    force: Annotated[bool, typer.Option("--force", help="Even if it denies all that was let through lately.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a policy in force on this machine (where no organisation's registry decides)."""
    done = client().set_policy(file.absolute(), force=force)
    if as_json:
        show_json(done)
        return
    say("[green]●[/] in force: {count}", count=plural(done["policies"], "policy"))
    changed = sum(one["count"] for one in done["replay"]["changed"])
    asked = done["replay"]["questions"]
    if asked:
        say(
            "  of the last {asked} calls and launches, {changed} would be decided otherwise",
            asked=asked,
            changed=changed,
        )
    _notes(done["notes"])


@group.command()
def remove(as_json: AsJson = False) -> None:
    """Remove this machine's policy: the registry's approvals alone decide."""
    done = client().set_policy(None)
    if as_json:
        show_json(done)
    else:
        say("removed: {count}", count=plural(done["before"], "policy") if done["before"] else "there was none")


@group.command()
def show(as_json: AsJson = False) -> None:
    """Show the policy in force, and whether it is suspended."""
    found = client().policy()
    if as_json:
        show_json(found)
        return
    if not found["policies"]:
        say("no policy is in force: the registry's approvals alone decide")
    else:
        _list(found["policies"])
        _notes(found["notes"])
        say("[dim]source[/]  {source} registry, mode {mode}", source=found["source"], mode=found["mode"])
    if held := found["suspended"]:
        say("[red]suspended[/] until {until}: {why}", until=clock(held["until"]), why=held["why"])


@group.command("break-glass")
def break_glass(
    minutes: Annotated[int, typer.Option("--minutes", min=0, help="For so long; 0 ends it now.")],
    why: Annotated[str, typer.Option("--why", help="The reason, for the log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Suspend the policy for some minutes. It is logged, approvals still hold, and it ends by itself."""
    done = client().break_glass(minutes, why)
    if as_json:
        show_json(done)
    elif done["suspended"]:
        say(
            "[red]suspended[/] until {until}; what it would have stopped is logged",
            until=clock(done["suspended"]["until"]),
        )
    else:
        say("the policy holds again" if done["ended"] else "the policy was not suspended")


def _list(found: list[dict[str, Any]]) -> None:
    shown = table("effect", "policy", "line", "reason")
    for one in found:
        shown.add_row(mark(one["effect"]), cell(one["id"], "bold"), cell(one["line"]), cell(one["reason"], "dim"))
    console.print(shown)


def _notes(notes: list[str]) -> None:
    for note in notes:
        say("[yellow]note[/]  {note}", note=note)


def _replayed(found: dict[str, Any]) -> None:
    say(
        "{asked} asked, {earlier} denied earlier",
        asked=plural(found["questions"], "question"),
        earlier=found["denied_earlier"],
    )
    for what, note in (("unread", "cannot be asked again"), ("partial", "without all their arguments")):
        if found[what]:
            say("[yellow]{count}[/] {note}", count=plural(found[what], "row"), note=note)
    for effect in ("allow", "ask", "deny"):
        before, after = found["before"].get(effect, 0), found["after"].get(effect, 0)
        if before or after:
            say("  {effect} {before} → {after}", effect=f"{effect:6}", before=f"{before:,}", after=f"{after:,}")
    if not found["changed"]:
        say("nothing would change")
        return
    shown = table("count", "before", "after", "rule")
    for one in found["changed"]:
        shown.add_row(cell(f"{one['count']:,}"), mark(one["before"]), mark(one["after"]), cell(one["rule"], "bold"))
    console.print(shown)
    for one in found["changes"][:SHOWN]:
        say(
            "  #{seq}  {agent} {what}: {before} → {after}  [dim]{reason}[/]",
            seq=one["seq"],
            agent=one["agent"],
            what=f"{one['entry']} › {one['tool']}" if one["tool"] else f"{one['entry']} (launch)",
            before=one["before"],
            after=one["after"],
            reason=one["reason"],
        )
    if len(found["changes"]) > SHOWN:
        say("  … {more} more: --json lists them", more=f"{sum(one['count'] for one in found['changed']) - SHOWN:,}")
