"""Pure: the page that goes with rendered files: what each does, what is missing, how to deploy them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from callgate.agents.native.control import Piece
from callgate.registry.native import Rendering

NAME = "README.md"


def below(path: str) -> str:
    """Where a piece lies below the rendered folder: its path on the machine, a drive as a folder."""
    parts = path.replace("\\", "/").replace(":", "", 1) if path[1:3] == ":\\" else path
    return parts.lstrip("/")


def index(renderings: Iterable[Rendering], os: str, source: str, *, fleet: bool) -> str:
    """The page, as Markdown."""
    return "\n".join(_lines(list(renderings), os, source, fleet)) + "\n"


def _lines(renderings: list[Rendering], os: str, source: str, fleet: bool) -> Iterator[str]:
    yield "# Managed settings of coding agents"
    yield ""
    whom = "all machines alike" if fleet else "this machine and its user"
    yield f"Written by `callgate native render` for {whom} ({os}), from the rules of {source}."
    yield "Each file lies below this folder as on the machine. Copy it there as root, readable by all (mode 0644)."
    yield "Where such a file is there already, put our keys into it: `callgate native render / --merge` does."
    yield ""
    yield "| agent | file | what it does | when it does not parse |"
    yield "| --- | --- | --- | --- |"
    for one in renderings:
        for piece in one.pieces:
            yield f"| {one.native.name} | `{_where(piece)}` | {piece.does} | {one.native.broken} |"
    for one in renderings:
        yield ""
        yield f"## {one.native.name}"
        yield ""
        if not one.pieces:
            yield "* no file"
        for note in (*one.remarks, *one.native.notes):
            yield f"* {_plain(note)}"


def _where(piece: Piece) -> str:
    return below(piece.path)


def _plain(text: str) -> str:
    """One line, whatever names in it hold."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
