"""Pure: read one server entry of an agent's config, whatever is in it, and say how it is wrapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from callgate.model.inventory import Edit, KeyPath, Put, Transport

PROBLEMS_MAX = 100
"""Sentences kept of one file: a hostile file of 8 MiB could hold a million wrong entries."""
_EXACT_MAX = 2**53
"""The largest whole number that JavaScript, in which most agents are written, prints as it stands in the file."""
_REMOTE_TYPES = frozenset(
    {"http", "sse", "ws", "remote", "streamable-http", "streamablehttp", "streamable_http", "websocket"}
)

_TOKEN_KEYS = frozenset({"bearer_token_env_var", "env_http_headers", "headersHelper"})
"""Keys of remote entries by which agents get headers from elsewhere (Codex, Claude Code)."""


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as a shape reads it, before it is known which agent's and which file's it is."""

    name: str
    at: KeyPath
    transport: Transport
    argv: tuple[str, ...] = ()
    url: str | None = None
    env_names: tuple[str, ...] = ()
    cwd: str | None = None
    enabled: bool = True
    unwrappable: str | None = None
    project: str | None = None
    """The project that the entry is limited to, where the file (not its place) says so."""
    command_at: KeyPath = ()
    """Where the command stands; empty if the entry has none."""
    args_at: KeyPath | None = None
    """Where the arguments stand or would stand; None if `command_at` is a list that holds them too."""
    url_at: KeyPath = ()
    """Where the address of a remote server stands; empty if the entry starts a local one."""
    headers: tuple[tuple[KeyPath, str, str], ...] = field(default=(), repr=False)
    """Headers that the agent sends to it: where each value stands, name and value (which may be a secret)."""
    more_headers: bool = False
    """The agent sends headers whose names or values it gets from elsewhere."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document holds: entries, and a sentence for each thing that could not be read as one."""

    entries: tuple[RawEntry, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """The names that an agent uses inside an entry."""

    command: str = "command"
    args: str | None = "args"
    """None: the command is a list that holds the arguments too."""
    env: tuple[str, ...] = ("env",)
    """Keys of mappings (name to value) or lists (names) of environment variables."""
    urls: tuple[str, ...] = ("url",)
    headers: str = "headers"
    """Key of a mapping of headers for a remote server."""
    url_wins: bool = False
    """The agent documents that a URL, where there is one, beats the command."""
    inner: str | None = None
    """A key under which older or newer versions nest the whole connection (Cline's `transport`)."""
    command_object: str | None = None
    """The command may be an object that holds the path under this key, with arguments and environment beside it."""
    not_servers: frozenset[str] = frozenset()
    """Values of `type` that name things inside the agent: no process, no server."""
    started_inside: Mapping[str, str] = field(default_factory=dict)
    """Values of `type` or `source` of servers that the agent starts without a command of ours to change: the reason."""
    sandbox: str | None = None
    """A switch that makes the agent start the server inside its own sandbox."""


class Notes:
    """Problems as they are found, at most PROBLEMS_MAX of them; the rest is counted."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._more = 0

    def add(self, at: KeyPath, problem: str) -> None:
        """Note that what stands at `at` has this problem."""
        if len(self._kept) < PROBLEMS_MAX:
            self._kept.append(f"{spoken(at)} {problem}")
        else:
            self._more += 1

    def all(self) -> tuple[str, ...]:
        """The sentences, with the number of those left out last."""
        return (*self._kept, f"{self._more} more problems are not listed") if self._more else tuple(self._kept)


def spoken(at: KeyPath) -> str:
    """A key path for people: dots between plain names, quotes and escapes around others (they may be hostile)."""
    if not at:
        return "the top of the file"
    parts = [f"[{key}]" if isinstance(key, int) else key if key.isidentifier() else repr(key) for key in at]
    text = ".".join(parts).replace(".[", "[")
    return text if len(text) <= 200 else text[:200] + "..."


def kind_of(value: object) -> str:
    """What a value of a document is, for a sentence."""
    for kinds, word in (
        (Mapping, "a mapping"),
        (list, "a list"),
        (str, "text"),
        (bool, "true or false"),
        ((int, float), "a number"),
    ):
        if isinstance(value, kinds):
            return word
    return "empty" if value is None else "of another kind"


def wrap(raw: RawEntry, launcher: str) -> tuple[Edit, ...]:
    """The edits that make the entry start `launcher -- <its command line>`; () for what is not to be wrapped.

    A disabled entry is wrapped too: it is then covered from the moment in which someone enables it.
    """
    if raw.unwrappable is not None or raw.transport is not Transport.STDIO or not raw.command_at:
        return ()
    if raw.args_at is None:
        return (Put(raw.command_at, [launcher, "--", *raw.argv]),)
    return (Put(raw.command_at, launcher), Put(raw.args_at, ["--", *raw.argv]))


def read_entry(name: str, at: KeyPath, value: object, dialect: Dialect, notes: Notes) -> RawEntry | None:
    """The entry that `value`, standing at `at`, makes; None (with or without a note) if it makes none.

    A command line in one string stays one string: no agent that we know splits it. An entry with a URL and a command
    is a local server unless the agent documents otherwise, for then what can be covered is covered.
    """
    if not isinstance(value, Mapping):
        notes.add(at, f"is {kind_of(value)}, not a mapping")
        return None
    if value and not set(value) - {"enabled", "disabled"}:
        return None  # only switches a server on or off that another file defines
    kind = _text(value.get("type"))
    if kind in dialect.not_servers:
        return None
    entry = RawEntry(name, at, Transport.STDIO, enabled=_is_enabled(value))
    for word in (kind, _text(value.get("source"))):
        if word in dialect.started_inside:
            return replace(entry, unwrappable=dialect.started_inside[word])
    if dialect.inner is not None and isinstance(inner := value.get(dialect.inner), Mapping):
        at, value = (*at, dialect.inner), inner
    entry = _with_surroundings(entry, at, value, dialect, notes)
    return _with_connection(entry, at, value, dialect, notes)


def _with_surroundings(
    entry: RawEntry, at: KeyPath, value: Mapping[object, object], dialect: Dialect, notes: Notes
) -> RawEntry:
    names: list[str] = []
    for key in dialect.env:
        found = value.get(key)
        if isinstance(found, Mapping | list):
            names += [item for item in found if isinstance(item, str)]
        elif found is not None:
            notes.add((*at, key), f"is {kind_of(found)}, not a mapping")
    sandboxed = dialect.sandbox is not None and value.get(dialect.sandbox) is True
    return replace(
        entry,
        env_names=tuple(names),
        cwd=_text(value.get("cwd")) or None,
        unwrappable="the agent starts it in its own sandbox, which does not let it reach the gate"
        if sandboxed
        else None,
    )


def _with_connection(
    entry: RawEntry, at: KeyPath, value: Mapping[object, object], dialect: Dialect, notes: Notes
) -> RawEntry | None:
    url_key = next((key for key in dialect.urls if _text(value.get(key))), None)
    url = _text(value.get(url_key)) if url_key else None
    command = value.get(dialect.command)
    if command is None or (dialect.url_wins and url):
        if url:
            found = replace(entry, transport=Transport.HTTP, url=url, url_at=(*at, url_key or ""))
            more = any(value.get(key) for key in _TOKEN_KEYS)
            return replace(found, headers=_headers(at, value, dialect), more_headers=more)
        keys = " nor ".join((dialect.command, *dialect.urls))
        notes.add(at, f"names no server: it has neither {keys}")
        return None
    if url or _text(value.get("type")).lower() in _REMOTE_TYPES:
        notes.add(at, "has a command and also names a remote server: only the command can be covered")
    if dialect.args is None:
        return _from_list(replace(entry, url=url), (*at, dialect.command), command, notes)
    if dialect.command_object and isinstance(command, Mapping):
        at, value = (*at, dialect.command), command
        entry = _with_surroundings(entry, at, value, dialect, notes)
        command_key, command = dialect.command_object, command.get(dialect.command_object)
    else:
        command_key = dialect.command
    if not isinstance(command, str) or not command:
        notes.add((*at, command_key), f"is {kind_of(command) if command != '' else 'empty'}, not the name of a program")
        return None
    args_at = (*at, dialect.args)
    args = _words(args_at, value.get(dialect.args, []), notes)
    if args is None:
        return None
    return replace(entry, url=url, argv=(command, *args), command_at=(*at, command_key), args_at=args_at)


def _headers(at: KeyPath, value: Mapping[object, object], dialect: Dialect) -> tuple[tuple[KeyPath, str, str], ...]:
    found = value.get(dialect.headers)
    if not isinstance(found, Mapping):
        return ()
    pairs = [(name, text) for name, text in found.items() if isinstance(name, str) and isinstance(text, str)]
    return tuple(((*at, dialect.headers, name), name, text) for name, text in pairs)


def _from_list(entry: RawEntry, at: KeyPath, command: object, notes: Notes) -> RawEntry | None:
    words = _words(at, command, notes)
    if words is None:
        return None
    if not words or not words[0]:
        notes.add(at, "is empty, not a command line")
        return None
    return replace(entry, argv=words, command_at=at)


def _words(at: KeyPath, value: object, notes: Notes) -> tuple[str, ...] | None:
    """Arguments. Whole numbers count as their digits, as they do for agents that do not check; null is no arguments."""
    if value is None:
        return ()
    if not isinstance(value, list):
        notes.add(at, f"is {kind_of(value)}, not a list")
        return None
    words = []
    for index, item in enumerate(value):
        if isinstance(item, str) or (type(item) is int and abs(item) < _EXACT_MAX):
            words.append(str(item))
        else:
            notes.add((*at, index), f"is {kind_of(item)}, not text")
            return None
    return tuple(words)


def _is_enabled(value: Mapping[object, object]) -> bool:
    return value.get("disabled") is not True and value.get("enabled") is not False


def _text(value: object) -> str:
    return str(value) if isinstance(value, str) else ""
