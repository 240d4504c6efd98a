"""Pure: which MCP server a hook's event speaks of, and whether a gate of ours stands before it.

Where an agent marks the names of MCP tools, a server that nobody knows is one all the same. Where it does not, a name
such as `screen_shot` may be a tool of the agent's own: then only servers that are known by name count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from callgate.agents.hook_event import HookEvent
from callgate.agents.hooking import Hooks, Names, match, plain
from callgate.model.call import Session
from callgate.model.identity import Identified, ServerIdentity

_UNKNOWN = ServerIdentity("unknown", "?")
UNCLEAR_MAX = 8
"""Servers that one tool's name may stand for, as far as a row names them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A server that an agent's config names."""

    name: str
    server: Identified
    covered: bool
    """Its calls pass a gate of ours without a shim that says hello (a remote server behind our port)."""


@dataclass(frozen=True, slots=True)
class Known:
    """The servers that are known where a hook asks."""

    entries: Sequence[Entry]
    """Those of the agent's files."""
    live: Sequence[Session]
    """Those whose shims this very run of the agent has started."""
    elsewhere: Iterable[str] = ()
    """The names of those that other runs of the agent have started."""
    registered: Callable[[str], bool] = lambda _: False
    """Does the registry have a server that is called so?"""


@dataclass(frozen=True, slots=True)
class Called:
    """What a call goes to."""

    name: str = ""
    tool: str = ""
    identity: Identified | None = None
    """None: a tool of the agent's own."""
    covered: bool = False
    unclear: tuple[str, ...] = ()
    """Servers that nobody knows, and that the name of this tool could stand for."""

    @property
    def mcp(self) -> bool:
        """Does it go to an MCP server?"""
        return self.identity is not None


OWN = Called()


def called(hooks: Hooks, said: HookEvent, known: Known) -> Called:
    """What the call of an event goes to."""
    names = hooks.names
    if not said.server and (not said.tool.startswith(names.prefix) or said.tool in hooks.tools):
        return OWN
    if not names.separator:
        return Called("", said.tool.removeprefix(names.prefix), Identified(_UNKNOWN, "not named"), covered=True)
    if said.server:
        return _at(said.server, said.server_tool or _tool_of(names, said), known)
    known_names = [*(each.entry for each in known.live), *(each.name for each in known.entries), *hooks.brings]
    if found := match(names, said.tool, [*known_names, *known.elsewhere]):
        return _at(*found, known)
    ways = list(names.splits(said.tool))
    if not ways:
        return OWN
    if names.sure:
        return _at(*ways[0], known)
    if registered := [way for way in ways if known.registered(plain(way[0]))]:
        return _at(*registered[-1], known)
    return replace(OWN, unclear=tuple(server for server, _ in ways[:UNCLEAR_MAX]))


def _at(server: str, tool: str, known: Known) -> Called:
    entry = next((each for each in known.entries if plain(each.name) == plain(server)), None)
    covered = any(
        plain(each.entry) == plain(server) or (entry is not None and each.server.server == entry.server.server)
        for each in known.live
    ) or (entry is not None and entry.covered)
    identity = entry.server if entry else Identified(ServerIdentity("unknown", server), "in no config that we read")
    return Called(entry.name if entry else server, tool, identity, covered)


def _tool_of(names: Names, said: HookEvent) -> str:
    """The tool's name without the server's, where only the latter is said apart."""
    ways = [tool for server, tool in names.splits(said.tool) if plain(server) == plain(said.server)]
    return ways[-1] if ways else said.tool
