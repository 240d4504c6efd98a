"""Pure: system settings that know servers by their names only (`mcp.allowed`, `mcp.excluded`)."""

from __future__ import annotations

from collections.abc import Callable

from callgate.agents.adapter import Paths
from callgate.agents.native.control import Piece, Wanted, path_of
from callgate.agents.native.forms import json_piece, names

NOBODY = "no-server-is-allowed"
"""Stands in a list of allowed names where an empty list would mean that all are allowed."""


def renderer(place: Paths, *, patterns: bool, empty_allows_all: bool) -> Callable[[Wanted, str], tuple[Piece, ...]]:
    """The renderer for a system settings file at `place`; `patterns`: the agent reads names as globs."""

    def render(wanted: Wanted, os: str) -> tuple[Piece, ...]:
        if not wanted.exact:
            return ()
        allowed = names(wanted.allowed, patterns=patterns)
        lists = {
            "allowed": allowed or ([NOBODY] if empty_allows_all else []),
            "excluded": names(wanted.denied, patterns=patterns),
        }
        does = "starts only servers of these names (a name is a label: the gate decides what runs under it)"
        return json_piece(path_of(place, os), {"mcp": lists}, does, (("mcp", "allowed"), ("mcp", "excluded")))

    return render
