"""Which agents and servers run, by their processes; and which agent stands behind a process that asks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from callgate.agents import ALL
from callgate.agents.adapter import Agent
from callgate.agents.process import recognise
from callgate.discovery.launch.read import behind_shim, read_launch
from callgate.discovery.launch.target import Executable, Launched, Module, Package, Script, Url
from callgate.discovery.launch.words import program
from callgate.discovery.programs import own_folders
from callgate.model.identity import Identified, Launch
from callgate.model.inventory import Entry, Inventory, Running, Transport
from callgate.system.processes import Process, ancestry, folder_of, processes

WORDS_MAX = 8
"""Words of a command line by which an agent is recognised: its script stands near the front."""


@dataclass(frozen=True, slots=True)
class AgentProcess:
    """The root process of a running agent."""

    id: str
    pid: int
    start: float
    evidence: str


def agent_of(pid: int, agents: Sequence[Agent] = ALL) -> AgentProcess | None:
    """The agent that a process belongs to, by its ancestry; None if no ancestor is positively an agent.

    The nearest agent counts (an agent may run in another one's terminal), with the outermost process of that same
    agent as its root. Takes well under 5 ms.
    """
    found: AgentProcess | None = None
    for each in ancestry(pid):
        for agent in agents if found is None else [one for one in agents if one.id == found.id]:
            if evidence := _is_agent(agent.executables, each.exe, each.argv[:WORDS_MAX]):
                found = AgentProcess(agent.id, each.pid, each.start, f"pid {each.pid}: {evidence}")
                break
    return found


def agent_folders(agents: Sequence[Agent] = ALL) -> list[str]:
    """The folders in which agents of this user run now."""
    found = (folder_of(each.pid) for each in _own() if named(each, agents))
    return sorted({folder for folder in found if folder})


def running(
    inventory: Inventory,
    agents: Sequence[Agent] = ALL,
    own: Iterable[str] | None = None,
    identify: Callable[[Launch], Identified] | None = None,
) -> tuple[Running, ...]:
    """The agents and servers of this user that run now.

    A server is a process below an agent that runs what an entry names, or the child of a shim of ours (`own` are the
    folders of our launchers and shim). `what` is its identity by `identify`, else what its command line says.
    """
    return _Table(list(_own()), agents, tuple(own) if own is not None else own_folders(), identify).look(inventory)


class _Table:
    """The process table at one moment."""

    def __init__(
        self,
        all: list[Process],
        agents: Sequence[Agent],
        own: tuple[str, ...],
        identify: Callable[[Launch], Identified] | None,
    ) -> None:
        self._by_pid = {each.pid: each for each in all}
        self._own = own
        self._identify = identify
        self._agents = {each.pid: found for each in all if (found := named(each, agents))}

    def look(self, inventory: Inventory) -> tuple[Running, ...]:
        """Agents first, then servers."""
        wanted = [(entry, _launched(entry, self._own)) for entry in inventory.entries if _is_local(entry)]
        found = [
            Running(pid, "agent", id, self._by_pid[pid].argv, evidence)
            for pid, (id, evidence) in self._agents.items()
            if not any(self._agents.get(above.pid, ("",))[0] == id for above in self._above(pid))
        ]
        for each in self._by_pid.values():
            if each.pid not in self._agents and (server := self._server(each, wanted)):
                found.append(server)
        return tuple(found)

    def _server(self, each: Process, wanted: list[tuple[Entry, Launched]]) -> Running | None:
        above = self._above(each.pid)
        parent = above[0] if above else None
        if self._inner(each) is not None:
            return None  # a shim itself
        if parent and (inner := self._inner(parent)):
            launched = read_launch(inner, self._own)
            return self._running(each, inner, launched, f"started by our shim, pid {parent.pid}", True)
        if not any(one.pid in self._agents for one in above):
            return None
        for entry, launched in wanted:
            if matches(each.argv, launched) and not (parent and matches(parent.argv, launched)):
                why = f"runs what the entry {entry.name} of {entry.agent} names, below an agent"
                shimmed = any(self._inner(one) is not None for one in above)
                return self._running(each, launched.argv, launched, why, shimmed)
        return None

    def _running(
        self, each: Process, argv: tuple[str, ...], launched: Launched, evidence: str, shimmed: bool
    ) -> Running:
        what = _guess(launched)
        if self._identify is not None:
            launch = Launch(argv, folder_of(each.pid) or "/", os.environ.get("PATH", ""))
            what = str(self._identify(launch).server)
        return Running(each.pid, "server", what, each.argv, evidence, shimmed)

    def _inner(self, each: Process) -> tuple[str, ...] | None:
        """The command line behind a shim of ours, if the process is one."""
        return behind_shim(each.argv, self._own)

    def _above(self, pid: int) -> list[Process]:
        """The ancestors of a process in this table, nearest first."""
        chain: list[Process] = []
        seen = {pid}
        above = self._by_pid.get(self._by_pid[pid].ppid)
        while above is not None and above.pid not in seen:
            seen.add(above.pid)
            chain.append(above)
            above = self._by_pid.get(above.ppid)
        return chain


def matches(argv: tuple[str, ...], launched: Launched) -> bool:
    """Is this the command line of a process that runs what was launched? Runners rewrite theirs: not word by word."""
    target = launched.target
    if argv and argv == launched.argv:
        return True
    near = argv[:WORDS_MAX]
    if isinstance(target, Url):
        target = target.via or target
    if isinstance(target, Package):
        bare = target.command or target.name.rsplit("/", 1)[-1]
        if target.kind == "oci":
            return (
                bool(argv) and program(argv[0]) in ("docker", "podman") and "run" in near and launched.argv[-1] in argv
            )
        inside = (f"/node_modules/{target.name}/", f"/node_modules/.bin/{bare}")
        return any(part in word for word in near for part in inside) or any(
            program(w) == bare and "/" in w for w in near[:2]
        )
    if isinstance(target, Script):
        return bool(argv) and any(_same_end(word, target.file) for word in near[1:])
    if isinstance(target, Module):
        return ("-m", target.name) in pairwise(near)
    if isinstance(target, Executable):
        return any(_same_end(word, target.command) for word in near[:2])
    return False


def _same_end(word: str, file: str) -> bool:
    wanted = file.removeprefix("./")
    return word == wanted or word.endswith("/" + wanted.lstrip("/"))


def _launched(entry: Entry, own: tuple[str, ...]) -> Launched:
    return read_launch(entry.argv, own)


def _is_local(entry: Entry) -> bool:
    return entry.transport is Transport.STDIO and bool(entry.argv)


def _guess(launched: Launched) -> str:
    target = launched.target
    if isinstance(target, Package):
        return f"{target.kind}:{target.name}" + (f"@{target.version}" if target.version else "")
    if isinstance(target, Url):
        return f"url:{target.url}"
    if isinstance(target, Script):
        return target.file
    if isinstance(target, Module):
        return f"python -m {target.name}"
    return launched.argv[0] if launched.argv else "?"


def _own() -> Iterable[Process]:
    mine = os.getuid()
    for each in processes():
        if each.uid != mine:
            return  # this user's come first
        yield each


def named(each: Process, agents: Sequence[Agent] = ALL) -> tuple[str, str] | None:
    """The id of the agent that this process by itself is, with the evidence; None if it is none."""
    for agent in agents:
        if evidence := _is_agent(agent.executables, each.exe, each.argv[:WORDS_MAX]):
            return agent.id, evidence
    return None


@lru_cache(maxsize=16384)
def _is_agent(executables: tuple[str, ...], exe: str, argv: tuple[str, ...]) -> str | None:
    """Agent.is_process, remembered: the same few hundred processes are asked about again and again."""
    return recognise(executables, exe, argv)
