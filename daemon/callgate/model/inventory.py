"""Pure: what is installed and configured on this machine, and what of it could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

KeyPath = tuple[str | int, ...]
"""Where a value stands in a document: mapping keys and list indices from the root."""


class Format(StrEnum):
    """How a config file is written. JSONC is JSON with comments and trailing commas."""

    JSON = "json"
    JSONC = "jsonc"
    TOML = "toml"
    YAML = "yaml"
    DOTENV = "dotenv"


class Scope(StrEnum):
    """Whom an entry is for, and so who may change it."""

    USER = "user"
    LOCAL = "local"  # one project, but kept in the user's own file
    PROJECT = "project"  # in the project's folder, usually under version control
    SYSTEM = "system"  # needs root
    PLUGIN = "plugin"  # brought by a plugin, an extension or a bundle: overwritten by its updates


class Transport(StrEnum):
    """How the agent talks to the server."""

    STDIO = "stdio"
    HTTP = "http"  # streamable HTTP or the old HTTP+SSE


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One file that an agent reads servers from. `path` is absolute; links are not resolved."""

    agent: str
    scope: Scope
    path: str
    format: Format
    shape: str
    """Name of the shape (agents.shapes.SHAPES) that reads this file's entries."""
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """The few lines in an agent's config that name a server."""

    agent: str
    name: str
    file: ConfigFile
    at: KeyPath
    transport: Transport
    argv: tuple[str, ...] = ()
    """Command and arguments exactly as the file has them (ours too, when it is wrapped); empty for HTTP."""
    url: str | None = None
    env_names: tuple[str, ...] = ()
    """Names only: values may be secrets and never leave the file."""
    cwd: str | None = None
    enabled: bool = True
    unwrappable: str | None = None
    """Why this entry is never rewritten (a plugin's, an unknown shape, ...), or None."""
    project: str | None = None
    """The project folder that the entry is limited to, for the local and project scopes."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that we could not or would not examine, and why. It is always shown."""

    what: str
    reason: str
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class AgentFound:
    """An agent that is on this machine, with the evidence for it (paths, executables)."""

    id: str
    name: str
    evidence: tuple[str, ...]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A process that is an agent or a server, with the evidence for saying so."""

    pid: int
    kind: str  # "agent" or "server"
    what: str  # agent id, or server identity
    argv: tuple[str, ...]
    evidence: str
    behind_shim: bool | None = None
    """For a server: is a shim of ours among its ancestors? None for an agent."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What one look at the machine found."""

    agents: tuple[AgentFound, ...] = ()
    entries: tuple[Entry, ...] = ()
    files: tuple[ConfigFile, ...] = ()
    """Every config file that exists and was read, with or without entries."""
    watch: tuple[str, ...] = ()
    """Folders in which a change may change the inventory (files that do not exist yet included)."""
    running: tuple[Running, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class Put:
    """An edit: make the value at `at` be `value`. A missing last key is added; a missing parent is an error."""

    at: KeyPath
    value: object


@dataclass(frozen=True, slots=True)
class PutText:
    """An edit: put `text`, verbatim document text of one value, where the value at `at` stands."""

    at: KeyPath
    text: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """An edit: remove the key (and value) at `at`."""

    at: KeyPath


Edit = Put | PutText | Drop


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What path templates and lookups depend on: one person's home on one system."""

    home: str
    os: str  # "linux", "macos" or "windows"
    env: Mapping[str, str] = field(default_factory=dict)
