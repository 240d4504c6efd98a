"""`callgate registry pin` and `callgate registry review`: tool definitions for the registry's owner."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from callgate.cli.pins import show_item
from callgate.cli.registry import Canary, DryRun, Folder, edited
from callgate.cli.show import AsJson
from callgate.cli.text import plural, say, show_json

Command = Annotated[
    list[str], typer.Argument(help="After `--`: the command that starts the server. Or a capture's file (.json).")
]


def pin(
    folder: Folder,
    server: Annotated[str, typer.Argument(help="A name in the registry, or an identity.")],
    command: Command,
    out: Annotated[Path | None, typer.Option("--out", help="Keep the capture in this file, for reviews.")] = None,
    canary: Canary = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Start a server, and pin everything that it shows; it counts once signed and published."""
    from callgate.service import registry_admin as admin
    from callgate.service import review as reviews

    found = reviews.captured(command)
    done = admin.pin(folder, server, reviews.pins(found, command[0]), canary=canary, dry_run=dry_run)
    if out is not None and not dry_run:
        reviews.save(found, out)
    edited(done, folder, as_json)


def review(
    old: Annotated[str, typer.Argument(help="A capture's file, as `pin --out` made it.")],
    new: Command,
    as_json: AsJson = False,
) -> None:
    """Show what changed between two captures, or since a capture was made: classed, the gravest first."""
    from callgate.service import review as reviews

    found = reviews.review(reviews.captured([old]), reviews.captured(new))
    if as_json:
        show_json(found)
        return
    for item in found["items"]:
        show_item(item)
    say(
        "{same} unchanged, {count}",
        same=plural(found["same"], "definition"),
        count=plural(len(found["items"]), "difference"),
    )
