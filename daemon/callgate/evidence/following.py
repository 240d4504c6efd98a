"""Follows agents and all that they start: by comparing pids, or by the kernel's own news where it tells them.

A process is an agent by its executable (who is one is handed in), and an agent's by its ancestry; never by a name that
it gave itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from callgate.evidence.tree import Counts, Node, Root, Tie, Tree
from callgate.system import processes
from callgate.system.forks import News, What
from callgate.system.processes import Process

YOUNG = 8
"""Looks at which a new process is looked at again: it may not have started its program yet, or change it."""
WHOLE = 40
"""Looks between two at which every process of the machine is compared: for programs that replaced another."""
FORKS_MAX = 64
"""Forks that are gone through, from a process upwards, in one reading of news."""
INIT = 1
"""Pid of the process that inherits those whose parent has ended."""

Recognise = Callable[[Process], tuple[str, str] | None]
"""The agent's id, and the evidence."""


@dataclass(slots=True)
class Changes:
    """What one look found."""

    started: list[Node] = field(default_factory=list)
    changed: list[Node] = field(default_factory=list)
    """Of those known before: they run another program now."""
    ended: list[Node] = field(default_factory=list)
    first: bool = False
    """It is the first look: what was started, was started before it."""


@dataclass(slots=True)
class _Known:
    """A process that is none of an agent's."""

    start: float
    exe: str
    looks: int = 0


@dataclass(slots=True)
class _Batch:
    """News that were read together."""

    parents: dict[int, int] = field(default_factory=dict)
    """Who forked whom."""
    alive: set[int] = field(default_factory=set)
    """Those that were forked and have not ended."""
    execs: set[int] = field(default_factory=set)
    ended: dict[int, Node] = field(default_factory=dict)
    """Those that were followed before and have ended."""


class Follower:
    """For one thread. `look` compares pids; `hear` takes news. Either may be used at any time, in any order."""

    def __init__(
        self, recognise: Recognise, wanted: Callable[[int], bool] = lambda _: True, boot: str | None = None
    ) -> None:
        self.tree = Tree()
        self.unexplained = 0
        """Processes that came to have no parent before they were looked at: an agent may have started them."""
        self._recognise = recognise
        self._wanted = wanted
        self._boot = processes.boot_id()[:8] if boot is None else boot
        self._known: dict[int, _Known] = {}
        self._young: dict[int, int] = {}
        self._looks = 0
        self._self = os.getpid()

    def look(self, *, whole: bool = False) -> Changes:
        """Compare what runs with what ran."""
        found = Changes()
        first = found.first = not self._looks
        whole = whole or not self._looks % WHOLE
        self._looks += 1
        now = processes.pids()
        for pid in [pid for pid in (*self.tree.nodes, *self._known) if pid not in now]:
            self._end(pid, found)
        for pid in [*self.tree.nodes]:
            self._again(pid, found)
        for pid in [*self._known] if whole else [pid for pid in self._young if pid in self._known]:
            self._again_known(pid, found)
        fresh = [(stat, pid) for pid in now if not self._has(pid) and (stat := processes.stat(pid))]
        for stat, pid in sorted(fresh, key=lambda one: (one[0].start, one[1])):
            if not stat.zombie:
                self._meet(pid, stat, found, first=first)
        return found

    def hear(self, news: Iterable[News]) -> Changes:
        """Take in what the kernel told. What has ended by the end of it is only counted."""
        found, batch = Changes(), _Batch()
        for one in news:
            if one.what is What.FORK:
                batch.parents[one.pid] = one.parent
                batch.alive.add(one.pid)
            elif one.what is What.EXEC:
                self._exec(one.pid, batch, found)
            else:
                self._exit(one.pid, batch, found)
        for pid in [pid for pid in batch.parents if pid in batch.alive]:
            if above := self._above(pid, batch):
                self._forked(pid, batch.parents[pid], above.root, found)
        for pid in batch.execs - batch.alive:
            if pid in self.tree.nodes:
                self._again(pid, found, told=True)
        return found

    def _exec(self, pid: int, batch: _Batch, found: Changes) -> None:
        """A process runs another program: at once an agent, perhaps, so that all that it forks from now on is seen."""
        if pid in self.tree.nodes or self._above(pid, batch):
            batch.execs.add(pid)
        elif stat := processes.stat(pid):
            batch.alive.discard(pid)
            self._known.pop(pid, None)
            self._meet(pid, stat, found)

    def _exit(self, pid: int, batch: _Batch, found: Changes) -> None:
        """A process has ended; what it forked before, in the same reading of news, is still its agent's."""
        if pid in batch.alive:
            if above := self._above(pid, batch):
                self._count(above.root).short += 1
        else:
            if node := self.tree.nodes.get(pid):
                batch.ended[pid] = node
            self._end(pid, found)
        batch.alive.discard(pid)
        batch.execs.discard(pid)

    def _above(self, pid: int, batch: _Batch) -> Node | None:
        """The followed process that forked this one, or that forked the one that did, and so on."""
        for _ in range(FORKS_MAX):
            pid = batch.parents.get(pid, 0)
            if node := self.tree.nodes.get(pid) or batch.ended.get(pid):
                return node
            if not pid:
                break
        return None

    def _count(self, root: Root) -> Counts:
        return self.tree.counts.get(root) or Counts()  # of a run that is over nobody asks any more

    def _has(self, pid: int) -> bool:
        return pid in self.tree.nodes or pid in self._known

    def _end(self, pid: int, found: Changes) -> None:
        self._known.pop(pid, None)
        self._young.pop(pid, None)
        if node := self.tree.end(pid):
            found.ended.append(node)

    def _forked(self, pid: int, parent: int, root: Root, found: Changes) -> None:
        seen = processes.process(pid)
        if seen is None:
            self._count(root).short += 1
            return
        stat = processes.stat(pid)
        if self.tree.nodes.get(pid):
            self._end(pid, found)
        self._known.pop(pid, None)
        tie = Tie.CHILD if seen.ppid == parent else Tie.FORKED
        self._follow(replace(seen, ppid=parent), stat.group if stat else 0, root, tie, found)

    def _again(self, pid: int, found: Changes, *, told: bool = False) -> None:
        """Look again at a process that is followed."""
        node, stat = self.tree.nodes[pid], processes.stat(pid)
        if stat is None or stat.zombie or stat.start != node.start:
            self._end(pid, found)
            return
        if pid in (stat.group, stat.session):
            self.tree.leads(pid)
        young = self._young.get(pid, 0)
        if young:
            self._young[pid] = young - 1
            if young == 1:
                del self._young[pid]
        if not (told or young or processes.program_of(pid) != node.exe):
            return
        seen = processes.process(pid)
        if seen is not None and seen.start == node.start and (seen.exe, seen.argv) != (node.exe, node.argv):
            self._follow(replace(seen, ppid=node.parent), stat.group, node.root, node.tie, found, before=node)

    def _again_known(self, pid: int, found: Changes) -> None:
        """Look again at a process that was none of an agent's."""
        known = self._known[pid]
        young = self._young.pop(pid, 0)
        if young > 1:
            self._young[pid] = young - 1
        stat = processes.stat(pid)
        if stat is None:
            self._end(pid, found)
        elif stat.start != known.start or processes.program_of(pid) != known.exe:
            self._end(pid, found)
            self._meet(pid, stat, found)

    def _meet(self, pid: int, stat: processes.Stat, found: Changes, *, first: bool = False) -> None:
        """A process that was not known."""
        if pid == self._self:
            self._known[pid] = _Known(stat.start, processes.program_of(pid))
            return
        placed = self.tree.belongs(stat.ppid, stat.group, stat.session)
        seen = processes.process(pid)
        if seen is None:
            if placed:
                self.tree.counts[placed[0]].short += 1
            return
        if placed:
            self._follow(seen, stat.group, *placed, found)
            return
        if self._is_ours(seen) and (agent := self._recognise(seen)) and self._wanted(pid):
            root = self._root(seen, *agent)
            self._add(seen, stat.group, root, Tie.ROOT, found, agent=True)
            return
        self.tree.reused(pid)
        self._known[pid] = _Known(seen.start, seen.exe)
        self._young[pid] = YOUNG
        if not first and stat.ppid == INIT and self._is_ours(seen) and self.tree.counts:
            self.unexplained += 1

    def _follow(
        self,
        seen: Process,
        group: int,
        root: Root,
        tie: Tie,
        found: Changes,
        before: Node | None = None,
    ) -> None:
        """Put a process into the tree of `root`, or, if it is another agent, into one of its own."""
        if seen.pid == self._self:
            return
        agent = self._recognise(seen)
        if agent is not None and agent[0] != root.agent:
            root, tie = self._root(seen, *agent), Tie.ROOT
        is_agent = agent is not None and agent[0] == root.agent
        self._add(seen, group, root, tie, found, agent=is_agent, before=before)

    def _add(
        self,
        seen: Process,
        group: int,
        root: Root,
        tie: Tie,
        found: Changes,
        *,
        agent: bool,
        before: Node | None = None,
    ) -> None:
        node = Node(
            seen.pid, seen.start, seen.ppid, root, tie, seen.exe, seen.argv, seen.uid, processes.born(seen.start), agent
        )
        if self.tree.add(node, group):
            (found.started if before is None else found.changed).append(node)
            if before is None:
                self._young[seen.pid] = YOUNG

    def _root(self, seen: Process, agent: str, evidence: str) -> Root:
        session = f"{self._boot}-{seen.pid}-{seen.start:.2f}"
        return Root(seen.pid, seen.start, agent, f"pid {seen.pid}: {evidence}", session)

    @staticmethod
    def _is_ours(seen: Process) -> bool:
        return seen.uid == os.getuid()
