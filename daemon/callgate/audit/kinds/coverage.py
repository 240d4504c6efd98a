"""Pure: events about coverage: canaries that were refused, proofs that failed, cells that changed."""

from __future__ import annotations

from pydantic import Field

from callgate.audit.kinds.detail import Detail, Kind, Kinds


class Canary(Detail):
    """One canary."""

    channel: str = Field(description="where it came in: `mcp` (stdio and HTTP), `hook` or `model`")
    pid: int = Field(description="the process that made it, as the operating system says")


class Failed(Detail):
    """A way that could not be proved."""

    channel: str = Field(description="`stdio`, `http`, `tools` or `model`")
    file: str = Field(description="the agent's file")


class Changed(Detail):
    """A cell of the matrix."""

    channel: str = Field(description="`stdio`, `http`, `tools`, `model`, `processes` or `files`")
    before: str = Field(description="its state before")
    after: str = Field(description="its state now")


KINDS: Kinds = {
    "canary.refused": Kind("A call that was made to be refused was refused: this way passes the gate.", Canary),
    "coverage.failed": Kind("A canary was not refused by the gate; the reason says what happened instead.", Failed),
    "coverage.changed": Kind("The proof of a channel was lost, or is there again.", Changed),
}
