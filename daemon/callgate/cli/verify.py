"""`callgate verify`: what is proved of the log, and what is not. Needs no daemon and no private key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from callgate.cli.show import AsJson
from callgate.cli.text import plural, say, show_json
from callgate.model.errors import CallgateError
from callgate.system.paths import folders


def verify(
    since: Annotated[
        Path | None,
        typer.Option("--from", help="A signed checkpoint that was kept elsewhere: what changed since then?"),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Check this bundle of evidence instead: on any machine, without a log.")
    ] = None,
    witness: Annotated[str, typer.Option(help="With --bundle: the public key of a witness.")] = "",
    key: Annotated[str, typer.Option(help="Trust only this key (name+id+base64).")] = "",
    as_json: AsJson = False,
) -> None:
    """Check the log: was any row edited, removed, put in or cut off? Needs no daemon. Exit code 4 if so."""
    if bundle is not None and since is not None:
        raise CallgateError("verify", "takes --from or --bundle, not both")
    found = _judged_bundle(bundle, key, witness) if bundle else _judged_log(since, key)
    if as_json:
        show_json(found)
    else:
        if found["ok"]:
            say("[green]✓[/] {rows} verified, none edited, missing or put in", rows=plural(found["rows"], "row"))
        show_judgement(found)
    if not found["ok"]:
        raise typer.Exit(4)


def _judged_log(since: Path | None, key: str) -> dict[str, Any]:
    from callgate.service.offline import verify_offline  # 0.2 s, which commands that ask the daemon do not need

    return verify_offline(folders(os.environ), since, key)


def _judged_bundle(path: Path, key: str, witness: str) -> dict[str, Any]:
    from callgate.service.evidence import judge

    return judge(path, key, witness)


def show_judgement(found: dict[str, Any]) -> None:
    """What was found, what is proved, what is not."""
    for finding in found["findings"]:
        say("[red]✗[/] {finding}", finding=finding)
    for sentence in found["proved"]:
        say("[green]proved[/]      {sentence}", sentence=sentence)
    for sentence in found["not_proved"]:
        say("[yellow]not proved[/]  {sentence}", sentence=sentence)
