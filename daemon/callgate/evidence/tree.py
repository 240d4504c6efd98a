"""Pure: the live trees of processes below agents, and which of them a new process belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

NODES_MAX = 20_000
"""Processes that are followed at once: more than an agent's build ever has; what is beyond is counted."""
GROUPS_MAX = 4096
"""Groups and sessions whose leader was seen below an agent; the oldest are forgotten."""


class Tie(StrEnum):
    """How a process is known to be an agent's."""

    ROOT = "root"
    """It is the agent."""
    CHILD = "child"
    """Its parent is followed."""
    FORKED = "forked"
    """The kernel told who forked it, whoever became its parent afterwards."""
    GROUP = "group"
    """Its parent has ended, and a followed process led its process group or session."""


@dataclass(frozen=True, slots=True)
class Root:
    """One run of an agent: its outermost process."""

    pid: int
    start: float
    agent: str
    evidence: str
    session: str


@dataclass(frozen=True, slots=True)
class Node:
    """A followed process. `exe` and `argv` are those of the last look at it."""

    pid: int
    start: float
    parent: int
    """The process that started it, so far as is known, also when that has ended since."""
    root: Root
    tie: Tie
    exe: str
    argv: tuple[str, ...]
    uid: int
    born: int
    """Nanoseconds since the epoch."""
    agent: bool = False
    """It is the agent itself, or another process of the same agent."""


@dataclass(slots=True)
class Counts:
    """What of a session's processes has no node."""

    alive: int = 0
    """Processes that are followed now."""
    seen: int = 0
    """Processes below the agent that were ever followed."""
    short: int = 0
    """Ended before we could look at them: only the kernel's word says that they were."""
    left_out: int = 0
    """Not followed because there were too many."""


@dataclass(slots=True)
class Tree:
    """All agents' trees."""

    nodes: dict[int, Node] = field(default_factory=dict)
    counts: dict[Root, Counts] = field(default_factory=dict)
    _groups: dict[int, Root] = field(default_factory=dict)

    def belongs(self, parent: int, group: int, session: int) -> tuple[Root, Tie] | None:
        """The run of an agent that a new process with this parent is part of. `group` and `session` count only for
        those whose parent is not followed: they are kept when a process is given another parent.
        """
        if node := self.nodes.get(parent):
            return node.root, Tie.CHILD
        root = self._groups.get(group) or self._groups.get(session)
        return (root, Tie.GROUP) if root else None

    def add(self, node: Node, group: int = 0) -> bool:
        """Follow a process (or know it better); False if there are too many already."""
        counts = self.counts.setdefault(node.root, Counts())
        if node.pid not in self.nodes:
            if len(self.nodes) >= NODES_MAX:
                counts.left_out += 1
                return False
            counts.alive += 1
            counts.seen += node.tie is not Tie.ROOT
        elif self.nodes[node.pid].root != node.root:
            self._leave(self.nodes[node.pid].root)
            counts.alive += 1
        if group == node.pid and not node.agent:
            self._groups[group] = node.root
            while len(self._groups) > GROUPS_MAX:
                del self._groups[next(iter(self._groups))]
        self.nodes[node.pid] = node
        return True

    def leads(self, pid: int) -> None:
        """A followed process leads a group or session of its own by now."""
        if (node := self.nodes.get(pid)) and not node.agent:
            self._groups[pid] = node.root

    def end(self, pid: int) -> Node | None:
        """A process has ended; its node, if it was followed. Its group may outlive it."""
        node = self.nodes.pop(pid, None)
        if node is not None:
            self._leave(node.root)
        return node

    def _leave(self, root: Root) -> None:
        self.counts[root].alive -= 1
        if not self.counts[root].alive:
            del self.counts[root]
            self._groups = {id: one for id, one in self._groups.items() if one != root}

    def reused(self, pid: int) -> None:
        """A process that is none of an agent's has this pid, so no group of that name can be left."""
        self._groups.pop(pid, None)

    def roots(self) -> list[Root]:
        """All runs of which a process lives, the oldest first."""
        return sorted(self.counts, key=lambda root: (root.start, root.pid))

    def above(self, pid: int) -> Iterator[Node]:
        """The followed processes above one, nearest first."""
        seen = {pid}
        node = self.nodes.get(pid)
        while node is not None and node.tie is not Tie.ROOT and node.parent not in seen:
            seen.add(node.parent)
            node = self.nodes.get(node.parent)
            if node is not None:
                yield node
