"""Pure: events of findings: where channels, processes or files do not agree with what the gate saw."""

from __future__ import annotations

from pydantic import Field

from callgate.audit.kinds.detail import Detail, Kind, Kinds


class Disagreement(Detail):
    """Two channels do not agree on one call."""

    severity: str = Field(description="`low`, `medium` or `high`")
    about: int = Field(description="number of the row that it is about")
    channel: str = Field(description="`model`, `hook` or `mcp`: who saw that call")


KINDS: Kinds = {
    "finding.unasked": Kind("A call that no answer of the model asked for.", Disagreement),
    "finding.missing": Kind("A call that the model asked for, and that nobody saw.", Disagreement),
    "finding.changed": Kind("A call with other arguments than the model asked for.", Disagreement),
    "finding.bypassed": Kind("A call that a hook saw, and no shim.", Disagreement),
}
