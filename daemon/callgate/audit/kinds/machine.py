"""Pure: events of this machine: agents and entries, rules and settings, the daemon and its log."""

from __future__ import annotations

from pydantic import Field

from callgate.audit.kinds.detail import Asked, Detail, Kind, Kinds, Mark


class AgentSeen(Detail):
    """What is known of an agent."""

    evidence: list[str] = Field([], description="how it was found")


class EntrySeen(Detail):
    """What an entry says."""

    argv: list[str] = Field([], description="command line, redacted")
    url: str | None = Field(None, description="address, without what follows `?`")
    enabled: bool = Field(True, description="the agent would use it")


class AgentDrift(Detail):
    """A change of agents."""

    before: AgentSeen | None = Field(None, description="what was known of it")
    after: AgentSeen | None = Field(None, description="what is known of it now")


class EntryDrift(Detail):
    """A change of entries."""

    file: str = Field(description="the agent's config file")
    before: EntrySeen | None = Field(None, description="the entry before")
    after: EntrySeen | None = Field(None, description="the entry now")


class EntryDone(Detail):
    """What we did to an entry."""

    file: str = Field("", description="the agent's config file")
    before: str = Field("", description="digest of the file before; empty if it was not changed")
    after: str = Field("", description="digest of the file after")
    spooled: bool = Field(False, description="it was done by a command while the daemon was away")


class RegistryChanged(Asked):
    """A rule of this machine's own registry."""

    identity: str = Field(description="server that it is about")
    asked: str = Field(description="how the user named it")


class SettingsChanged(Detail):
    """Settings."""

    from_: str = Field(alias="from", description="mode before")
    to: str = Field(description="mode now")
    on_doubt: str = Field(description="what a call gets that cannot be decided")


class RegistryNews(Detail):
    """The state of the registry that is followed."""

    source: str = Field(description="its URL, or `local`")
    channel: str = Field(description="`stable` or `canary`")
    approvals: int = Field(description="approvals in force")
    versions: dict[str, int] = Field({}, description="version of each of its signed files")
    freshness: str = Field(description="`fresh`, `soft` or `hard` stale")


class ApprovalEnding(Detail):
    """The end of approvals."""

    approval: str = Field(description="name of the approval that ends last")
    owner: str = Field(description="who answers for it")
    until: str = Field(description="when it ends or ended, as the registry says")


class PolicyChanged(Asked):
    """The policy of this machine."""

    policies: int = Field(description="how many policies hold now")
    before: int = Field(description="how many held before")
    file: str = Field("", description="where they were read from")


class Suspended(Asked):
    """Break-glass."""

    minutes: int = Field(description="for how long")
    until: str = Field(description="nanoseconds since the epoch")


class Resumed(Detail):
    """The end of break-glass."""

    why: str = Field("", description="the reason that was given for the suspension")


class Process(Detail):
    """The daemon."""

    pid: int = Field(description="its process")
    version: str = Field("", description="its version")
    registry: dict[str, int] = Field({}, description="version of each signed file of the registry in force")


class Broken(Detail):
    """Damage."""

    findings: list[str] = Field(description="what is wrong, a sentence each")


class Gap(Detail):
    """Lost rows."""

    rows: int = Field(description="how many could not be written")
    since: str = Field(description="nanoseconds since the epoch")


class Cut(Detail):
    """Retention."""

    first: int = Field(description="first row that was removed")
    last: int = Field(description="last row that was removed")
    rows: int = Field(description="how many")
    hash: str = Field(description="hash of the last of them, which the first row that is left follows")
    before: str = Field(description="rows before this moment went (nanoseconds since the epoch)")


KINDS: Kinds = {
    "agent.found": Kind("An agent appeared on this machine.", AgentDrift),
    "agent.gone": Kind("An agent went.", AgentDrift),
    "entry.added": Kind("A server entry appeared in an agent's config.", EntryDrift, mark=Mark.CHANGE),
    "entry.removed": Kind("A server entry went from an agent's config.", EntryDrift, mark=Mark.CHANGE),
    "entry.changed": Kind("A server entry was changed.", EntryDrift, mark=Mark.FINDING),
    "entry.wrapped": Kind("We rewrote an entry, so that its server starts behind the gate.", EntryDone),
    "entry.unwrapped": Kind("We put an entry back.", EntryDone),
    "entry.repaired": Kind("We repaired the launcher of an entry.", EntryDone),
    "entry.failed": Kind("We could not do that to an entry; the reason says why.", EntryDone, mark=Mark.FINDING),
    "entry.hooked": Kind("We put our hooks into an agent's file.", EntryDone),
    "entry.unhooked": Kind("We took our hooks out of an agent's file.", EntryDone),
    "registry.changed": Kind("What is allowed on this machine was changed.", RegistryChanged, mark=Mark.CHANGE),
    "registry.updated": Kind("Rules of the registry came into force.", RegistryNews, mark=Mark.CHANGE),
    "registry.refused": Kind("What was fetched from the registry was not accepted.", RegistryNews, mark=Mark.FINDING),
    "registry.stale": Kind(
        "The registry was not refreshed for so long that a limit passed.", RegistryNews, mark=Mark.FINDING
    ),
    "approval.ending": Kind(
        "Every approval of a server that ran here within 30 days ends within 14 days, or has ended.",
        ApprovalEnding,
        mark=Mark.FINDING,
    ),
    "policy.changed": Kind("The policy of this machine was replaced or removed.", PolicyChanged, mark=Mark.CHANGE),
    "policy.warned": Kind("A policy that is to be feared came into force.", RegistryNews, mark=Mark.FINDING),
    "policy.suspended": Kind(
        "Break-glass: the policy was suspended, for the reason given.", Suspended, mark=Mark.FINDING
    ),
    "policy.resumed": Kind("The policy holds again.", Resumed),
    "settings.changed": Kind("The settings changed.", SettingsChanged, mark=Mark.CHANGE),
    "daemon.started": Kind("The daemon started.", Process),
    "daemon.stopped": Kind("The daemon ended.", Process),
    "daemon.disturbed": Kind(
        "Something was done to the running daemon (a socket or folder of it was taken away).", mark=Mark.FINDING
    ),
    "log.broken": Kind("The log was found damaged when it was opened.", Broken, mark=Mark.FINDING),
    "log.gap": Kind("Rows could not be written for a while (a full disk).", Gap, mark=Mark.FINDING),
    "log.cut": Kind("Retention removed the oldest rows.", Cut),
}
