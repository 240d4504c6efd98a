"""Looks closer at what is followed: an agent's environment and settings, a process's open files and program text."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from callgate.agents.adapter import Agent, fill
from callgate.agents.formats import document
from callgate.agents.formats.values import value_at
from callgate.agents.knob import ANY
from callgate.agents.ways import Switch
from callgate.evidence import rules
from callgate.evidence.rules import Finding
from callgate.evidence.tree import Node
from callgate.model.errors import CallgateError
from callgate.model.inventory import Drop, KeyPath, Surroundings
from callgate.system import processes
from callgate.system.files import read_capped
from callgate.system.loopback_sockets import files_of

FILE_MAX = 1024 * 1024
"""Bytes of a settings file that is read for switches."""
TEXT_MAX = 256 * 1024
"""Bytes of a script that are read to see whether it speaks MCP: its imports stand at the top."""
PROGRAM_MAX = 64 * 1024 * 1024
"""Bytes of a program's file that are searched; larger ones are runtimes and browsers."""
PROGRAMS_KEPT = 512
"""Files whose answer is remembered."""
_CHUNK = 1024 * 1024
_OVERLAP = 64
_SCRIPT = re.compile(r"\.(?:[cm]?js|[cm]?ts|py|rb|php|pl|sh)$")
_INTERPRETER = re.compile(
    r"^(node|nodejs|bun|deno|python[\d.]*|ruby|php|perl|bash|sh|dash|zsh|git|rg|env|npm|npx|uv|uvx)$"
)
IS_LINUX = sys.platform == "linux"
_STREAM = ("pipe:[", "socket:[")


@dataclass(frozen=True, slots=True)
class _File:
    """What a settings file was when it was read, and what it turns off."""

    state: tuple[int, int, int]
    values: tuple[object, ...]


class Looker:
    """For one thread."""

    def __init__(self, agents: Sequence[Agent], around: Surroundings, own_port: int) -> None:
        self._agents = {agent.id: agent for agent in agents}
        self._around = around
        self._own_port = own_port
        self._files: dict[tuple[str, KeyPath], _File] = {}
        self._programs: dict[tuple[str, int, int], bool] = {}

    def start(self, node: Node) -> list[Finding]:
        """What the command line and the environment of an agent's process show."""
        agent = self._agents.get(node.root.agent)
        if agent is None or not node.agent:
            return []
        found = list(rules.of_options(agent, node))
        theirs = processes.variables(node.pid, agent.ways.variables | {"HOME"})
        if theirs is not None:
            found += rules.of_variables(agent, node, theirs, self._around, self._own_port)
        return found

    def settings(self, running: Iterable[tuple[str, str | None]]) -> Iterator[Finding]:
        """What the settings of running agents turn off; each is given with the folder that it works in."""
        for id, folder in sorted(set(running), key=lambda one: (one[0], one[1] or "")):
            agent = self._agents.get(id)
            for switch in agent.ways.switches if agent else ():
                for file, in_project in self._places(switch, folder):
                    for value in self._values(file, switch):
                        assert agent is not None
                        yield rules.of_switch(agent, switch, file, value, in_project=in_project)

    def linked(self, node: Node, agent_pids: Iterable[int]) -> bool:
        """Do both standard streams of a process lead to its agent, as those of a stdio server do? True where that
        cannot be seen (other systems than Linux).
        """
        streams = files_of(node.pid, (0, 1))
        if not streams:
            return not IS_LINUX
        if len(streams) < 2 or not all(name.startswith(_STREAM) for name in streams.values()):
            return False
        return all(name.startswith("socket:[") for name in streams.values()) or self._share(streams, agent_pids)

    def sign(self, node: Node) -> str | None:
        """Why a process that is linked to its agent is likely an MCP server; None if nothing says so."""
        script = next((word for word in node.argv[1:4] if _SCRIPT.search(word)), None)
        text = self._path(node, script) if script else node.exe
        if text and self._speaks(text, whole=script is None):
            return f"is connected to it by its standard input and output, and {text} speaks MCP"
        if rules.is_named_so(node.argv):
            return "is connected to it by its standard input and output, and its command line names an MCP server"
        return None

    @staticmethod
    def _share(streams: Mapping[int, str], agent_pids: Iterable[int]) -> bool:
        ends = {name for pid in agent_pids for name in files_of(pid).values() if name.startswith("pipe:[")}
        return all(name in ends for name in streams.values() if name.startswith("pipe:["))

    @staticmethod
    def _path(node: Node, script: str) -> str | None:
        if script.startswith("/"):
            return script
        folder = processes.folder_of(node.pid)
        return f"{folder}/{script}" if folder else None

    def _speaks(self, path: str, *, whole: bool) -> bool:
        if whole and _INTERPRETER.match(path.rpartition("/")[2]):
            return False
        try:
            state = Path(path).stat()
            key = (path, state.st_mtime_ns, state.st_size)
            if key not in self._programs:
                if len(self._programs) >= PROGRAMS_KEPT:
                    self._programs.clear()
                self._programs[key] = _searched(path, PROGRAM_MAX if whole else TEXT_MAX, state.st_size)
            return self._programs[key]
        except OSError:
            return False

    def _places(self, switch: Switch, folder: str | None) -> Iterator[tuple[str, bool]]:
        for template in switch.files:
            in_project = "{project}" in template
            if in_project and folder is None:
                continue
            path = fill(template, self._around, folder if in_project else None)
            if path is not None:
                yield path, in_project

    def _values(self, file: str, switch: Switch) -> tuple[object, ...]:
        try:
            stat = Path(file).stat()
            state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except (OSError, ValueError):
            self._files.pop((file, switch.at), None)
            return ()
        known = self._files.get((file, switch.at))
        if known is None or known.state != state:
            try:
                value = document.parse(read_capped(Path(file), FILE_MAX), switch.format)
                values = tuple(one for one in _at(value, switch.at) if self._is_off(one, switch))
            except (CallgateError, OSError):
                values = ()
            known = self._files[file, switch.at] = _File(state, values)
        return known.values

    def _is_off(self, value: object, switch: Switch) -> bool:
        if switch.value is not None:
            return value is switch.value
        return isinstance(value, str) and not rules.is_own(value, self._own_port)


def _at(value: object, at: KeyPath) -> list[object]:
    if not at:
        return [value]
    if at[0] == ANY:
        return [one for each in value.values() for one in _at(each, at[1:])] if isinstance(value, dict) else []
    inner = value_at(value, at[:1])
    return [] if inner is Drop else _at(inner, at[1:])


def _searched(path: str, limit: int, size: int) -> bool:
    if size > limit and limit == PROGRAM_MAX:
        return False
    with Path(path).open("rb") as file:
        before, left = b"", limit
        while left > 0 and (part := file.read(min(_CHUNK, left))):
            if rules.speaks(before + part):
                return True
            before, left = part[-_OVERLAP:], left - len(part)
    return False
