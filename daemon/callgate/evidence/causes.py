"""Pure: which tool call, hook or shim started a process: by ancestry, then time, then the words of its command line."""

from __future__ import annotations

import posixpath
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from callgate.evidence.tree import Node
from callgate.model.event import Event

CALLS_MAX = 2000
"""Calls that are remembered, newest last."""
SHIMS_MAX = 1000
SLACK = 50 * 10**6
"""Nanoseconds by which a process may seem older than the call that started it: the kernel counts in hundredths of a
second, and the wall clock is slewed."""
WORDS_MAX = 64 * 1024
"""Characters of a command line in which the names of programs are looked for."""


@dataclass(slots=True)
class Asked:
    """A tool call that may start processes."""

    uid: str
    session: str
    tool: str
    entry: str
    asked: int
    answered: int = 0
    """0 while it runs."""
    shell: bool = False
    """A tool of the agent's own that runs commands."""
    hook: bool = False
    """A tool of the agent's own."""
    programs: frozenset[str] = frozenset()

    def runs_at(self, moment: int) -> bool:
        """Could it have started something then?"""
        return self.asked - SLACK <= moment and (not self.answered or moment <= self.answered)


@dataclass(frozen=True, slots=True)
class Cause:
    """What started a process."""

    kind: str
    """`agent` (of its own accord, or by a call that nobody told us of), `call`, `hook`, `shim`, `server`."""
    uid: str = ""
    """The call, where one is known."""
    tool: str = ""
    entry: str = ""
    server: str = ""
    by: str = "ancestry"
    """What says so: `ancestry`, `time`, `time and words`; `one of N` where several calls ran."""


@dataclass(slots=True)
class Calls:
    """What the log tells of calls and shims, as far as causes need it."""

    _asked: OrderedDict[str, Asked] = field(default_factory=OrderedDict)
    _shims: OrderedDict[int, tuple[str, str, int]] = field(default_factory=OrderedDict)

    def take(self, events: Iterable[Event]) -> None:
        """Take in rows of the log, oldest first."""
        for event in events:
            detail = event.detail
            if event.kind == "call.asked" and event.effect != "deny":
                self._asked[event.uid] = _asked(event)
                while len(self._asked) > CALLS_MAX:
                    self._asked.popitem(last=False)
            elif event.kind == "call.answered" and (call := self._asked.get(event.uid)):
                call.answered = event.time
            elif event.kind == "server.launched" and type(pid := detail.get("pid")) is int:
                self._shims.pop(pid, None)
                self._shims[pid] = event.entry, event.server, event.time
                while len(self._shims) > SHIMS_MAX:
                    self._shims.popitem(last=False)

    def shim(self, node: Node) -> tuple[str, str] | None:
        """Entry and server, if the gate was asked by this very process to start one."""
        found = self._shims.get(node.pid)
        return found[:2] if found and found[2] + SLACK >= node.born else None

    def of(self, node: Node, above: Sequence[Node], is_hook: bool) -> Cause:
        """What started `node`, whose ancestors in the tree are `above`, nearest first."""
        if mine := self.shim(node):
            return Cause("shim", entry=mine[0], server=mine[1])
        for one in above:
            if served := self.shim(one):
                return self._below_server(node, *served)
        if is_hook:
            return Cause("hook")
        top = node
        for one in above:
            if one.agent:
                break
            top = one
        return self._by_time(node, top)

    def _below_server(self, node: Node, entry: str, server: str) -> Cause:
        running = [
            call
            for call in self._asked.values()
            if not call.hook and call.entry == entry and call.session == node.root.session and call.runs_at(node.born)
        ]
        if len(running) == 1:
            return Cause("server", running[0].uid, running[0].tool, entry, server, "ancestry and time")
        by = "ancestry" + (f", one of {len(running)} calls" if running else "")
        return Cause("server", entry=entry, server=server, by=by)

    def _by_time(self, node: Node, top: Node) -> Cause:
        """By the calls that ran when the process below the agent that it comes from was started."""
        running = [
            call
            for call in self._asked.values()
            if call.shell and call.session == node.root.session and call.runs_at(top.born)
        ]
        if not running:
            return Cause("agent")
        named = [call for call in running if call.programs & _words(top, node)]
        if len(named) == 1:
            return Cause("call", named[0].uid, named[0].tool, by="time and words")
        if len(running) == 1:
            return Cause("call", running[0].uid, running[0].tool, by="time")
        return Cause("call", tool=running[-1].tool, by=f"time, one of {len(running)} calls")


def _asked(event: Event) -> Asked:
    detail = event.detail
    names = detail.get("programs")
    programs = frozenset(str(name) for name in names) if isinstance(names, list | tuple) else frozenset()
    is_hook = detail.get("channel") == "hook"
    return Asked(
        event.uid,
        event.session,
        event.tool,
        event.entry,
        event.time,
        shell=is_hook and detail.get("does") in ("shell", "other"),
        hook=is_hook,
        programs=programs,
    )


def _words(*nodes: Node) -> set[str]:
    """The names that command lines hold; of a shell's script each word."""
    found: set[str] = set()
    for node in nodes:
        text = " ".join(node.argv)[:WORDS_MAX]
        found.update(posixpath.basename(word.strip("\"'`();&|")) for word in text.split())
        found.add(posixpath.basename(node.exe))
    return found
