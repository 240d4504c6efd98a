"""Pure: tools that have the same name, or one that looks the same, on several servers or twice on one."""

from __future__ import annotations

from callgate.detect.words import plain_name


class Namesakes:
    """Names by how they look."""

    def __init__(self) -> None:
        self._alike: dict[str, list[tuple[str, str]]] = {}

    def add(self, server: str, name: str) -> list[tuple[str, str]]:
        """Take in a tool of a server; those that were there and look like it, as (server, name)."""
        known = self._alike.setdefault(plain_name(name), [])
        others = [one for one in known if one != (server, name)]
        if len(others) == len(known):
            known.append((server, name))
        return others
