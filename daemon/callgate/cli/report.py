"""`callgate report`: inventory, usage, denials, findings and coverage of some time, as a page or as JSON."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from callgate.cli.log import point_in_time
from callgate.cli.show import client
from callgate.cli.text import say
from callgate.model.errors import CallgateError
from callgate.system.files import replace_file


class Form(StrEnum):
    """How a report is written."""

    HTML = "html"
    JSON = "json"


def report(
    since: Annotated[str, typer.Option(help="From then on: 30d, or 2026-11-21[T10:00[Z]].")] = "30d",
    until: Annotated[str, typer.Option(help="Up to then: the same forms.")] = "",
    form: Annotated[Form, typer.Option("--format", help="A page, or JSON for programs.")] = Form.HTML,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it; else it is printed.")
    ] = None,
) -> None:
    """Report what the agents did: inventory, usage, denials, findings, coverage, mapped to control sets."""
    query: dict[str, str | int] = {}
    for name, moment in (("since", since), ("until", until)):
        if moment:
            query[name] = point_in_time(name, moment)
    found = client().report(query)
    if form is Form.JSON:
        text = json.dumps(found, ensure_ascii=True, indent=1) + "\n"
    else:
        from callgate.service.report_page import render  # what the other commands do not need

        text = render(found)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        replace_file(output.absolute(), text.encode())
    except OSError as error:
        raise CallgateError(str(output), f"cannot be written ({error.strerror})", "name another file") from error
    say("written to {output}", output=output)
