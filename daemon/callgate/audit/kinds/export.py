"""Pure: events of the export, and what a machine reports of itself to the fleet."""

from __future__ import annotations

from pydantic import Field

from callgate.audit.kinds.detail import Asked, Detail, Kind, Kinds, Mark


class InventoryAgent(Detail):
    """One agent."""

    id: str = Field(description="its id")
    name: str = Field(description="its name")
    version: str | None = Field(None, description="its version, where it is known")


class InventoryServer(Detail):
    """One server entry."""

    server: str = Field(description="identity of the server")
    name: str = Field(description="the same, short")
    agent: str = Field(description="the agent whose entry it is")
    entry: str = Field(description="its name there")
    transport: str = Field(description="`stdio`, `http` or `sse`")
    state: str = Field(description="`wrapped`, `left` or `open`")
    effect: str = Field(description="what the registry says of its launch")
    rule: str = Field(description="by which rule")
    enabled: bool = Field(description="the agent would use it")


class Reported(Detail):
    """A report of this machine."""

    why: str = Field(description="`start`, `change` or `schedule`")


class Inventory(Reported):
    """What is on the machine."""

    agents: list[InventoryAgent] = Field([], description="the agents, at most 300")
    servers: list[InventoryServer] = Field([], description="the server entries, at most 300")
    counts: dict[str, int] = Field({}, description="how many of each there are, and what was skipped")


class Health(Reported):
    """How the gate is doing."""

    version: str = Field(description="the daemon's version")
    mode: str = Field(description="`observe` or `enforce`")
    on_doubt: str = Field(description="what a call gets that cannot be decided")
    registry: dict[str, object] = Field({}, description="source, channel, versions, freshness and approvals")
    policies: int = Field(0, description="policies in force")
    suspended: bool = Field(False, description="break-glass holds")
    problems: list[str] = Field([], description="what is wrong, a sentence each, at most 50")


class SinkNews(Detail):
    """One receiver."""

    sink: str = Field(description="name of the receiver in the settings")


class SetAside(SinkNews):
    """Events that a receiver refused."""

    rows: int = Field(description="how many")
    seqs: list[int] = Field([], description="their numbers, at most 20")
    kinds: list[str] = Field([], description="their kinds")


class Lost(SinkNews):
    """Rows that are gone."""

    first: int = Field(description="the first of them")
    last: int = Field(description="the last of them")
    rows: int = Field(description="how many")


class Replayed(Asked):
    """A part of the log that is sent again."""

    sinks: list[str] = Field(description="to these receivers")
    first: int = Field(description="from this row on")


KINDS: Kinds = {
    "machine.inventory": Kind(
        "What is on this machine; at the start, on a change and on a schedule, where there is a sink.", Inventory
    ),
    "machine.health": Kind("How the gate is doing, likewise.", Health),
    "export.refused": Kind(
        "A receiver will never take these events: they are set aside, and the others go on.",
        SetAside,
        mark=Mark.FINDING,
    ),
    "export.lost": Kind("Rows were removed from the log before a receiver got them.", Lost, mark=Mark.FINDING),
    "export.rewound": Kind(
        "A receiver is sent the log from its beginning: the log is not the one that it was sent.",
        SinkNews,
    ),
    "export.replayed": Kind("A person had a part of the log sent again.", Replayed),
}
