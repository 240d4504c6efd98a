"""Pure: what of all that was seen is a way round the gate: typed findings, each with what it could not see."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from callgate.agents.adapter import Agent
from callgate.agents.knob import LOOPBACK
from callgate.agents.ways import About, Switch, homes_moved, options_used
from callgate.evidence.tree import Node
from callgate.model.event import Event
from callgate.model.inventory import Entry, Scope, Surroundings

SHOWN = 300
"""Characters of anything in one sentence that others wrote."""
_HOOKS_UNSEEN = "what the agent's own tools did meanwhile, other than the processes that they started"


@dataclass(frozen=True, slots=True)
class Finding:
    """A way round the gate that is or was open."""

    kind: str
    thing: str
    """What it is about: one finding for each thing, however often it is seen."""
    agent: str
    saw: str
    """A sentence."""
    unseen: str
    """What this does not show, as the end of `could not see ...`."""
    session: str = ""
    entry: str = ""
    pid: int = 0
    detail: Mapping[str, object] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        """The same for the same thing, also after a restart."""
        said = "\0".join((self.kind, self.agent, self.thing)).encode("utf-8", "surrogateescape")
        return "f-" + hashlib.sha256(said).hexdigest()[:24]

    def event(self, now: int) -> Event:
        """Its row."""
        detail: dict[str, object] = {"saw": self.saw, "unseen": self.unseen, **self.detail}
        if self.pid:
            detail["pid"] = self.pid
        return Event(
            self.kind,
            now,
            uid=self.uid,
            agent=self.agent,
            session=self.session,
            entry=self.entry,
            reason=f"{self.saw}; could not see {self.unseen}",
            detail=detail,
        )


def of_options(agent: Agent, node: Node) -> Iterator[Finding]:
    """The options of an agent's command line that lead round the gate."""
    for option, spelled in options_used(agent.ways, node.argv):
        if option.about is About.HOOKS:
            yield Finding(
                "finding.hooks",
                f"{node.root.session} {spelled}",
                agent.id,
                f"{agent.name} was started with {spelled}, which switches hooks off",
                _HOOKS_UNSEEN,
                node.root.session,
                pid=node.pid,
                detail={"option": spelled},
            )
        else:
            unseen = {
                About.SERVERS: "which servers that brings, before they are started",
                About.MODEL: "what the agent and its model say to each other there",
            }.get(option.about, "what those settings change")
            yield Finding(
                "finding.options",
                f"{node.root.session} {spelled}",
                agent.id,
                f"{agent.name} was started with {spelled}: {option.about} that are in none of its own files",
                unseen,
                node.root.session,
                pid=node.pid,
                detail={"option": spelled, "about": option.about.value},
            )


def of_variables(
    agent: Agent, node: Node, theirs: Mapping[str, str], around: Surroundings, own_port: int
) -> Iterator[Finding]:
    """The variables of an agent's process by which it looks elsewhere than we do."""
    ours, home = around.env, around.home
    place = theirs.get("HOME")
    if place and place.rstrip("/") != home.rstrip("/"):
        yield Finding(
            "finding.home",
            f"HOME {place}",
            agent.id,
            f"{agent.name} was started with the home {_short(place)}, not {home}: its settings there are not governed",
            "the settings and servers in that home",
            node.root.session,
            pid=node.pid,
            detail={"variable": "HOME"},
        )
    for one, looks in homes_moved(agent.ways, theirs, ours, home):
        if place and place.rstrip("/") != home.rstrip("/") and one.variable not in theirs:
            continue  # only because the home is another one
        yield Finding(
            "finding.home",
            f"{one.variable} {looks}",
            agent.id,
            f"{agent.name} was started with {one.variable}: it looks for settings in "
            f"{_short(looks) or 'its default place'}, where they are not governed",
            "the settings and servers in that place",
            node.root.session,
            pid=node.pid,
            detail={"variable": one.variable},
        )
    for name in agent.ways.model:
        address = theirs.get(name, "")
        host = host_of(address)
        if address and address != ours.get(name) and not is_own(address, own_port):
            yield Finding(
                "finding.model",
                f"{name} {host}",
                agent.id,
                f"{agent.name} was started with {name}: its model is asked at {_short(host) or 'no known host'}",
                "what the agent and its model say to each other there",
                node.root.session,
                pid=node.pid,
                detail={"variable": name, "host": _short(host)},
            )


def of_switch(agent: Agent, switch: Switch, file: str, value: object, *, in_project: bool) -> Finding:
    """A setting that turns hooks off or leads the model elsewhere."""
    where = ".".join(map(str, switch.at))
    whose = "the repository's" if in_project else "its own"
    if switch.about is About.HOOKS:
        return Finding(
            "finding.hooks",
            f"{file} {where}",
            agent.id,
            f"{agent.name}'s hooks are switched off by {where} in {whose} settings ({file})",
            _HOOKS_UNSEEN,
            detail={"file": file, "setting": where},
        )
    host = host_of(str(value))
    return Finding(
        "finding.model",
        f"{file} {where} {host}",
        agent.id,
        f"{agent.name}'s model is asked at {_short(host) or 'another address'} because of {where} in {whose} settings "
        f"({file})",
        "what the agent and its model say to each other there",
        detail={"file": file, "setting": where, "host": _short(host)},
    )


def of_server(node: Node, entry: Entry | None, sign: str) -> Finding:
    """A stdio server that an agent started without the shim. `sign` says how it is known to be one."""
    named = f"the server of the entry {entry.name!r}" if entry else "an MCP server that no entry names"
    return Finding(
        "finding.unwrapped",
        f"{node.root.session} {entry.name if entry else ' '.join(node.argv[:8])}",
        node.root.agent,
        f"{node.root.agent} started {named} without the gate: pid {node.pid} {_short(sign)}",
        "what they say to each other",
        node.root.session,
        entry.name if entry else "",
        node.pid,
        {"exe": _short(node.exe)},
    )


def of_loopback(server: Node, port: int, agent: Node) -> Finding:
    """A server below an agent that the agent speaks to over loopback."""
    return Finding(
        "finding.loopback",
        f"{agent.root.session} {server.exe} {port}",
        agent.root.agent,
        f"{agent.root.agent} (pid {agent.pid}) is connected to port {port} of pid {server.pid} "
        f"({_short(server.exe)}), which an agent started: they may speak MCP over HTTP without the gate",
        "what they say to each other, and so whether it is MCP",
        agent.root.session,
        pid=server.pid,
        detail={"port": port, "exe": _short(server.exe)},
    )


def of_plugins(entries: Sequence[tuple[Entry, str]]) -> Iterator[Finding]:
    """Servers that a plugin or extension brings and that are not behind the gate; each entry comes with its state."""
    for entry, state in entries:
        if entry.file.scope is Scope.PLUGIN and entry.enabled and state != "wrapped":
            yield Finding(
                "finding.plugin",
                f"{entry.file.path} {entry.name}",
                entry.agent,
                f"a plugin of {entry.agent} brings the server {_short(entry.name)!r}, which is not behind the gate "
                f"({_short(entry.file.path)})",
                "whether the agent has that plugin switched on",
                entry=entry.name,
                detail={"file": _short(entry.file.path)},
            )


_SPEAKS = re.compile(rb"modelcontextprotocol|mcp\.server|fastmcp|tools/list")
_NAMED = re.compile(r"(?:^|[/@_.-])(?:mcp|modelcontextprotocol)(?:$|[/@_.-])", re.I)


def speaks(text: bytes) -> bool:
    """Does the text of a program hold what only a program that speaks MCP holds?"""
    return _SPEAKS.search(text) is not None


def is_named_so(argv: Sequence[str]) -> bool:
    """Does a command line name a package or file as an MCP server's? A hint."""
    return any(_NAMED.search(word) for word in argv[:8] if len(word) < 4096)


def host_of(address: str) -> str:
    """The host of a URL, without user, port or path; empty if there is none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def is_own(address: str, own_port: int) -> bool:
    """Is it an address of our own loopback port?"""
    try:
        return host_of(address) in LOOPBACK and urlsplit(address).port == own_port
    except ValueError:
        return False


def _short(text: str) -> str:
    shown = text.encode("utf-8", "replace").decode()
    return shown if len(shown) <= SHOWN else shown[:SHOWN] + "..."
