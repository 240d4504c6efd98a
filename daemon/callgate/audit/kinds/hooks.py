"""Pure: events that agents' hooks tell of, and of the hooks themselves."""

from __future__ import annotations

from pydantic import Field

from callgate.audit.kinds.calls import Payload
from callgate.audit.kinds.detail import Detail, Kind, Kinds, Mark


class Heard(Detail):
    """What all hooks tell."""

    ids: dict[str, str] = Field({}, description="by what other channels know it: `tool_use`, `call`, `session`, `turn`")
    hook_of: str = Field("", description="the agent whose hook it is, where another agent ran it")
    bytes: int = Field(0, description="bytes of the event, or of the tool's answer")


class HookAsked(Heard):
    """A call that is decided elsewhere."""

    server: str = Field("", description="the server's name in the agent's config")
    tool: str = Field("", description="the tool's name at its server")
    digest: str = Field("", description="of its arguments, as `payload.digest` of the call's own row")


class HookAnswered(Heard):
    """The end of it."""

    ms: float = Field(0.0, description="milliseconds from the hook before the call to that after it")
    error: bool = Field(False, description="the agent says that the call failed")


class HookUnclear(Heard):
    """A tool that may not be what it is taken for."""

    tool: str = Field("", description="the tool's name")
    servers: list[str] = Field([], description="the servers, none of them known, that its name could stand for")


class Session(Heard):
    """A session's begin or end, or an event that we do not know."""

    cwd: str = Field("", description="folder that the agent works in")
    event: str = Field("", description="the agent's name for an event that we do not know")
    problem: str = Field("", description="why the event could not be read")


class Prompt(Session):
    """What a user says."""

    payload: Payload | None = Field(None, description="what is said of the prompt")


KINDS: Kinds = {
    "hook.asked": Kind("A hook saw an MCP call that its shim decides: a second witness.", HookAsked),
    "hook.answered": Kind("A hook saw the end of such a call.", HookAnswered),
    "hook.unclear": Kind(
        "A tool is taken for the agent's own, though its name could be of an MCP server that is not known.",
        HookUnclear,
        mark=Mark.FINDING,
    ),
    "hook.unknown": Kind("A hook told of an event that we do not know.", Session),
    "prompt.submitted": Kind("The user gave the agent a prompt.", Prompt),
    "session.started": Kind("An agent's session began, as its hook says.", Session),
    "session.ended": Kind("An agent's session ended, as its hook says.", Session),
}
