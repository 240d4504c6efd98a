"""Pure: the schema of one row, as the local API and `callgate log --json` give it, and the check against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from callgate.audit.kinds import calls, coverage, evidence, export, findings, hooks, integrity, machine, models
from callgate.audit.kinds.detail import Kinds
from callgate.model.event import SCHEMA

KINDS: Kinds = {
    **calls.KINDS,
    **hooks.KINDS,
    **models.KINDS,
    **findings.KINDS,
    **machine.KINDS,
    **integrity.KINDS,
    **export.KINDS,
    **coverage.KINDS,
    **evidence.KINDS,
}
"""Every kind of event that is ever written. A new kind gets its line in one of these modules."""


class Record(BaseModel):
    """One row. Fields that have no meaning for a row are left out."""

    model_config = ConfigDict(extra="forbid")

    seq: int = Field(description="The row's number: the order in which things were written, without gaps.")
    time: int = Field(description="Nanoseconds since 1970, by the wall clock, which may jump; `seq` orders.")
    kind: str = Field(description="What happened, as `noun.verb` (below).")
    uid: str = Field("", description="Causal id: the call or thing that the row speaks of; equal ids belong together.")
    session: str = Field("", description="The agent's process tree: boot id, pid and start time of its root.")
    user: str = Field("", description="The account that the agent runs as, as the operating system says.")
    agent: str = Field("", description="The agent's id.")
    server: str = Field("", description="Identity of the server (`npm:pkg@1.2.3`, ...).")
    entry: str = Field("", description="The server's name in the agent's config.")
    tool: str = Field("", description="The tool.")
    effect: Literal["", "allow", "ask", "redact", "deny"] = Field("", description="What was decided.")
    rule: str = Field("", description="The rule that decided.")
    reason: str = Field("", description="Why, in a sentence.")
    mode: Literal["", "observe", "enforce"] = Field(
        "", description="`observe`: the effect is what *would* have happened; `enforce`: it did."
    )
    basis: str = Field(
        "", description="Names the rules that it was judged by; `registry.updated` with the same says their versions."
    )
    detail: dict[str, Any] = Field({}, description="What differs between kinds.")
    payload: str = Field("", description="What was kept of the arguments; given by `callgate explain` only where kept.")
    hash: str = Field("", description="SHA-256 of this row chained to all before it, in hex.")


def problems(row: Mapping[str, Any]) -> list[str]:
    """What in a row is not as the schema says, a sentence each; none if all is."""
    try:
        record = Record.model_validate(row)
        kind = KINDS.get(record.kind)
        if kind is None:
            return [f"row {record.seq}: {record.kind!r} is no kind of schema {SCHEMA}"]
        kind.detail.model_validate(record.detail)
    except ValidationError as error:
        where = f"row {row.get('seq')} ({row.get('kind')})"
        return [f"{where}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return []
