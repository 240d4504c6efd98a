"""One look at the machine: which agents are here, which servers they name, and what could not be read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from callgate.agents import ALL
from callgate.agents.adapter import Agent
from callgate.discovery import projects as project_folders
from callgate.discovery.live import agent_folders
from callgate.discovery.places import Spot, nearest_folder, spots
from callgate.discovery.reader import Reader
from callgate.model.inventory import AgentFound, ConfigFile, Entry, Inventory, Scope, Skipped, Surroundings
from callgate.settings import Scan

WATCH_MAX = 4000
"""Folders to watch; Linux allows 8,192 watches a user on small machines, and editors want some."""


def scan(
    around: Surroundings, limits: Scan, projects: Iterable[str] | None = None, agents: Sequence[Agent] = ALL
) -> Inventory:
    """What the agents' files say. Never raises for what is in them; nothing is started and nothing is written.

    Each file is read once; one that several agents read gives entries for each of them. A project's file counts for
    the agents that are installed, or, if none of its readers is, for the first of them. Without `projects`, project
    folders are looked for: in the agents' own lists, where agents run, and by a bounded walk below the home.
    """
    look = _Look(around, limits, agents)
    for agent in agents:
        look.take(agent, None)
    if projects is None:
        projects = look.projects()
    here = {found.id for found in look.installed()}
    for project in dict.fromkeys(os.path.normpath(folder) for folder in projects):
        for agent in agents:
            if agent.id in here:
                look.take(agent, project)
        for agent in agents:
            if agent.id not in here:
                look.take(agent, project, unread=True)
    return look.inventory()


class _Look:
    """What one look has found so far."""

    def __init__(self, around: Surroundings, limits: Scan, agents: Sequence[Agent]) -> None:
        self._around = around
        self._limits = limits
        self._agents = agents
        self._reader = Reader(limits.file_max)
        self._entries: list[Entry] = []
        self._files: list[ConfigFile] = []
        self._skipped: list[Skipped] = []
        self._watch: set[str] = set()
        self._paths: set[str] = set()
        self._seen: set[tuple[str, str, str]] = set()
        self._listed: list[str] = []

    def take(self, agent: Agent, project: str | None, *, unread: bool = False) -> None:
        """Read this agent's files: the person's and the system's, or a project's (only those `unread` so far)."""
        for spot in spots(agent, self._around, project):
            if isinstance(spot, Skipped):
                self._skipped.append(spot)
                continue
            key = (agent.id, spot.file.path, spot.file.shape)
            if key in self._seen or (unread and spot.file.path in self._paths):
                continue  # a home that is a project too names the same file twice
            self._seen.add(key)
            self._read(spot)

    def _read(self, spot: Spot) -> None:
        folder = nearest_folder(spot.file.path)
        found = self._reader.entries(spot)
        if folder is not None and len(self._watch) < WATCH_MAX:
            self._watch.add(folder)
        if found is None:
            return
        self._paths.add(spot.file.path)
        entries, skipped = found
        document = self._reader.document(spot.file.path, spot.file.format)
        if not isinstance(document, Skipped):
            self._files.append(spot.file)
            if spot.file.scope is Scope.USER:
                self._listed += project_folders.listed(document)
        self._entries += entries
        self._skipped += skipped

    def projects(self) -> list[str]:
        """Project folders of this home: listed by agents, with an agent at work in them, or found by a walk."""
        walked = project_folders.walk(self._around, self._limits, self._agents)
        self._skipped += walked.skipped
        home = self._around.home.rstrip("/")
        running = [folder for folder in agent_folders(self._agents) if folder == home or folder.startswith(home + "/")]
        named = [entry.project for entry in self._entries if entry.project]
        known = [folder for folder in (*named, *self._listed, *running) if os.path.isdir(folder)]  # noqa: PTH112
        return [*known[: project_folders.KNOWN_MAX], *walked.folders]

    def inventory(self) -> Inventory:
        """All of it, in the order in which agents and files were looked at."""
        return Inventory(
            agents=self.installed(),
            entries=tuple(self._entries),
            files=tuple(self._files),
            watch=tuple(sorted(self._watch)),
            skipped=tuple(dict.fromkeys(self._skipped)),
        )

    def installed(self) -> tuple[AgentFound, ...]:
        """The agents of which there is evidence so far."""
        return tuple(found for agent in self._agents if (found := self._installed(agent)))

    def _installed(self, agent: Agent) -> AgentFound | None:
        signs = [sign for sign in agent.signs(self._around) if os.path.lexists(sign)]
        own = [f.path for f in self._files if f.agent == agent.id and f.scope in (Scope.USER, Scope.PLUGIN)]
        evidence = tuple(dict.fromkeys((*signs, *own)))[:10]
        return AgentFound(agent.id, agent.name, evidence) if evidence else None
