"""Who is at the other end of gate.sock, and what does it start? Asked off the listener's thread."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Sequence

from callgate.agents import ALL
from callgate.discovery.identify import Identifier
from callgate.discovery.live import agent_of
from callgate.model.call import Caller, Session
from callgate.model.identity import Launch
from callgate.server.questions import Hello
from callgate.system import processes
from callgate.system.accounts import account
from callgate.system.sockets import Peer

LAST_BREATH = 0.5
"""Seconds that a process may take to end after the kernel has closed its sockets."""
STEP = 0.01


class Survey:
    """Answers the desk's questions from the operating system. Safe to use from several threads."""

    def __init__(self, home: str | None = None, key: bytes = b"") -> None:
        self._identifier = Identifier(home=home, key=key)

    def meet(self, hello: Hello, peer: Peer) -> Session:
        """The session of a shim: its caller by process ancestry, its server by what would really run."""
        found = self._identifier.identify(Launch(hello.argv, hello.cwd, hello.path, hello.env))
        return Session(hello.uid, self.caller(peer, hello.launcher), found, hello.entry or label(hello.argv))

    def caller(self, peer: Peer, claimed: str = "") -> Caller:
        """Who stands behind a connection: the agent above its process; else, unproven, the `claimed` one."""
        agent = agent_of(peer.pid, ALL)
        if agent is not None:
            root, start, name, evidence = agent.pid, agent.start, agent.id, agent.evidence
        else:
            root, start, name = peer.pid, processes.start_time(peer.pid), claimed
            evidence = f"no agent among the ancestors of pid {peer.pid}" + (", its launcher says so" if name else "")
        session = f"{processes.boot_id()[:8]}-{root}-{start:.2f}"
        who = account(peer.uid)
        return Caller(
            peer.uid,
            peer.pid,
            name or None,
            evidence,
            session,
            proven=agent is not None,
            user=who.name,
            groups=who.groups,
            home=who.home,
        )

    def birth(self, pid: int) -> float:
        """When that process started, 0.0 if there is none."""
        return processes.start_time(pid)

    def birth_of_child(self, pid: int, parent: int) -> float:
        """When that process, a child of `parent` that leads a group, started; 0.0 if it is anything else."""
        found = processes.process(pid)
        if found is None or found.ppid != parent or not processes.leads_group(pid):
            return 0.0
        return found.start

    def reap(self, parent: int, parent_start: float, pid: int, start: float) -> bool:
        """End the process group of a server once its shim has ended; leave it alone if the shim lives on."""
        if not start or not parent_start:
            return False
        until = time.monotonic() + LAST_BREATH
        while processes.is_same(parent, parent_start):
            if time.monotonic() > until:
                return False
            time.sleep(STEP)
        return processes.end_group(pid, start)


def label(argv: Sequence[str]) -> str:
    """What people call a server that no config names: the first word after the program that is no option."""
    word = next((word for word in argv[1:] if word and not word.startswith("-")), argv[0])
    return posixpath.basename(word.rstrip("/")) or argv[0]
