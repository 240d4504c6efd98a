"""`callgate session`: the runs of agents, and the story of one of them."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from callgate.cli.show import client
from callgate.cli.text import cell, clock, console, mark, say, show_json, table
from callgate.model.errors import CallgateError
from callgate.system.files import replace_file

WIDTH = 100
"""Characters of a prompt or an answer on a terminal."""


class Form(StrEnum):
    """How a story is told."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


def session(
    name: Annotated[
        str | None, typer.Argument(help="A run, or the beginning of its name; without it, all are listed.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="For a terminal, for programs, or as a page.")] = Form.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it; else it is printed.")
    ] = None,
) -> None:
    """List the runs of agents, or tell one: prompts, model turns, calls, verdicts, and how they were joined."""
    if name is None:
        _list(form)
        return
    story = client().session(name)
    if form is Form.TEXT and output is None:
        _tell(story)
        return
    if form is Form.HTML:
        from callgate.service.story_page import render  # what the other commands do not need

        text = render(story)
    else:
        text = json.dumps(story, ensure_ascii=True, indent=1) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        replace_file(output.absolute(), text.encode())
    except OSError as error:
        raise CallgateError(str(output), f"cannot be written ({error.strerror})", "name another file") from error
    say("written to {output}", output=output)


def _list(form: Form) -> None:
    found = client().sessions()
    if form is Form.JSON:
        show_json(found)
        return
    if not found["sessions"]:
        say("no agent has run yet")
        return
    shown = table("session", "agent", "from", "to", "calls", "refused", "findings")
    for one in found["sessions"]:
        times = (cell(clock(one["begun"]), "dim"), cell(clock(one["last"]), "dim"))
        counts = (cell(one["calls"]), cell(one["refused"]), cell(one["findings"]))
        shown.add_row(cell(one["session"]), cell(one["agent"], "bold"), *times, *counts)
    console.print(shown)


def _tell(story: dict[str, Any]) -> None:
    seen = ", ".join(story["channels"]) or "none"
    say("[bold]{agent}[/]  {session}, seen by {seen}", agent=story["agent"] or "?", session=story["session"], seen=seen)
    for item in story["items"]:
        say("[dim]{when}[/]  " + _line(item)[0], when=clock(item["time"]), **_line(item)[1])
    for finding in story["findings"]:
        colour = "red" if finding["severity"] == "high" else "yellow"
        say(
            f"[{colour}]{{severity}}[/] {{reason}} (row {{seq}})",
            **{k: finding[k] for k in ("severity", "reason", "seq")},
        )
    if story["cut"]:
        say("[yellow]only the newest part of this run is told[/]")


def _line(item: dict[str, Any]) -> tuple[str, dict[str, object]]:
    """One item as markup and what is put into it."""
    if item["type"] == "prompt":
        who = "[blue]user[/]   " if item["by"] == "user" else "[dim]agent[/]  "
        return who + "{text}" + _refused(item), {"text": _short(item["text"]), **_why(item)}
    if item["type"] == "model":
        return "[magenta]model[/]  {text}", {"text": _short(item["text"] or item.get("problem"))}
    if item["type"] == "event":
        return "[dim]{kind} {entry}[/]" + _refused(item), {"kind": item["kind"], "entry": item["entry"], **_why(item)}
    effect = item.get("effect", "")
    how = f"joined by {item['method']}" if item["method"] else "could be another call" if item["ambiguous"] else ""
    seen = "+".join(view["channel"] for view in item["views"])
    shown = f"{mark(effect).markup} " if effect else "  "
    said = {"name": item["name"], "entry": item["entry"], "seen": f"{seen} {how}".strip(), **_why(item)}
    return shown + "[bold]{name}[/] {entry} [dim]({seen})[/]" + _refused(item), said


def _refused(item: dict[str, Any]) -> str:
    return " [red]{reason}[/]" if item.get("effect") in ("deny", "ask") else ""


def _why(item: dict[str, Any]) -> dict[str, object]:
    return {"reason": item.get("reason", "")} if item.get("effect") in ("deny", "ask") else {}


def _short(text: object) -> str:
    said = " ".join(str(text).split()) if text else "(not kept)"
    return said if len(said) <= WIDTH else said[: WIDTH - 1] + "…"
