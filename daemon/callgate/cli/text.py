"""How things look on a terminal: marks, colours, times and tables, in one place."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from callgate.cli.harmless import clean

Json = dict[str, Any]

EFFECTS = {"allow": ("●", "green"), "ask": ("●", "yellow"), "deny": ("●", "red")}
STATES = {"wrapped": "green", "left": "yellow", "open": "red"}


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """The reader has gone: for `main` to see, not for us to judge."""
        raise BrokenPipeError


console = _Terminal(highlight=False, soft_wrap=False, emoji=False)


def say(line: str = "", **values: object) -> None:
    """Print one line of our own markup; the values may hold anything and are shown as they are."""
    console.print(line.format(**{name: escape(clean(str(value))) for name, value in values.items()}), soft_wrap=True)


def show_json(document: object) -> None:
    """Print for a program: one JSON document, indented on a terminal only."""
    indent = 2 if sys.stdout.isatty() else None
    _write(json.dumps(document, indent=indent, ensure_ascii=True))


def show_lines(rows: Iterable[Json]) -> None:
    """Print for a program: one JSON object a line."""
    for row in rows:
        _write(json.dumps(row, ensure_ascii=True))
    _write()


def _write(line: str = "") -> None:
    """One line; without it, all that is still held back."""
    try:
        if line:
            sys.stdout.write(line + "\n")
        else:
            sys.stdout.flush()
    except BrokenPipeError:
        raise BrokenPipeError from None  # without its number, by which the library would take it for a failure


def table(*columns: str) -> Table:
    """An empty table in our style."""
    made = Table(box=None, pad_edge=False, header_style="dim", show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def cell(text: object, style: str = "") -> Text:
    """One cell; its text is shown as it is."""
    return Text(clean(str(text)), style=style)


def mark(effect: str) -> Text:
    """The coloured dot of an effect, with its word."""
    dot, colour = EFFECTS.get(effect, ("○", "dim"))
    return Text(f"{dot} {effect}" if effect else "", style=colour)


def clock(nanoseconds: int) -> str:
    """The local time of day, with the date when it is not today's."""
    moment = time.localtime(nanoseconds / 1e9)
    today = time.strftime("%F") == time.strftime("%F", moment)
    text = time.strftime("%T" if today else "%F %T", moment)
    return f"{text}.{nanoseconds // 10**6 % 1000:03d}"


def plural(count: int, noun: str) -> str:
    """`1 server`, `3 servers`, `2 entries`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1]}ies" if noun.endswith("y") else f"{count:,} {noun}s"


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:,.1f} MB" if count >= 10**5 else f"{count / 1e3:.1f} kB"


def event_row(row: Mapping[str, Any]) -> tuple[Text, ...]:
    """One row of the log as cells: number, time, effect, agent, what, why."""
    effect = str(row.get("effect", ""))
    what = row["kind"]
    if row.get("tool"):
        what = f"{row.get('entry', '?')} › {row['tool']}"
    elif row.get("entry"):
        what = f"{what} {row['entry']}"
    why = str(row.get("reason", "")) if effect != "allow" else ""
    why = why or _detail(row)
    shown = mark(effect)
    if effect in ("deny", "ask") and row.get("mode") == "observe":
        shown = Text(f"○ would {effect}", style="yellow")
    return (
        cell(row["seq"], "dim"),
        cell(clock(row["time"])),
        shown,
        cell(row.get("agent", "")),
        cell(what),
        cell(why, "dim"),
    )


def _detail(row: Mapping[str, Any]) -> str:
    detail = row.get("detail") or {}
    if row["kind"] == "call.answered":
        failed = ", with an error" if detail.get("error") else ""
        return f"answered after {detail.get('ms', '?')} ms, {detail.get('bytes', '?')} bytes{failed}"
    if row["kind"] == "tools.listed":
        denied = len(detail.get("denied", []))
        return f"{len(detail.get('tools', []))} tools, {denied} of them denied"
    if row["kind"] == "call.asked":
        return ""
    return ", ".join(f"{key} {value}" for key, value in detail.items() if isinstance(value, str | int) and value != "")


def progress(said: str) -> None:
    """Show how far something is, in place of what was shown before; "" ends it. Only where a person looks on."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{said}")
        sys.stderr.flush()
