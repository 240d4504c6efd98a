"""Pure: one call, who makes it, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from callgate.model.identity import Identified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from callgate.model.startup import Startup


class Effect(IntEnum):
    """What is done with a call. The larger, the more severe: severity beats order everywhere."""

    ALLOW = 0
    ASK = 1
    DENY = 2

    @property
    def word(self) -> str:
        """The word that people, files and the log use."""
        return _WORDS[self]

    @classmethod
    def of(cls, word: str) -> Effect:
        """The effect of that name. Raises ValueError for any other word."""
        try:
            return cls[word.upper()]
        except KeyError:
            raise ValueError(f"{word!r} is not an effect: expected allow, ask or deny") from None


_WORDS = tuple(effect.name.lower() for effect in Effect)  # a member's name takes long to look up


class Mode(StrEnum):
    """`observe` records what would have happened and lets everything pass; `enforce` does it."""

    OBSERVE = "observe"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided, by which rule, and why. The reason is a sentence for the agent's user."""

    effect: Effect
    rule: str
    reason: str
    argv: tuple[str, ...] = ()
    """Obligation, of a launch: start this command line instead. Empty: what was asked for."""
    program: str = ""
    """Obligation, of a launch: the file to execute. Empty: what the first word leads to."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, as the operating system says (never as the peer says)."""

    uid: int
    pid: int
    agent: str | None
    """Id of the agent found among the ancestors of `pid`, else the one that our launcher was made for, else None."""
    agent_evidence: str
    session: str
    """boot id, pid and start time of the root process of the agent (or of the shim, when no agent is known)."""
    proven: bool = False
    """`agent` was found among the ancestors; a launcher's word alone proves nothing."""
    user: str = ""
    """The account's name; empty where it has none."""
    groups: tuple[str, ...] = ()
    """The names of the account's groups."""
    home: str = ""
    """The account's home folder."""


@dataclass(frozen=True, slots=True)
class Session:
    """One shim at work: its caller, the server behind it, and the entry that it was started from."""

    uid: str
    """Chosen by the shim, the same after a reconnect; part of each call's id."""
    caller: Caller
    server: Identified
    entry: str
    """The name of the server in the agent's config, or the command's own name."""
    startup: Startup | None = field(default=None, compare=False)
    """How it would be started; None where nobody has looked."""
    barred: Verdict | None = field(default=None, compare=False)
    """It must not be called any more: what it runs is not what was looked at."""


class Doing(StrEnum):
    """What a tool of an agent's own does, as far as its name tells."""

    SHELL = "shell"
    READ = "read"
    WRITE = "write"
    FETCH = "fetch"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Deed:
    """What a call of an agent's own tool is about to do, read from its arguments (policy.builtin makes it)."""

    kind: Doing
    cwd: str = ""
    """Where its relative paths begin; empty where the agent does not say."""
    programs: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    """The arguments of the programs."""
    paths: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    """The paths that it says it writes, and every folder above them."""
    opaque: bool = False
    globs: bool = False
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One question to the gate."""

    uid: str
    session: Session
    method: str
    tool: str | None
    arguments: Mapping[str, object] | None = field(default=None)
    size: int = 0
    """Bytes of the whole message."""
    truncated: bool = False
    """The message was larger than what is inspected: `arguments` is None though there were some."""
    ids: Mapping[str, str] = field(default_factory=dict)
    """What joins this row with those of other channels that see the same action: `tool_use`, `call`, `session`, ..."""
    asked_by_model: str = "unknown"
    """Did the model ask for exactly this call? `yes`, `no`, or `unknown` where its words are not seen."""
    channel: str = "mcp"
    """Who asks: `mcp` (a shim) or `hook`."""
    deed: Deed | None = None
    """For a tool of the agent's own: what it does."""
    hook_of: str = ""
    """The agent whose hook asks, where another agent runs it."""
