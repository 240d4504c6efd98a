"""`callgate log`: rows of the audit log by all that a person may look for."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from callgate.cli import text
from callgate.cli.show import AsJson, client
from callgate.cli.text import show_lines
from callgate.client import Client
from callgate.model.call import Effect
from callgate.model.errors import CallgateError

FOLLOW_PAUSE = 0.25
"""Seconds between two looks of `log --follow`."""
BATCH = 1000
"""Rows asked for at a time."""

Row = dict[str, Any]


def log(  # noqa: PLR0913 - one parameter an option, as typer reads them
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many of the newest rows.")] = 50,
    since: Annotated[str, typer.Option(help="Only later ones: 15m, 2h, 7d, or 2026-11-21[T10:00[Z]].")] = "",
    until: Annotated[str, typer.Option(help="Only earlier ones: the same forms.")] = "",
    user: Annotated[str, typer.Option(help="Only this account's.")] = "",
    agent: Annotated[str, typer.Option(help="Only this agent (its id).")] = "",
    server: Annotated[str, typer.Option(help="Only this server identity.")] = "",
    entry: Annotated[str, typer.Option(help="Only this server's name in the agent's config.")] = "",
    tool: Annotated[str, typer.Option(help="Only this tool.")] = "",
    effect: Annotated[str, typer.Option(help="Only this effect: allow, ask or deny.")] = "",
    rule: Annotated[str, typer.Option(help="Only what this rule decided.")] = "",
    kind: Annotated[str, typer.Option(help="Only this kind of event, such as call.asked.")] = "",
    session: Annotated[str, typer.Option(help="Only this session.")] = "",
    find: Annotated[str, typer.Option("--find", "--text", help="Only rows that hold this text.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the audit log: what was asked, decided and done."""
    said = {"user": user, "agent": agent, "server": server, "entry": entry, "tool": tool, "effect": effect}
    said |= {"rule": rule, "kind": kind, "session": session, "text": find}
    if effect and effect not in (words := [one.word for one in Effect]):
        raise CallgateError(f"--effect {effect}", "is no effect", f"there are {', '.join(words)}")
    filters: dict[str, str | int] = {name: value for name, value in said.items() if value}
    for name, moment in (("since", since), ("until", until)):
        if moment:
            filters[name] = point_in_time(name, moment)
    daemon = client()
    end = daemon.search({"limit": 1, "order": "newest"})["looked"]["last"]
    rows = newest(daemon, filters, limit)
    _print_rows(rows, as_json)
    after = rows[-1]["seq"] if rows else end
    while follow:
        rows = daemon.events({**filters, "limit": BATCH, "after": after})
        _print_rows(rows, as_json)
        if rows:
            after = rows[-1]["seq"]
        else:
            time.sleep(FOLLOW_PAUSE)


def newest(daemon: Client, filters: dict[str, str | int], limit: int) -> list[Row]:
    """The newest rows that pass, oldest first, however many and however far back: asked for in batches. On a terminal
    a search that takes its time says how far it is.
    """
    try:
        return list(_newest_first(daemon, filters, limit))[::-1]
    finally:
        text.progress("")


def _newest_first(daemon: Client, filters: dict[str, str | int], limit: int) -> Iterator[Row]:
    before: dict[str, int] = {}
    while limit > 0:
        wanted = min(limit, BATCH)
        found = daemon.search({**filters, **before, "limit": wanted, "order": "newest"})
        yield from found["events"]
        limit -= len(found["events"])
        looked = found["looked"]
        if not looked["upto"]:
            return
        before = {"before": looked["upto"]}
        done = looked["last"] - looked["upto"], looked["last"] - looked["first"] + 1
        text.progress(f"searched {done[0]:,} of {done[1]:,} rows, newest first")


def _print_rows(rows: list[Row], as_json: bool) -> None:
    if as_json:
        show_lines(rows)
        return
    shown = text.table("", "", "", "", "", "")
    shown.show_header = False
    for row in rows:
        shown.add_row(*text.event_row(row))
    if rows:
        text.console.print(shown)


def point_in_time(name: str, said: str) -> int:
    """Nanoseconds since the epoch of a time that a user wrote, in local time unless it says another zone. Raises
    CallgateError.
    """
    try:
        if ago := re.fullmatch(r"([0-9]{1,9})([smhdw])", said):
            seconds = int(ago[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}[ago[2]]
            return max(0, time.time_ns() - seconds * 10**9)
        return max(0, int(datetime.fromisoformat(said).timestamp()) * 10**9)
    except (ValueError, OverflowError, OSError):
        raise CallgateError(
            f"--{name} {said}", "is not a time", "write 15m, 2h, 7d, 2026-11-21, 2026-11-21T10:00 or 2026-11-21T10:00Z"
        ) from None
