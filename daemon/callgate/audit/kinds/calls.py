"""Pure: events of the MCP channel: launches, calls, listings, messages, and what shims spooled."""

from __future__ import annotations

from pydantic import Field

from callgate.audit.kinds.detail import Asked, Detail, Kind, Kinds, Mark


class Payload(Detail):
    """What is said of a call's arguments, whose kept text lies beside the row."""

    digest: str = Field(description="HMAC-SHA-256 of all arguments under this machine's key")
    size: int = Field(description="bytes of their canonical JSON")
    seal: str = Field("", description="ties the kept text to this row")
    redactions: int = Field(0, description="places that were taken out")
    cut: bool = Field(False, description="only the beginning is kept")


class Judged(Detail):
    """A question that the gate, or a shim without its gate, decided."""

    policies: list[str] = Field([], description="policies that decided")
    observed: list[str] = Field([], description="policies that would have decided, and only watch")
    unproven: bool = Field(False, description="who asks is only a launcher's word")
    spooled: bool = Field(False, description="a shim decided this while the daemon was away")
    shim: str = Field("", description="of a spooled row: the shim that decided")
    argv: list[str] = Field([], description="the server's command line, redacted")
    ms: float = Field(0.0, description="of a spooled row: milliseconds that the shim waited for the daemon")


class CallAsked(Judged):
    """A call."""

    bytes: int = Field(0, description="bytes of the whole message")
    truncated: bool = Field(False, description="larger than what is inspected: its arguments were not seen")
    retry: bool = Field(False, description="asked again after the daemon was away")
    payload: Payload | None = Field(None, description="what is said of the arguments")
    ids: dict[str, str] = Field({}, description="by what other channels know this call: `tool_use`, `session`, ...")
    channel: str = Field("", description="`hook`: an agent's hook asked, not a shim")
    event: str = Field("", description="of a spooled row of a hook: the agent's name for the event")
    hook_of: str = Field("", description="the agent whose hook it is, where another agent ran it")
    does: str = Field("", description="of a tool of the agent's own: shell, read, write, fetch or other")
    asked_by_model: str = Field("", description="where a policy wants to know: the model asked for exactly this")
    cwd: str = Field("", description="the folder that it works in")
    programs: list[str] = Field([], description="programs that its shell command runs, at most 32")
    hosts: list[str] = Field([], description="hosts that it names, at most 32")
    opaque: bool = Field(False, description="not all that it runs can be known without running it")


class Refused(Detail):
    """A message that never became a call."""

    method: str = Field("", description="method, where it could be read")
    refused: str = Field(description="what is wrong with the message")
    direction: str = Field("", description="`client`")


class Answered(Detail):
    """An answer."""

    ms: float = Field(0.0, description="milliseconds from the call's going on to the answer")
    bytes: int = Field(description="bytes of the answer")
    error: bool = Field(description="the server says that the call failed")
    ids: dict[str, str] = Field({}, description="by what other channels know this call")
    channel: str = Field("", description="`hook`: the tool is the agent's own, and its hook says so")
    hook_of: str = Field("", description="the agent whose hook it is, where another agent ran it")


class Launched(Judged):
    """A launch."""

    evidence: str = Field("", description="how the server was identified")
    also: list[str] = Field([], description="other identities that it goes by")
    cwd: str = Field("", description="folder that it starts in")
    pid: int = Field(0, description="process of the shim, or that which reaches a remote server")
    transport: str = Field("", description="`http` for a remote server")
    caller: str = Field("", description="how the agent was recognised")
    build: str = Field("", description="build of the shim")
    resumed: bool = Field(False, description="the shim found the gate again: its server runs already")
    file: str = Field("", description="the one file that the identity rests on")
    asked: str = Field("", description="the floating identity that was asked for")
    instead: list[str] = Field([], description="the command line with the approved version in its place, redacted")


class Changed(Detail):
    """A server that is not any more what was allowed."""


class Started(Detail):
    """A process."""

    pid: int = Field(description="process of the server")


class Ended(Detail):
    """The end of a process."""

    code: int | None = Field(None, description="exit code; negative: the signal that ended it")
    orphan: int = Field(0, description="process that outlived its shim and was ended")


class ToolsListed(Detail):
    """A listing."""

    tools: list[object] = Field([], description="names that the server listed")
    denied: list[object] = Field([], description="names that the agent is not shown")
    held: dict[str, str] = Field({}, description="by name, the rule of each definition that is not as it was approved")
    nameless: int = Field(0, description="how many had no proper name")
    of: str = Field("", description="of a listing that was not read: what was listed")
    count: int = Field(0, description="of a listing that was not read: how many")
    unread: str = Field("", description="why it was not read")


class Said(Detail):
    """A message that carries no decision."""

    method: str = Field("", description="its method")
    direction: str = Field("", description="who said it: `client` or `server`")
    version: str = Field("", description="protocol version of the opening")
    client: str = Field("", description="what the client calls itself, unproven")
    client_version: str = Field("", description="the version that it claims, unproven")
    noise: str = Field("", description="beginning of a line of the server that is no message")
    more: int = Field(0, description="requests of the server in one second that are not named")
    call: int = Field(0, description="number of the call that the client cancelled")


class SpoolTaken(Detail):
    """A slice of a spool file."""

    file: str = Field(description="name of the spool file")
    bytes: int = Field(description="bytes of it that are rows by now")
    digest: str = Field(description="SHA-256 of these bytes")
    lines: int = Field(description="rows that the last slice became")


class SpoolUnreadable(Detail):
    """Lines that make no sense."""

    file: str = Field(description="name of the spool file")
    lines: int = Field(description="how many lines")
    bytes: int = Field(description="how many bytes")


class SpoolOpened(Detail):
    """A spool file without decisions."""

    file: str = Field(description="name of the spool file")


class Definitions(Detail):
    """The first listing of a server."""

    kind: str = Field(description="`tool`, `prompt`, `template` or `instructions`")
    count: int = Field(description="how many definitions")
    steering: dict[str, list[str]] = Field({}, description="by name, what in it speaks to the model")


class DefinitionChanged(Detail):
    """A definition that is not what was approved."""

    kind: str = Field("", description="`tool`, `prompt`, `template` or `instructions`")
    class_: str = Field("", alias="class", description="the worst of its changes")
    reasons: list[str] = Field([], description="each change, in words")
    digest: str = Field("", description="digest of the new definition")
    more: int = Field(0, description="changes of this listing that are not named")


class DefinitionApproved(Asked):
    """A definition that a person trusts."""

    kind: str = Field(description="`tool`, `prompt`, `template` or `instructions`")
    digest: str = Field(description="digest of the definition")


class DefinitionsForgotten(Asked):
    """Definitions that are looked at anew."""

    count: int = Field(description="how many")


class Shadowed(Detail):
    """A tool with another one's name."""

    kind: str = Field("", description="`tool`")
    alike: list[object] = Field(description="server and name of each tool that it can be mistaken for")


KINDS: Kinds = {
    "call.asked": Kind("An agent asked for a tool; this is the verdict.", CallAsked),
    "call.answered": Kind("The server answered.", Answered),
    "call.refused": Kind("A client's message was malformed, so that it went to nobody.", Refused, mark=Mark.FINDING),
    "server.launched": Kind("An agent asked to start a server; this is the verdict.", Launched),
    "server.started": Kind("Its process runs.", Started),
    "server.ended": Kind("Its process ended.", Ended),
    "server.changed": Kind(
        "A running server is not what was looked at before its start; the verdict on it.", Changed, mark=Mark.FINDING
    ),
    "tools.listed": Kind("A server listed its tools.", ToolsListed),
    "message.seen": Kind("A message that carries no decision went by.", Said),
    "definitions.pinned": Kind("The first listing of a server: from now on it is compared with this.", Definitions),
    "definition.changed": Kind(
        "A definition is not what was approved; the verdict is what that means for calls.",
        DefinitionChanged,
        mark=Mark.FINDING,
    ),
    "definition.approved": Kind("A person trusts a definition.", DefinitionApproved, mark=Mark.CHANGE),
    "definitions.forgotten": Kind(
        "A person had definitions of a server forgotten.", DefinitionsForgotten, mark=Mark.CHANGE
    ),
    "tool.shadowed": Kind(
        "A tool has the name of another one, or one that looks like it.", Shadowed, mark=Mark.FINDING
    ),
    "spool.taken": Kind("What shims decided while the daemon was away was taken in.", SpoolTaken),
    "spool.unreadable": Kind("Lines of a spool file could not be read.", SpoolUnreadable, mark=Mark.FINDING),
    "spool.opened": Kind(
        "A shim opened a spool file while the daemon was away, and decided nothing in it.", SpoolOpened
    ),
}
