"""`callgate evidence`: all that the log has of one session, with proofs, in one file for somebody else."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Annotated

import typer

from callgate.cli.show import AsJson, client
from callgate.cli.text import plural, say, show_json
from callgate.cli.verify import show_judgement
from callgate.model.errors import DaemonAwayError
from callgate.system.paths import folders


def evidence(
    session: Annotated[str, typer.Argument(help="As `callgate log --json` names it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("bundle.zip"),
    as_json: AsJson = False,
) -> None:
    """Write the evidence of a session: its events, kept payloads, proofs, rules, a report."""
    from callgate.service.evidence import make  # 0.2 s

    with contextlib.suppress(DaemonAwayError):  # then what was signed last has to do
        client().make_checkpoint()
    found = make(folders(os.environ), session, out)
    if as_json:
        show_json(found)
        return
    say("[green]✓[/] {file}: {rows}", file=found["file"], rows=plural(found["rows"], "row"))
    show_judgement(found)
