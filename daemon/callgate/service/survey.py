"""Who is at the other end of gate.sock, and what does it start? Asked off the listener's thread."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Sequence

from callgate.agents import ALL
from callgate.discovery.digest import state_of
from callgate.discovery.examine import Examiner
from callgate.discovery.identify import Identifier
from callgate.discovery.launch.urls import normal
from callgate.discovery.live import agent_of
from callgate.model.call import Caller, Effect, Session, Verdict
from callgate.model.identity import Identified, Launch, ServerIdentity
from callgate.model.inventory import Entry
from callgate.policy.allowlist import Allowlist
from callgate.server.questions import Hello
from callgate.system import processes
from callgate.system.accounts import account
from callgate.system.sockets import Peer

LAST_BREATH = 0.5
"""Seconds that a process may take to end after the kernel has closed its sockets."""
STEP = 0.01


class Survey:
    """Answers the desk's questions from the operating system. Safe to use from several threads."""

    def __init__(
        self,
        home: str | None = None,
        key: bytes = b"",
        rules: Callable[[], Allowlist | None] = lambda: None,
        entries: Callable[[], Sequence[Entry]] = lambda: (),
    ) -> None:
        self._examiner = Examiner(Identifier(home=home, key=key))
        self._rules = rules
        self._entries = entries
        """All entries that are known, for the variables that they set."""

    def meet(self, hello: Hello, peer: Peer) -> Session:
        """The session of a shim: its caller by process ancestry, its server by what would really run."""
        found, startup = self._examiner.examine(_launch(hello), self._rules(), self._variables(hello, peer.pid))
        caller = self.caller(peer, hello.launcher)
        return Session(hello.uid, caller, found, hello.entry or label(hello.argv), startup)

    def again(self, hello: Hello, session: Session) -> Verdict | None:
        """What of a server that was started is not any more as it was looked at before; None if all is."""
        before = session.startup
        if before is None or before.refusal is not None:
            return None
        if path := next((path for path, state in before.seen if state_of(path) != state), None):
            return Verdict(
                Effect.DENY, "server.digest", f"{path} was changed while {session.server.server.short} started"
            )
        return self.still(hello, session)

    def still(self, hello: Hello, session: Session) -> Verdict | None:
        """What of a server that runs does not hold what was approved; None if all does, whatever was done to it."""
        before = session.startup
        if before is None or before.refusal is not None or not isinstance(before.rules, Allowlist):
            return None
        found, now = self._examiner.examine(_launch(hello), before.rules)
        started = now.instead.server.server if now and now.instead else found.server
        if now is not None and now.refusal is not None and now.refusal.rule == "server.digest":
            return now.refusal
        if started != session.server.server and before.instead is None:
            why = f"it was examined as {session.server.server.short}, and is {started.short} now"
            return Verdict(Effect.DENY, "server.digest", why)
        return None

    def _variables(self, hello: Hello, pid: int) -> Sequence[str] | None:
        """The names of the variables that the entry of a shim sets. Where no entry of that name is known: those in
        which its environment differs from that of the process that started it. None: cannot be told.
        """
        mine = [one for one in self._entries() if (one.agent, one.name) == (hello.launcher, hello.entry)]
        if hello.launcher and mine:
            return sorted({name for one in mine for name in one.env_names})
        return processes.variables_added(pid)

    def meet_remote(self, uid: str, peer: Peer, launcher: str, entry: str, url: str) -> Session:
        """The session of a program that reaches the remote server `url` by the address that we put into an entry of
        the agent `launcher`.
        """
        found = Identified(ServerIdentity("url", normal(url) or url.partition("?")[0]), "the address in the entry")
        return Session(uid, self.caller(peer, launcher), found, entry)

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


def _launch(hello: Hello) -> Launch:
    return Launch(hello.argv, hello.cwd, hello.path, hello.env)


def label(argv: Sequence[str]) -> str:
    """What people call a server that no config names: the first word after the program that is no option."""
    word = next((word for word in argv[1:] if word and not word.startswith("-")), argv[0])
    return posixpath.basename(word.rstrip("/")) or argv[0]
