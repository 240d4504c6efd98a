"""Pure: kinds of tools, as the agents' records name them."""

from __future__ import annotations

from collections.abc import Mapping

from callgate.model.call import Doing


def tools(*, runs: str = "", read: str = "", write: str = "", fetch: str = "", other: str = "") -> Mapping[str, Doing]:
    """The kinds by tool name; each text lists the names of one kind."""
    kinds = {Doing.SHELL: runs, Doing.READ: read, Doing.WRITE: write, Doing.FETCH: fetch, Doing.OTHER: other}
    return {name: kind for kind, names in kinds.items() for name in names.split()}
