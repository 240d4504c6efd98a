"""Looks at what agents run for what goes round the gate: at once where a process shows it, else every few seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from callgate.discovery.launch.read import read_launch
from callgate.discovery.launch.target import Launched
from callgate.discovery.live import matches
from callgate.evidence import rules
from callgate.evidence.following import Changes
from callgate.evidence.looking import Looker
from callgate.evidence.rules import Finding
from callgate.evidence.tree import Node, Root, Tree
from callgate.model.inventory import Entry, Inventory, Transport
from callgate.service.findings import Findings
from callgate.service.running import Running
from callgate.system.loopback_sockets import links
from callgate.system.processes import folder_of

SETTLED = 10**9
"""Nanoseconds after which a process is looked at closer: what ends before serves nobody."""
SETTINGS_EVERY = 5.0
"""Seconds between two looks at the settings of running agents."""
SOCKETS_EVERY = 2.0
"""Seconds between two looks at connections over loopback."""
NEAR = 8
"""Words at the front of a command line among which a file of ours stands."""


class Strays:
    """For one thread."""

    def __init__(self, daemon: Running, findings: Findings, looker: Looker, tree: Tree) -> None:
        self._daemon = daemon
        self._findings = findings
        self._looker = looker
        self._tree = tree
        self._own = tuple(f"{daemon.folders.data}/{name}/" for name in ("launchers", "shim", "hooks"))
        self._folders = (str(daemon.folders.launchers), str(daemon.folders.shim))
        self._unlooked: dict[int, Node] = {}
        self._inventory: Inventory | None = None
        self._launched: list[tuple[Entry, Launched]] = []
        self._settings_at = self._sockets_at = 0.0

    def take(self, found: Changes) -> None:
        """What a new process, or one that runs another program by now, shows at once."""
        told: list[Finding] = []
        for node in (*found.started, *found.changed):
            if node.agent:
                told += self._looker.start(node)
            elif not self._is_ours(node):
                self._unlooked[node.pid] = node
                told += self._named(node)
        for node in found.ended:
            self._unlooked.pop(node.pid, None)
        self._findings.tell(told)

    def chores(self) -> None:
        """What needs no haste."""
        now = time.monotonic()
        told = [*self._settled()]
        if self._tree.nodes and now >= self._settings_at:
            self._settings_at = now + SETTINGS_EVERY
            told += self._looker.settings(
                (node.root.agent, folder_of(node.pid)) for node in self._tree.nodes.values() if node.agent
            )
        if self._tree.nodes and now >= self._sockets_at:
            self._sockets_at = now + SOCKETS_EVERY
            told += self._loopback()
        if self._daemon.worker.inventory is not self._inventory:
            self._renew()
            told += rules.of_plugins([(entry, state) for entry, state, _ in self._daemon.worker.states()])
        self._findings.tell(told)

    def _named(self, node: Node) -> Iterator[Finding]:
        """Does it run what an entry names?"""
        if self._daemon.worker.inventory is not self._inventory:
            self._renew()
        for entry, launched in self._launched:
            if matches(node.argv, launched) and self._looker.linked(node, self._agent_pids(node.root)):
                self._unlooked.pop(node.pid, None)
                if not self._is_inner(node, launched):
                    yield rules.of_server(node, entry, f"runs what the entry names ({node.exe})")
                return

    def _is_inner(self, node: Node, launched: Launched) -> bool:
        """Was the same server found in the process that started it? Runners start one another."""
        return any(matches(above.argv, launched) for above in self._tree.above(node.pid))

    def _settled(self) -> Iterator[Finding]:
        """Of the processes that have lived for a while: is one a server that no entry names?"""
        now = time.time_ns()
        for pid, node in [*self._unlooked.items()]:
            if now - node.born < SETTLED:
                continue
            del self._unlooked[pid]
            if self._looker.linked(node, self._agent_pids(node.root)) and (sign := self._looker.sign(node)):
                yield rules.of_server(node, None, sign)

    def _loopback(self) -> Iterator[Finding]:
        agents = [pid for pid, node in self._tree.nodes.items() if node.agent]
        others = [pid for pid, node in self._tree.nodes.items() if not node.agent and not self._is_ours(node)]
        for link in links(agents, others) if others else ():
            yield rules.of_loopback(self._tree.nodes[link.server], link.port, self._tree.nodes[link.client])

    def _is_ours(self, node: Node) -> bool:
        """Is it a launcher, shim or hook of ours, or something that one started?"""
        return self._runs_ours(node) or any(self._runs_ours(above) for above in self._tree.above(node.pid))

    def _runs_ours(self, node: Node) -> bool:
        return any(word.startswith(self._own) for word in node.argv[:NEAR])

    def _agent_pids(self, root: Root) -> Sequence[int]:
        return [pid for pid, node in self._tree.nodes.items() if node.agent and node.root == root]

    def _renew(self) -> None:
        """Read what the entries launch anew."""
        self._inventory = self._daemon.worker.inventory
        self._launched = [
            (entry, read_launch(entry.argv, self._folders))
            for entry in self._inventory.entries
            if entry.transport is Transport.STDIO and entry.argv
        ]
