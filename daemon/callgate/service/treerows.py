"""The rows of agents' processes, within limits, and the live tree as the local API gives it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from callgate.audit.argv import redact_argv
from callgate.evidence.causes import Cause
from callgate.evidence.following import Changes
from callgate.evidence.tree import Node, Root, Tie, Tree
from callgate.model.event import Event
from callgate.server.door import Json
from callgate.service.running import Running

HOLD = 0.5
"""Seconds from a process's start to its row: by then it runs its own program, and the call's row is in the log."""
BURST = 100
"""Rows of one session at once: a build starts thousands of processes, of which the first say enough."""
EACH_SECOND = 1.0
"""Rows of one session that may follow each second; the others are counted."""
WORDS_SHOWN = 64
"""Words of a command line in a row."""
WORD_MAX = 1024
"""Characters of each."""

Explain = Callable[[Node], Cause]


@dataclass(slots=True)
class _Purse:
    """How many rows a session may still have."""

    left: float = BURST
    at: float = field(default_factory=time.monotonic)
    more: int = 0

    def take(self) -> bool:
        """Is there one?"""
        now = time.monotonic()
        self.left = min(BURST, self.left + (now - self.at) * EACH_SECOND)
        self.at = now
        if self.left < 1:
            self.more += 1
            return False
        self.left -= 1
        return True


class TreeRows:
    """For one thread."""

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._waiting: dict[int, tuple[Node, float]] = {}
        self._causes: dict[int, Cause] = {}
        self._told: dict[int, Node] = {}
        self._ended: list[tuple[Node, int]] = []
        self._purses: dict[Root, _Purse] = {}

    def take(self, found: Changes) -> None:
        """Rows to come."""
        due = time.monotonic() + HOLD
        if not found.first:
            self._waiting.update((node.pid, (node, due)) for node in found.started)
        for node in found.changed:
            if node.pid in self._waiting:
                self._waiting[node.pid] = node, self._waiting[node.pid][1]
        for node in found.ended:
            self._ended.append((node, time.time_ns()))
            if node.pid in self._waiting:
                self._waiting[node.pid] = node, 0.0

    def write(self, refresh: Callable[[], None], explain: Explain, tree: Tree) -> None:
        """Write the rows that are due."""
        now = time.monotonic()
        ready = [node for node, due in self._waiting.values() if due <= now]
        events: list[Event] = []
        if ready:
            refresh()
        for node in ready:
            del self._waiting[node.pid]
            cause = self._causes[node.pid] = explain(node)
            purse = self._purses.setdefault(node.root, _Purse())
            if purse.take():
                events.append(self._started(node, cause, tree, purse))
                self._told[node.pid] = node
        for node, when in self._ended:
            self._causes.pop(node.pid, None)
            if (told := self._told.get(node.pid)) and told.start == node.start:
                del self._told[node.pid]
                events.append(_ended(node, when))
        self._ended.clear()
        self._purses = {root: purse for root, purse in self._purses.items() if root in tree.counts}
        if events:
            self._daemon.record(events)

    def cause(self, node: Node, explain: Explain) -> Cause:
        """What started a process: as its row says, unless more is known by now."""
        said = self._causes.get(node.pid)
        return said if said is not None and said.kind not in ("agent", "server") else explain(node)

    def _started(self, node: Node, cause: Cause, tree: Tree, purse: _Purse) -> Event:
        more, purse.more = purse.more, 0
        counts = tree.counts.get(node.root)
        detail: dict[str, object] = {
            "pid": node.pid,
            "parent": node.parent,
            "exe": _text(node.exe),
            "argv": words(node, self._daemon.key),
            "cause": "outside" if node.tie is Tie.ROOT else cause.kind,
            "by": "" if node.tie is Tie.ROOT else cause.by,
            "tie": node.tie.value,
            "more": more,
            "short": counts.short if counts else 0,
        }
        above = tree.nodes.get(node.root.pid)
        if above is not None and above.uid != node.uid:
            detail["account"] = node.uid
        return Event(
            "process.started",
            node.born,
            uid=cause.uid,
            session=node.root.session,
            agent=node.root.agent,
            server=cause.server,
            entry=cause.entry,
            tool=cause.tool,
            detail=detail,
        )


def _ended(node: Node, when: int) -> Event:
    detail = {"pid": node.pid, "ms": max(0, (when - node.born) // 10**6)}
    return Event("process.ended", when, session=node.root.session, agent=node.root.agent, detail=detail)


def words(node: Node, key: bytes) -> list[str]:
    """A command line without its secrets, within limits."""
    return [_text(word) for word in redact_argv(node.argv, key)[:WORDS_SHOWN]]


def shown(root: Root, tree: Tree, causes: Mapping[int, Cause], key: bytes) -> Json:
    """One session's tree, parents before their children."""
    nodes = sorted((node for node in tree.nodes.values() if node.root == root), key=lambda one: (one.start, one.pid))
    counts = tree.counts[root]
    return {
        "session": root.session,
        "agent": root.agent,
        "pid": root.pid,
        "evidence": root.evidence,
        "running": root.pid in tree.nodes,
        "seen": counts.seen,
        "short": counts.short,
        "left_out": counts.left_out,
        "processes": [
            {
                "pid": node.pid,
                "parent": node.parent,
                "exe": _text(node.exe),
                "argv": words(node, key),
                "account": node.uid,
                "born": node.born,
                "tie": node.tie.value,
                "cause": "outside" if node.tie is Tie.ROOT else causes[node.pid].kind,
                "uid": causes[node.pid].uid,
                "tool": causes[node.pid].tool,
                "entry": causes[node.pid].entry,
                "server": causes[node.pid].server,
                "by": causes[node.pid].by,
            }
            for node in nodes
        ],
    }


def _text(word: str) -> str:
    return word.encode("utf-8", "backslashreplace").decode()[:WORD_MAX]
