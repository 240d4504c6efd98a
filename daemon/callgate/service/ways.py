"""Every way of this machine's agents to their tools, servers and models, and how a canary would go it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from callgate.agents import ALL
from callgate.agents.adapter import Agent, fill
from callgate.agents.formats.document import parse
from callgate.agents.formats.values import value_at
from callgate.agents.hooking import Hooks, Layout, Phase, Spot
from callgate.coverage import attempt
from callgate.coverage.attempt import Attempt
from callgate.coverage.matrix import Channel, Way
from callgate.model.call import Effect, Mode
from callgate.model.errors import CallgateError
from callgate.model.inventory import Entry, Inventory, Transport
from callgate.modelproxy.routing import Routing
from callgate.service.running import Running
from callgate.system.files import read_capped
from callgate.wrap.addresses import is_address
from callgate.wrap.hookcommand import canary_event, commands
from callgate.wrap.hooklauncher import hook_launcher_of
from callgate.wrap.launcher import launcher_of
from callgate.wrap.script import launcher_path

FILE_MAX = 8 * 1024 * 1024
"""Bytes of an agent's file."""
OWN_MAX = 1024 * 1024
"""Bytes of a file of ours."""
DEPTH_MAX = 4
"""Levels of an entry in which its variables are looked for."""
STAND_IN = ("/bin/cat",)
"""What a canary has started in observe mode, where a shim starts its server before anybody could tell it not to."""
WRAP, ROUTE = "callgate up", "callgate model route"


@dataclass(frozen=True, slots=True)
class Trial:
    """A way, and how a canary goes it; None where it cannot be tried."""

    way: Way
    go: Callable[[str], Attempt] | None = None
    channel: str = ""
    """Where the gate sees it come in: what its row says."""
    checks_pid: bool = False
    """The process that is started is the one that asks."""


class Ways:
    """Reads what stands in the files now. Changes nothing."""

    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon
        self._routing = Routing(daemon.folders.data / "models", daemon.around, daemon.loopback.port)
        self._documents: dict[str, object] = {}
        """Each file once for one look."""

    def all(self, found: Inventory) -> list[Trial]:
        """All ways of all agents in an inventory."""
        here = {one.id for one in found.agents} | {entry.agent for entry in found.entries}
        agents = [agent for agent in ALL if agent.id in here]
        states = {(e.agent, e.file.path, e.at): why for e, _, why in self._daemon.worker.states()}
        own = self._own()
        self._documents.clear()
        trials = [
            (self._remote if entry.transport is Transport.HTTP else self._local)(
                entry, own, states.get((entry.agent, entry.file.path, entry.at), "")
            )
            for entry in found.entries
            if entry.enabled
        ]
        for agent in agents:
            trials += [*self._tools(agent, found, own), *self._models(agent, own), *self._others(agent)]
        return trials

    def _own(self) -> str:
        """What all proofs depend on: our own files as they are now."""
        where = self._daemon.folders
        said = [str(where.shim.resolve())]
        for path in sorted(where.shim.resolve().rglob("*")):
            try:
                found = path.lstat()
            except OSError:
                continue
            said.append(f"{path} {found.st_mode} {found.st_size} {found.st_mtime_ns} {found.st_ino}")
        return _digest(*said, _content(where.shim_conf))

    def _local(self, entry: Entry, own: str, why: str) -> Trial:
        launcher = launcher_path(str(self._daemon.folders.launchers), entry)
        at = repr((entry.at, entry.project))
        if entry.argv[:2] != (launcher, "--"):
            return Trial(_uncovered(entry, Channel.STDIO, why or "its server starts without the gate"))
        env = self._environment(entry)
        cwd = entry.cwd or entry.project or self._daemon.around.home
        seal = _digest(own, repr(entry.argv), cwd, repr(sorted(env.items())), _content(Path(launcher)))
        way = Way(entry.agent, Channel.STDIO, entry.name, entry.file.path, at, seal)

        def go(name: str) -> Attempt:
            if problem := self._foreign(
                Path(launcher), lambda: launcher_of(self._daemon.folders, entry.agent, entry.name)
            ):
                return Attempt(problem=problem)
            observed = self._daemon.settings.mode is Mode.OBSERVE
            argv = (*entry.argv[:2], *STAND_IN) if observed else entry.argv
            return attempt.stdio(argv, env, cwd, name)

        return Trial(way, go, "mcp", checks_pid=True)

    def _remote(self, entry: Entry, own: str, why: str) -> Trial:
        address = entry.url or ""
        route = self._daemon.worker.route(entry)
        if not is_address(address) or route is None:
            return Trial(_uncovered(entry, Channel.HTTP, why or "its address does not lead through the gate"))
        seal = _digest(own, address, route.url)
        at = repr((entry.at, entry.project))
        way = Way(entry.agent, Channel.HTTP, entry.name, entry.file.path, at, seal)
        return Trial(way, lambda name: attempt.remote(address, name), "mcp", checks_pid=True)

    def _tools(self, agent: Agent, found: Inventory, own: str) -> Iterator[Trial]:
        states = self._daemon.worker.hooking.states(found, self._daemon.settings)
        mine = [one for one in states if one["agent"] == agent.id]
        if agent.hooks is None:
            why = "its own tools pass no gate: no hooks of it are known"
            yield Trial(Way(agent.id, Channel.TOOLS, "hooks", "", covered=False, why=why))
        elif not mine:
            why = "it has no folder in this home for its hooks"
            yield Trial(Way(agent.id, Channel.TOOLS, "hooks", "", covered=False, why=why, step=WRAP))
        else:
            for state in mine:
                yield from self._hooks(agent.id, agent.hooks, state, own)

    def _hooks(self, agent: str, hooks: Hooks, state: Mapping[str, str], own: str) -> Iterator[Trial]:
        file = state["file"]
        managed = hooks.managed
        spot = managed if managed and fill(managed.path, self._daemon.around) == file else hooks.spot
        events = [event for event, phase in hooks.events.items() if phase is Phase.ASK]
        if spot.layout is Layout.SCRIPTS:
            events = [event for event in events if Path(file).name == event]
        for event in events:
            if state["state"] != "installed":
                why = state["why"] or f"our hook for {event} is not there as it was put"
                yield Trial(Way(agent, Channel.TOOLS, event, file, covered=False, why=why, step=WRAP))
            elif spot.layout is Layout.PLUGIN:
                why = "only the agent can load its plugin: no canary goes that way"
                yield Trial(Way(agent, Channel.TOOLS, event, file, why=why))
            elif state["trust"]:
                yield Trial(Way(agent, Channel.TOOLS, event, file, why=state["trust"]))
            else:
                yield self._hook(agent, hooks, spot, (file, event), own)

    def _hook(self, agent: str, hooks: Hooks, spot: Spot, where: tuple[str, str], own: str) -> Trial:
        file, event = where
        launcher = self._daemon.folders.data / "hooks" / agent
        lines: list[str] | list[list[str]] = [[file]]
        if spot.layout is not Layout.SCRIPTS:
            lines = commands(_bytes(Path(file), FILE_MAX), spot, event, str(launcher))
        way = Way(
            agent,
            Channel.TOOLS,
            event,
            file,
            "",
            _digest(own, file, _content(Path(file), FILE_MAX), _content(launcher)),
        )
        deny = hooks.output(Phase.ASK, Effect.DENY)

        def go(name: str) -> Attempt:
            if problem := self._foreign(launcher, lambda: hook_launcher_of(self._daemon.folders, agent, hooks)):
                return Attempt(problem=problem)
            if not lines:
                return Attempt(problem=f"{file} names no hook of ours for {event}, or says that no hook is to run")
            said = json.dumps(canary_event(hooks, name)).encode()
            env, home = self._daemon.around.env, self._daemon.around.home
            return attempt.hook(lines[0], said, env, home, (deny.code, deny.json is not None))

        return Trial(way, go, "hook")

    def _models(self, agent: Agent, own: str) -> Iterator[Trial]:
        lines = [(line, value) for line, value in self._routing.standing() if line.agent == agent.id]
        if not agent.knobs:
            why = "it keeps no address of its model in a file that we could change"
            yield Trial(Way(agent.id, Channel.MODEL, "model", "", covered=False, why=why))
        elif not lines:
            why = "its model is not led through the gate"
            yield Trial(Way(agent.id, Channel.MODEL, "model", "", covered=False, why=why, step=ROUTE))
        for line, value in lines:
            name, address = ".".join(map(str, line.turned.at)), line.address
            if value != address:
                why = "another address stands there, or none"
                yield Trial(Way(agent.id, Channel.MODEL, name, line.path, covered=False, why=why, step=ROUTE))
            else:
                way = Way(agent.id, Channel.MODEL, name, line.path, "", _digest(own, line.path, name, address))
                yield Trial(way, _asking(address), "model", checks_pid=True)

    def _others(self, agent: Agent) -> Iterator[Trial]:
        seen = "its processes are followed while the daemon runs; no canary goes that way"
        yield Trial(Way(agent.id, Channel.PROCESSES, "processes", "", why=seen, step="callgate tree"))
        seen = "its config files are watched; no canary goes that way"
        yield Trial(Way(agent.id, Channel.FILES, "files", "", why=seen, step="callgate log"))

    def _environment(self, entry: Entry) -> dict[str, str]:
        """What the agent starts it with, as far as it stands in the file as it is; references are left out."""
        env = dict(self._daemon.around.env) | {"HOME": self._daemon.around.home}
        path = entry.file.path
        if not entry.env_names:
            return env
        if path not in self._documents:
            try:
                self._documents[path] = parse(read_capped(Path(path), FILE_MAX), entry.file.format)
            except (CallgateError, OSError, ValueError, RecursionError):
                self._documents[path] = {}
        names = {name for name in entry.env_names if name and "=" not in name and "\0" not in name}
        for one in _mappings(value_at(self._documents[path], entry.at)):
            env |= {name: one[name] for name in names if isinstance(one.get(name), str) and "${" not in one[name]}
        return {name: value for name, value in env.items() if "\0" not in value}

    @staticmethod
    def _foreign(path: Path, ours: Callable[[], bytes]) -> str:
        """Why a launcher is not run: it is not the one that we wrote. Empty if it is."""
        try:
            if not os.access(path, os.X_OK):
                return f"its launcher {path} is missing"
            return "" if read_capped(path, OWN_MAX) == ours() else f"its launcher {path} is not the one that we wrote"
        except (CallgateError, OSError, ValueError) as error:
            return f"its launcher cannot be read ({error})"


def _asking(address: str) -> Callable[[str], Attempt]:
    return lambda name: attempt.model(address, name)


def _uncovered(entry: Entry, channel: Channel, why: str) -> Way:
    at = repr((entry.at, entry.project))
    return Way(entry.agent, channel, entry.name, entry.file.path, at, covered=False, why=why, step=WRAP)


def _mappings(value: object, depth: int = 0) -> Iterator[Mapping[str, str]]:
    if isinstance(value, dict) and depth < DEPTH_MAX:
        yield value
        for one in value.values():
            yield from _mappings(one, depth + 1)


def _bytes(path: Path, limit: int) -> bytes:
    try:
        return read_capped(path, limit)
    except (CallgateError, OSError):
        return b""


def _content(path: Path, limit: int = OWN_MAX) -> str:
    """Digest of a file's bytes; empty if it cannot be read."""
    data = _bytes(path, limit)
    return hashlib.sha256(data).hexdigest() if data else ""


def _digest(*said: str) -> str:
    return hashlib.sha256(repr(said).encode("utf-8", "surrogatepass")).hexdigest()


def agents_of(trials: Iterable[Trial]) -> list[str]:
    """The agents that there are, in the order of their names."""
    return sorted({trial.way.agent for trial in trials})
