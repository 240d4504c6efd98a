"""`callgate doctor`: what is wrong, and what to do. Works with the daemon down."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from callgate.cli.show import AsJson
from callgate.cli.text import say, show_json

MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


def doctor(
    prove: Annotated[bool, typer.Option("--prove", help="Try canaries: see that the gate refuses them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check settings, folders, daemon, shim, launchers, registry and log. Exit code 1 if something is wrong."""
    from callgate.service.checkup import checkup, proved  # 0.2 s that other commands do not need

    found = list(checkup(os.environ))
    if prove:
        found += proved(os.environ)
    failed = any(check.grade == "fail" for check in found)
    if as_json:
        checks = [{"check": one.what, "grade": one.grade, "found": one.found, "step": one.step} for one in found]
        show_json({"ok": not failed, "checks": checks})
    else:
        for one in found:
            say(MARKS[one.grade] + " {what} {found}", what=f"{one.what:10}", found=one.found)
            if one.step:
                say("             → {step}", step=one.step)
    if failed:
        raise typer.Exit(1)
