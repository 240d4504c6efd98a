"""Pure: where the server entries stand in each kind of agent config, and how they are read and wrapped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from callgate.agents.entry import Dialect, Notes, RawEntry, Reading, kind_of, read_entry, wrap
from callgate.model.inventory import Edit, KeyPath

__all__ = ["SHAPES", "RawEntry", "Reading", "Shape"]

PROJECT = "{project}"
"""In a path of keys: any key, which is the folder of the project that the entries below it are for."""


class Shape(Protocol):
    """One kind of config document."""

    def read(self, document: object) -> Reading:
        """The entries of a parsed document. Never raises: what is wrong becomes a problem that names its key."""

    def wrap(self, raw: RawEntry, launcher: str) -> tuple[Edit, ...]:
        """The edits that make an entry of this document start `launcher -- <its command line>`; () if it must not be.

        Nothing but command and arguments changes. Disabled entries are wrapped too, so that enabling them later
        finds them covered.
        """


@dataclass(frozen=True, slots=True)
class _Wrapping:
    """The `wrap` that all shapes share: each entry knows where its command and arguments stand."""

    def wrap(self, raw: RawEntry, launcher: str) -> tuple[Edit, ...]:
        return wrap(raw, launcher)


@dataclass(frozen=True, slots=True)
class Servers(_Wrapping):
    """Mappings from name to entry (or lists of entries that hold their name) at one or more key paths."""

    paths: tuple[tuple[str, ...], ...]
    dialect: Dialect = Dialect()  # noqa: RUF009 - frozen
    lists: bool = False
    """Lists of entries are read as well as mappings."""
    bare: bool = False
    """Where none of the paths leads anywhere, the document itself is the mapping."""
    optional_level: str | None = None
    """A key below the path which, where it does not hold an entry itself, holds the mapping (opencode's v2 layout)."""

    def read(self, document: object) -> Reading:
        """See Shape."""
        notes = Notes()
        if document is None:
            return Reading()
        if not isinstance(document, Mapping):
            notes.add((), f"is {kind_of(document)}, not a mapping")
            return Reading((), notes.all())
        entries: list[RawEntry] = []
        found = [each for path in self.paths for each in _walk(document, path, notes)]
        if self.bare and not any(path[0] in document for path in self.paths):
            found = [((), document, None)]
        for at, servers, project in found:
            level = self.optional_level
            entries += (replace(entry, project=project) for entry in self._each(at, servers, notes, level))
        return Reading(tuple(entries), notes.all())

    def _each(self, at: KeyPath, servers: object, notes: Notes, level: str | None = None) -> Iterator[RawEntry]:
        if isinstance(servers, list) and self.lists:
            items = [(index, _name_of(item, index), item) for index, item in enumerate(servers)]
        elif isinstance(servers, Mapping):
            items = [(key, key, item) for key, item in servers.items()]
        else:
            notes.add(at, f"is {kind_of(servers)}, not a mapping")
            return
        for key, name, item in items:
            if not isinstance(name, str) or not isinstance(key, str | int):
                notes.add(at, f"has an entry whose name is {kind_of(name)}, not text")
            elif name == level and not _is_entry(item, self.dialect):
                yield from self._each((*at, name), item, notes)
            elif entry := read_entry(name, (*at, key), item, self.dialect, notes):
                yield entry


@dataclass(frozen=True, slots=True)
class Manifest(_Wrapping):
    """The manifest of a desktop bundle: one server, under the bundle's own name."""

    path: tuple[str, ...]
    reason: str

    def read(self, document: object) -> Reading:
        """See Shape. The entry is never wrappable."""
        notes = Notes()
        if not isinstance(document, Mapping):
            return Reading((), () if document is None else (f"the manifest is {kind_of(document)}, not a mapping",))
        name = document.get("name")
        entries = [
            replace(entry, unwrappable=self.reason)
            for at, found, _ in _walk(document, self.path, notes)
            if (entry := read_entry(name if isinstance(name, str) else "?", at, found, Dialect(), notes))
        ]
        return Reading(tuple(entries), notes.all())


def _walk(document: object, path: tuple[str, ...], notes: Notes) -> Iterator[tuple[KeyPath, object, str | None]]:
    """All values at the path: (key path, value, project), with a note where something stands in the way."""
    found: list[tuple[KeyPath, object, str | None]] = [((), document, None)]
    for key in path:
        deeper: list[tuple[KeyPath, object, str | None]] = []
        for at, value, project in found:
            if not isinstance(value, Mapping):
                notes.add(at, f"is {kind_of(value)}, not a mapping")
            elif key == PROJECT:
                deeper += (((*at, name), inner, name) for name, inner in value.items() if isinstance(name, str))
            elif value.get(key) is not None:
                deeper.append(((*at, key), value[key], project))
        found = deeper
    yield from found


def _name_of(item: object, index: int) -> str:
    name = item.get("name") if isinstance(item, Mapping) else None
    return name if isinstance(name, str) else f"#{index}"


def _is_entry(item: object, dialect: Dialect) -> bool:
    if not isinstance(item, Mapping):
        return True
    return any(isinstance(item.get(key), str | list) for key in ("type", dialect.command, *dialect.urls))


_INSIDE_GOOSE = "it is Python code that the agent runs itself: there is no command to put behind the gate"
_INSIDE_ZED = "an extension of the editor starts it: the settings hold no command to put behind the gate"
_BUNDLE = "it belongs to a desktop extension, whose updates overwrite it"
_VSCODE = Dialect(sandbox="sandboxEnabled")
_GEMINI = Dialect(urls=("httpUrl", "url"), url_wins=True)
_WINDSURF = Dialect(urls=("serverUrl", "url"))
_OPENCODE = Dialect(args=None, env=("environment",))

SHAPES: Mapping[str, Shape] = {
    "claude": Servers((("mcpServers",),)),
    "claude-state": Servers((("mcpServers",), ("projects", PROJECT, "mcpServers"))),
    "claude-plugin": Servers((("mcpServers",),), bare=True),
    "claude-bundle": Manifest(("server", "mcp_config"), _BUNDLE),
    "vscode": Servers((("servers",),), _VSCODE),
    "vscode-settings": Servers((("mcp", "servers"), ("mcp.servers",)), _VSCODE),
    "vscode-workspace": Servers(
        (("settings", "mcp", "servers"), ("settings", "mcp.servers"), ("mcp", "servers")), _VSCODE
    ),
    "devcontainer": Servers(
        (
            ("customizations", "vscode", "mcp", "servers"),
            ("customizations", "vscode", "settings", "mcp", "servers"),
            ("customizations", "vscode", "settings", "mcp.servers"),
        ),
        _VSCODE,
    ),
    "gemini": Servers((("mcpServers",),), _GEMINI),
    "windsurf": Servers((("mcpServers",),), _WINDSURF),
    "cline": Servers((("mcpServers",),), Dialect(inner="transport")),
    "opencode": Servers((("mcp",),), _OPENCODE, optional_level="servers"),
    "codex": Servers((("mcp_servers",),), Dialect(env=("env", "env_vars"), headers="http_headers")),
    "goose": Servers(
        (("extensions",),),
        Dialect(
            command="cmd",
            env=("envs", "env_keys"),
            urls=("uri", "url"),
            not_servers=frozenset({"builtin", "platform", "frontend"}),
            started_inside={"inline_python": _INSIDE_GOOSE},
        ),
    ),
    "continue": Servers(
        (("mcpServers",), ("experimental", "modelContextProtocolServers")), Dialect(inner="transport"), lists=True
    ),
    "zed": Servers((("context_servers",),), Dialect(command_object="path", started_inside={"extension": _INSIDE_ZED})),
    "amp": Servers((("amp.mcpServers",),)),
    "kiro": Servers((("mcpServers",), ("powers", "mcpServers"))),
}
