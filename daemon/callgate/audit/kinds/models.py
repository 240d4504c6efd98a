"""Pure: events of the model channel: what agents ask of models, and what models answer."""

from __future__ import annotations

from pydantic import Field

from callgate.audit.kinds.calls import Payload
from callgate.audit.kinds.detail import Detail, Kind, Kinds


class Given(Detail):
    """What a tool gave, as the agent hands it on."""

    id: str = Field(description="id of the model's call")
    bytes: int = Field(description="bytes of its text")
    error: bool = Field(False, description="the agent says that it failed")


class Asked(Detail):
    """A request."""

    host: str = Field(description="host of the model's API")
    dialect: str = Field(description="`messages`, `chat`, `responses` or `generate-content`")
    bytes: int = Field(description="bytes of the request")
    model: str = Field("", description="the model that is asked for")
    tools: int = Field(0, description="tools on offer")
    system: str = Field("", description="SHA-256 of the system prompt's text")
    conversation: str = Field("", description="the agent's own id of the conversation")
    results: list[Given] = Field([], description="what tools gave since the model last spoke")
    secrets: list[str] = Field([], description="kinds of secrets in it, where the rules look for them")
    unread: str = Field("", description="why it could not be read")
    payload: Payload | None = Field(None, description="what is said of the user's prompt")


class ToolUse(Detail):
    """A call that the model asks for."""

    id: str = Field(description="the model's id for it")
    name: str = Field(description="the tool, by the agent's name for it")
    digest: str = Field("", description="of its arguments, as `payload.digest` of the call's own row")
    cut: bool = Field(False, description="its arguments are too large to be read")
    inner_name: str = Field("", description="of a call that makes another one: that one's tool")
    inner_digest: str = Field("", description="and the digest of its arguments")


class Answered(Detail):
    """An answer."""

    host: str = Field(description="host of the model's API")
    model: str = Field(description="the model that answered")
    status: int = Field(description="HTTP status, 0 where none came")
    ms: float = Field(description="milliseconds from the request to the end of the answer")
    first_ms: float = Field(0.0, description="milliseconds to its first byte")
    bytes: int = Field(description="bytes of the answer")
    input_tokens: int = Field(0, description="tokens asked, cached ones included")
    output_tokens: int = Field(0, description="tokens answered")
    stop: str = Field("", description="why it stopped, in the API's word")
    error: str = Field("", description="the API's own error, redacted")
    problem: str = Field("", description="why it could not be had or read")
    tool_uses: list[ToolUse] = Field([], description="the calls that the model asks for")
    payload: Payload | None = Field(None, description="what is said of its text and calls")


class Routed(Detail):
    """An address in an agent's file."""

    file: str = Field(description="the agent's file")
    setting: str = Field(description="the setting in it")
    upstream: str = Field(description="the API's own address")


KINDS: Kinds = {
    "model.asked": Kind("An agent asked its model; this is the verdict.", Asked),
    "model.answered": Kind("The model answered, or did not.", Answered),
    "model.routed": Kind("An agent's model is reached through the gate from now on.", Routed),
    "model.unrouted": Kind("An agent got the address of its model back.", Routed),
}
