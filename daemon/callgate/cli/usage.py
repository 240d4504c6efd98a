"""`callgate usage`: how much each user, agent, model, server or tool is used."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callgate.cli import text
from callgate.cli.log import point_in_time
from callgate.cli.show import AsJson, client
from callgate.cli.text import cell, say, show_json

SHOWN = 50
"""Lines on a terminal; `--json` gives all."""


def usage(
    by: Annotated[str, typer.Option(help="What to count by: user, agent, model, server or tool.")] = "server",
    since: Annotated[str, typer.Option(help="Only later calls: 2h, 30d, or 2026-11-21[T10:00[Z]].")] = "",
    until: Annotated[str, typer.Option(help="Only earlier ones: the same forms.")] = "",
    as_json: AsJson = False,
) -> None:
    """Count calls, refusals, bytes, tokens and time by user, agent, model, server or tool."""
    query: dict[str, str | int] = {"by": by}
    for name, moment in (("since", since), ("until", until)):
        if moment:
            query[name] = point_in_time(name, moment)
    found = client().usage(query)
    if as_json:
        show_json(found)
        return
    if not found["groups"]:
        say("no call was made in that time")
        return
    named = {"server": ("server",), "tool": ("server", "tool")}.get(by, (by,))
    tokens = ("tokens in", "tokens out") if any(group["turns"] for group in found["groups"]) else ()
    shown = text.table(*named, "calls", "refused", "would be", "errors", "sent", "received", "each", *tokens)
    for column in shown.columns[len(named) :]:
        column.justify = "right"
    for group in found["groups"][:SHOWN]:
        counted = [cell(f"{group[name]:,}") for name in ("tokens_in", "tokens_out")][: len(tokens)]
        shown.add_row(*_names(group, named), *_figures(group), *counted)
    text.console.print(shown)
    if (left := len(found["groups"]) - SHOWN + found["left_out"]) > 0:
        say("[dim]{left} more: --json gives them[/]", left=f"{left:,}")


def _names(group: dict[str, Any], named: tuple[str, ...]) -> list[Any]:
    cells = [cell(group[name] or "-", "bold" if name == named[-1] else "") for name in named]
    if "server" in named and group["entry"]:
        cells[0] = cell(group["entry"], "bold").append_text(cell(f"  {group['server']}", "dim"))
    return cells


def _figures(group: dict[str, Any]) -> list[Any]:
    each = "" if group["ms_each"] is None else f"{group['ms_each']:,.1f} ms"
    return [
        cell(f"{group['calls']:,}"),
        cell(f"{group['denied'] + group['asked']:,}", "red" if group["denied"] else ""),
        cell(f"{group['would_deny']:,}", "yellow" if group["would_deny"] else ""),
        cell(f"{group['errors']:,}"),
        cell(text.size(group["bytes_in"])),
        cell(text.size(group["bytes_out"])),
        cell(each),
    ]
