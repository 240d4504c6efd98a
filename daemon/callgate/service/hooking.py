"""The agents' hooks of one home: put where the settings want them, taken out again, and what they must be told."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence

from callgate.agents import ALL
from callgate.agents.adapter import fill
from callgate.model.identity import Identified
from callgate.model.inventory import Entry, Inventory, Surroundings, Transport
from callgate.server.hook_server import Entry as Known
from callgate.settings import Settings
from callgate.system.paths import Folders
from callgate.wrap.apply import Wrapper
from callgate.wrap.hooker import Hooker
from callgate.wrap.report import Report

WITH_HOOKS = tuple(agent.id for agent in ALL if agent.hooks is not None)


class Hooking:
    """Belongs to a worker, whose lock its callers hold; only `entries` may be asked at any time."""

    def __init__(self, where: Folders, around: Surroundings, wrapper: Wrapper) -> None:
        self._hooker = Hooker(where, around)
        self._wrapper = wrapper
        self._around = around
        self._known: dict[str, Sequence[Known]] = {}

    def put(self, found: Inventory, settings: Settings, excepted: Collection[str] = (), agent: str = "") -> Report:
        """Install the hooks (of one agent), or take them out if the settings say that there are to be none."""
        if not settings.hooks.install:
            return self.take(agent or None)
        agents = [each for each in self._agents(found) if each not in excepted and agent in ("", each)]
        managed = settings.hooks.managed
        missing = self._hooker.missing(agents, managed=managed)
        left = [each for each in agents if each not in missing]
        with self._wrapper.alone():
            return Report((*self._hooker.install(missing, managed=managed), *self._hooker.refresh(left)))

    def preview(self, found: Inventory, settings: Settings, agent: str | None = None) -> Report:
        """What `put` would do."""
        if not settings.hooks.install:
            return self.preview_removal(agent)
        agents = [each for each in self._agents(found) if agent in (None, each)]
        return Report(tuple(self._hooker.preview(agents, managed=settings.hooks.managed)))

    def preview_removal(self, agent: str | None, *, whole: bool = False) -> Report:
        """What `take` would do."""
        return Report(tuple(self._hooker.preview_removal(agent, whole=whole)))

    def take(self, agent: str | None, *, whole: bool = False) -> Report:
        """Take the hooks (of one agent) out; `whole` means those in other homes too."""
        with self._wrapper.alone():
            return Report(tuple(self._hooker.remove(agent, whole=whole)))

    def states(self, found: Inventory, settings: Settings) -> list[dict[str, str]]:
        """Per agent that has hooks: whether ours are installed, where, and what the user should know."""
        return self._hooker.states(self._agents(found), managed=settings.hooks.managed)

    def count(self, found: Inventory, settings: Settings) -> dict[str, list[str]]:
        """The agents that have hooks, by the state of ours; one that lacks some is not `installed`."""
        by: dict[str, str] = {}
        for one in self.states(found, settings):
            if by.get(one["agent"], "installed") == "installed":
                by[one["agent"]] = one["state"]
        return {state: [agent for agent in by if by[agent] == state] for state in sorted(set(by.values()))}

    def watched(self, found: Inventory, settings: Settings) -> tuple[list[str], set[str]]:
        """Folders and names of files in which somebody may remove our hooks."""
        agents = self._agents(found)
        files = [os.path.realpath(file) for file in self._hooker.files(agents, managed=settings.hooks.managed)]
        folders = sorted({os.path.dirname(file) for file in files})  # noqa: PTH120 - text, not a lookup
        return [folder for folder in folders if os.path.isdir(folder)], {file.rpartition("/")[2] for file in files}  # noqa: PTH112

    def learn(self, states: Sequence[tuple[Entry, str, str]], identity: Callable[[Entry], Identified]) -> None:
        """Keep what a hook has to know of the servers in the configs."""
        known: dict[str, list[Known]] = {}
        for entry, state, _ in states:
            covered = state == "wrapped" and entry.transport is not Transport.STDIO
            known.setdefault(entry.agent, []).append(Known(entry.name, identity(entry), covered))
        self._known = {agent: tuple(entries) for agent, entries in known.items()}

    def entries(self, agent: str) -> Sequence[Known]:
        """See server.hooks.Around. Does not block."""
        return self._known.get(agent, ())

    def _agents(self, found: Inventory) -> list[str]:
        """The agents of this home that can be told about: what is installed for all users is no reason to write here,
        unless there is a folder of the agent's own.
        """
        there = {one.id for one in found.agents}
        return [agent.id for agent in ALL if agent.hooks is not None and agent.id in there and self._lives(agent.id)]

    def _lives(self, agent: str) -> bool:
        record = next(each for each in ALL if each.id == agent)
        signs = [path for path in record.signs(self._around) if path.startswith(self._around.home)]
        spot = fill(record.hooks.spot.path, self._around) if record.hooks is not None else None
        return any(os.path.lexists(path) for path in [*signs, *([spot] if spot else [])])
