"""An agent's hook as its agent starts it: our installed client process, asking a real gate on a real socket."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from callgate.agents import ALL
from callgate.model.call import Caller
from callgate.server.hook_server import Entry
from callgate.settings import Settings
from callgate.system.paths import Folders
from callgate.system.sockets import Peer
from callgate.wrap.hooklauncher import write_hook_launcher
from callgate.wrap.launcher import install_shim, write_conf
from gate_site import Site


@dataclass
class World:
    """What the desk is told: who calls (by the real survey), and which servers the configs name."""

    site: Site
    known: list[Entry] = field(default_factory=list)
    run: str = ""
    """The session of an agent that all hooks are started by; empty: there is none above them."""

    def caller(self, peer: Peer, claimed: str = "") -> Caller:
        found = self.site.survey.caller(peer, claimed)
        return replace(found, session=self.run, proven=True) if self.run else found

    def entries(self, agent: str) -> Sequence[Entry]:
        return self.known


@dataclass(frozen=True)
class Answer:
    """What the agent sees of its hook."""

    code: int
    out: bytes
    err: str


class Hooked:
    """The launchers of all agents, for the gate of a site."""

    def __init__(self, site: Site, root: Path, settings: Settings) -> None:
        self.site = site
        self.folders = Folders(root / "config", root / "data", root / "run")
        self.folders.make()
        self.world = World(site)
        site.listener.desk.around = self.world
        self._build = install_shim(self.folders)
        self.settle(settings)
        for agent in ALL:
            if agent.hooks is not None:
                write_hook_launcher(self.folders, agent.id, agent.hooks)

    def settle(self, settings: Settings) -> None:
        """Write what the client reads at its start."""
        write_conf(self.folders, settings, self._build)
        conf = self.folders.shim_conf.read_bytes()
        socket = str(self.folders.gate_socket).encode()
        self.folders.shim_conf.write_bytes(conf.replace(b"socket=" + socket, b"socket=" + str(self.site.path).encode()))

    def start(self, agent: str, event: str, phase: str) -> subprocess.Popen[bytes]:
        """The agent starts its hook."""
        return subprocess.Popen(
            [str(self.folders.data / "hooks" / agent), event, phase],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
        )

    def run(self, agent: str, event: str, said: Any, phase: str = "ask") -> Answer:
        """One event, from the start of the client to its end."""
        raw = said if isinstance(said, bytes) else json.dumps(said).encode()
        process = self.start(agent, event, phase)
        out, err = process.communicate(raw, timeout=60)
        return Answer(process.returncode, out, err.decode())
