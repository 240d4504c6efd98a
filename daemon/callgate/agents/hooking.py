"""Pure: an agent's hooks as data: its events, how it names things in them, and how it wants to hear yes and no."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from callgate.model.call import Doing, Effect
from callgate.model.inventory import Format

Place = tuple[str, ...]
"""Keys that lead to a value of an event."""


class Phase(StrEnum):
    """What an event is to us, whatever its agent calls it."""

    ASK = "ask"
    """A tool is about to be called, and the agent waits for a verdict."""
    DONE = "done"
    FAILED = "failed"
    PROMPT = "prompt"
    BEGIN = "begin"
    END = "end"


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the values stand in an event, the first that is there counts. The defaults are what most agents share."""

    tool: tuple[Place, ...] = (("tool_name",), ("toolName",))
    arguments: tuple[Place, ...] = (("tool_input",), ("toolArgs",), ("toolInput",))
    use: tuple[Place, ...] = (("tool_use_id",),)
    call: tuple[Place, ...] = (("tool_call_id",),)
    """The model's own id of the call, where the agent makes another one besides."""
    session: tuple[Place, ...] = (("session_id",), ("sessionId",))
    turn: tuple[Place, ...] = (("prompt_id",), ("turn_id",))
    cwd: tuple[Place, ...] = (("cwd",),)
    prompt: tuple[Place, ...] = (("prompt",),)
    response: tuple[Place, ...] = (("tool_response",), ("toolResult",), ("result",))
    server: tuple[Place, ...] = (("mcp_server", "name"), ("mcp_context", "server_name"))
    server_tool: tuple[Place, ...] = (("mcp_context", "tool_name"),)


@dataclass(frozen=True, slots=True)
class Names:
    """How the agent joins the name of an MCP server and that of its tool: `prefix + server + separator + tool`; without
    a separator the server is not named at all.
    """

    prefix: str
    separator: str
    sure: bool = True
    """No tool of the agent's own has such a name. False: it is one of its own unless a server is known by that name."""

    def splits(self, tool: str) -> Iterator[tuple[str, str]]:
        """Each way to read a name as a server and a tool."""
        if not tool.startswith(self.prefix) or not self.separator:
            return
        rest = tool.removeprefix(self.prefix)
        at = rest.find(self.separator)
        while 0 < at < len(rest) - len(self.separator):
            yield rest[:at], rest[at + len(self.separator) :]
            at = rest.find(self.separator, at + 1)


@dataclass(frozen=True, slots=True)
class Output:
    """What the client does when it ends: exit code, JSON on stdout (None: nothing), the reason on stderr.

    The text REASON in the JSON stands for the reason.
    """

    code: int = 0
    json: Mapping[str, object] | None = None
    speaks: bool = False
    """The reason goes to stderr."""


REASON = "{reason}"
EXIT_2 = Output(2, speaks=True)
"""What nearly all agents take for a refusal. Without a reason on stderr some of them go on."""
CLAUDE_ASK = Output(
    json={
        "hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": "ask",
            "permissionDecisionReason": REASON,
        }
    }
)
"""A question to the user; where nobody can be asked the call does not run."""


class Layout(StrEnum):
    """How hooks stand in an agent's files (wrap.hookplan knows how each is written)."""

    GROUPS = "groups"
    """`hooks.EVENT[]` of groups, each with a list of hooks."""
    FLAT = "flat"
    """`hooks.EVENT[]` of hooks."""
    LISTED = "listed"
    """`hooks[]` of hooks that name their event."""
    SCRIPTS = "scripts"
    """A folder with one program per event."""
    PLUGIN = "plugin"
    """A plugin in JavaScript."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A file (for SCRIPTS: a folder) that hooks are written to; a path template as in `adapter.Paths`."""

    path: str
    layout: Layout
    format: Format = Format.JSON
    """JSON only where the agent was seen to reject comments."""
    own: bool = False
    """The whole file is ours: it is made and removed. Else it is the user's, and only our hooks in it are ours."""
    command: str = "command"
    """The key of the command line."""
    timeout: tuple[str, int] | None = ("timeout", 10)
    """The key of the time limit, and ten seconds in its unit."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """More keys of the hook that asks."""
    matcher: str | None = None
    """What tool events of GROUPS are matched by, where leaving it out does not mean all."""
    head: Mapping[str, object] = field(default_factory=dict)
    """Keys that a new file needs beside `hooks`."""
    typed: bool = True
    """Each hook says `"type": "command"`."""
    hidden_by: str = ""
    """If this file exists the agent does not read hooks from `path`."""
    off: Place = ()
    """Keys that lead to a switch in this file: where it is true the agent runs no hooks."""
    trust: str = ""
    """What the user has to do before the agent runs them; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """All that we know of an agent's hooks."""

    events: Mapping[str, Phase]
    """The events that we ask for, by the agent's own names."""
    tools: Mapping[str, Doing]
    """The tools that the agent brings itself, as far as their kind is known; all others are `other`."""
    names: Names
    spot: Spot
    brings: tuple[str, ...] = ()
    """MCP servers that come with the agent and stand in none of its files, by the names that it gives them."""
    managed: Spot | None = None
    """The file of an administrator that a user cannot switch off, where there is one."""
    keys: Keys = Keys()
    deny: Output = EXIT_2
    allow: Output = Output()
    ask: Output | None = None
    """How the user is asked; None: this agent cannot, so what should be asked is denied."""
    fails: str = "open"
    """What the agent does when our client crashes, is missing, is late or talks nonsense: "open" runs the tool."""
    proven: bool = False
    """Seen to work with the real agent; else from its documentation."""
    note: str = ""
    """What else a user should know, a sentence."""

    def doing(self, tool: str) -> Doing:
        """What a tool of the agent's own does."""
        return self.tools.get(tool, Doing.OTHER)

    def output(self, phase: Phase | None, effect: Effect) -> Output:
        """How the agent hears a verdict."""
        if phase is not Phase.ASK:
            return Output()
        if effect is Effect.ALLOW:
            return self.allow
        return self.ask if effect is Effect.ASK and self.ask is not None else self.deny


def plain(name: str) -> str:
    """A server's name as agents put it into a tool's: each writes what it does not like as `_`, in its own way."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def filled(template: object, reason: str) -> object:
    """The JSON of an output with the reason in its place."""
    if isinstance(template, Mapping):
        return {key: filled(value, reason) for key, value in template.items()}
    return reason if template == REASON else template


def match(names: Names, tool: str, servers: Sequence[str]) -> tuple[str, str] | None:
    """The server (one of these, by its own name) and tool that an agent's name for a tool stands for: of several ways
    to read it the one with the longest server.
    """
    known = {plain(server): server for server in servers}
    found = None
    for server, name in names.splits(tool):
        if plain(server) in known:
            found = known[plain(server)], name
    return found
