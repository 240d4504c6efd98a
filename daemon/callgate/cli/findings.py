"""`callgate findings`: what was found, with what was seen and what could not be."""

from __future__ import annotations

from typing import Annotated

import typer

from callgate.cli.log import point_in_time
from callgate.cli.show import AsJson, client
from callgate.cli.text import clock, say, show_json


def findings(
    since: Annotated[str, typer.Option(help="Only later ones: 2h, 30d, or 2026-11-21[T10:00[Z]].")] = "",
    as_json: AsJson = False,
) -> None:
    """List what was found: ways round the gate, and channels that do not agree."""
    found = client().findings(point_in_time("since", since) if since else 0)
    if as_json:
        show_json(found)
        return
    if not found["findings"]:
        say("nothing was found")
    for one in found["findings"]:
        say(
            "[dim]{seq}[/]  {time}  [yellow]{kind}[/]  {saw}",
            seq=one["seq"],
            time=clock(one["time"]),
            kind=one["kind"].partition(".")[2],
            saw=one["saw"],
        )
        if one["unseen"]:
            say("      [dim]could not see {unseen}[/]", unseen=one["unseen"])
    if found["left_out"]:
        say(
            "[dim]{left} older ones: `callgate log --kind finding.unwrapped` and so on[/]",
            left=f"{found['left_out']:,}",
        )
