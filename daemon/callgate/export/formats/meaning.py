"""Pure: what each kind of event means to a SIEM: class and activity, category, severity, and a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from callgate.model.event import Event

INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL = 1, 2, 3, 4, 5
"""Severities, as OCSF numbers them."""
SEVERITIES = ("Unknown", "Informational", "Low", "Medium", "High", "Critical")

API, PROCESS, FILE, CONFIG, FINDING, SOFTWARE, INVENTORY, LIFECYCLE, BASE = (
    6003,
    1007,
    1001,
    5019,
    2004,
    5020,
    5001,
    6002,
    0,
)
"""Classes of OCSF."""
OTHER = 99
"""The activity that the classes have no word for."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One kind."""

    ocsf: int
    activity: int
    severity: int = INFORMATIONAL
    category: str = "configuration"
    """ECS event.category."""
    type: str = "info"
    """ECS event.type."""


_FOUND = Meaning(FINDING, 1, MEDIUM, "intrusion_detection")
_ALARM = Meaning(FINDING, 1, HIGH, "intrusion_detection")
_CHANGED = Meaning(CONFIG, 1, INFORMATIONAL, "configuration", "change")
_WARNED = Meaning(CONFIG, 1, MEDIUM, "configuration", "change")

MEANINGS = {
    "call.asked": Meaning(API, OTHER, INFORMATIONAL, "api", "access"),
    "call.answered": Meaning(API, OTHER, INFORMATIONAL, "api", "end"),
    "call.refused": Meaning(API, OTHER, LOW, "api", "access"),
    "model.asked": Meaning(API, OTHER, INFORMATIONAL, "api", "access"),
    "model.answered": Meaning(API, OTHER, INFORMATIONAL, "api", "end"),
    "model.routed": _CHANGED,
    "model.unrouted": _CHANGED,
    "hook.asked": Meaning(API, OTHER, INFORMATIONAL, "api", "access"),
    "hook.answered": Meaning(API, OTHER, INFORMATIONAL, "api", "end"),
    "hook.unclear": Meaning(API, OTHER, LOW, "api"),
    "hook.unknown": Meaning(API, OTHER, LOW, "api"),
    "prompt.submitted": Meaning(API, OTHER, INFORMATIONAL, "api", "access"),
    "session.started": Meaning(API, OTHER, INFORMATIONAL, "session", "start"),
    "session.ended": Meaning(API, OTHER, INFORMATIONAL, "session", "end"),
    "tools.listed": Meaning(API, 2, INFORMATIONAL, "api", "access"),
    "message.seen": Meaning(API, OTHER, INFORMATIONAL, "api"),
    "server.launched": Meaning(PROCESS, 1, INFORMATIONAL, "process", "access"),
    "server.started": Meaning(PROCESS, 1, INFORMATIONAL, "process", "start"),
    "server.ended": Meaning(PROCESS, 2, INFORMATIONAL, "process", "end"),
    "process.started": Meaning(PROCESS, 1, INFORMATIONAL, "process", "start"),
    "process.ended": Meaning(PROCESS, 2, INFORMATIONAL, "process", "end"),
    "finding.unwrapped": _ALARM,
    "finding.loopback": _FOUND,
    "finding.options": _FOUND,
    "finding.home": _FOUND,
    "finding.hooks": _ALARM,
    "finding.model": _FOUND,
    "finding.plugin": _FOUND,
    "definitions.pinned": Meaning(CONFIG, 1, INFORMATIONAL, "configuration", "creation"),
    "definition.changed": _FOUND,
    "tool.shadowed": _FOUND,
    "server.changed": _FOUND,
    "definition.approved": _CHANGED,
    "definitions.forgotten": _CHANGED,
    "agent.found": Meaning(SOFTWARE, 2, INFORMATIONAL, "package", "installation"),
    "agent.gone": Meaning(SOFTWARE, 2, INFORMATIONAL, "package", "deletion"),
    "entry.added": Meaning(FILE, 3, LOW, "file", "change"),
    "entry.removed": Meaning(FILE, 3, INFORMATIONAL, "file", "change"),
    "entry.changed": Meaning(FILE, 3, LOW, "file", "change"),
    "entry.wrapped": _CHANGED,
    "entry.unwrapped": Meaning(CONFIG, 1, LOW, "configuration", "change"),
    "entry.repaired": Meaning(CONFIG, 1, LOW, "configuration", "change"),
    "entry.hooked": _CHANGED,
    "entry.unhooked": Meaning(CONFIG, 1, LOW, "configuration", "change"),
    "entry.failed": _WARNED,
    "registry.changed": _CHANGED,
    "registry.updated": _CHANGED,
    "registry.refused": _ALARM,
    "registry.stale": _WARNED,
    "settings.changed": _CHANGED,
    "approval.ending": _WARNED,
    "policy.changed": _CHANGED,
    "policy.warned": _WARNED,
    "policy.suspended": Meaning(CONFIG, 1, HIGH, "configuration", "change"),
    "policy.resumed": _CHANGED,
    "daemon.started": Meaning(LIFECYCLE, 3, INFORMATIONAL, "process", "start"),
    "daemon.stopped": Meaning(LIFECYCLE, 4, LOW, "process", "end"),
    "daemon.disturbed": _ALARM,
    "spool.taken": Meaning(LIFECYCLE, OTHER, INFORMATIONAL, "process"),
    "spool.opened": Meaning(LIFECYCLE, OTHER, INFORMATIONAL, "process"),
    "spool.unreadable": _FOUND,
    "coverage.changed": Meaning(CONFIG, 1, LOW, "configuration", "change"),
    "coverage.failed": _ALARM,
    "canary.refused": Meaning(API, OTHER, INFORMATIONAL, "api", "access"),
    "finding.unasked": _ALARM,
    "finding.missing": Meaning(FINDING, 1, LOW, "intrusion_detection"),
    "finding.changed": _ALARM,
    "finding.bypassed": _ALARM,
    "log.broken": Meaning(FINDING, 1, CRITICAL, "intrusion_detection"),
    "log.gap": _ALARM,
    "log.unreadable": _ALARM,
    "log.cut": Meaning(LIFECYCLE, OTHER, INFORMATIONAL, "process"),
    "log.checkpoint": Meaning(LIFECYCLE, OTHER, INFORMATIONAL, "process"),
    "log.witnessed": Meaning(LIFECYCLE, OTHER, INFORMATIONAL, "process"),
    "log.forked": Meaning(FINDING, 1, CRITICAL, "intrusion_detection"),
    "key.rotated": Meaning(CONFIG, 1, MEDIUM, "configuration", "change"),
    "clock.jumped": _FOUND,
    "machine.inventory": Meaning(SOFTWARE, 2, INFORMATIONAL, "host"),
    "machine.health": Meaning(INVENTORY, 2, INFORMATIONAL, "host"),
    "export.lost": _ALARM,
    "export.refused": _FOUND,
    "export.replayed": Meaning(LIFECYCLE, OTHER, LOW, "process"),
    "export.rewound": Meaning(LIFECYCLE, OTHER, LOW, "process"),
    "export.test": Meaning(LIFECYCLE, OTHER, INFORMATIONAL, "process"),
}
_BY_NOUN = {"finding": _FOUND, "detection": _FOUND, "call": MEANINGS["call.asked"], "hook": MEANINGS["call.asked"]}
_SAID = {"low": LOW, "medium": MEDIUM, "high": HIGH}
_UNKNOWN = Meaning(BASE, OTHER, INFORMATIONAL, "host")

URGENT = frozenset({"log.checkpoint", "log.witnessed", "log.forked", "log.broken", "key.rotated"})
"""Kinds that do not wait for others to go with them: what a checkpoint vouches for is safe once it has left."""


def meaning(kind: str) -> Meaning:
    """What a kind means; one that has no line here is an event without a class of its own."""
    return MEANINGS.get(kind) or _BY_NOUN.get(kind.partition(".")[0], _UNKNOWN)


def severity(event: Event) -> int:
    """As OCSF numbers it. What was stopped, or would have been, is at least of low severity."""
    found = meaning(event.kind).severity
    if event.kind.startswith("finding."):  # it says so itself
        found = _SAID.get(str(event.detail.get("severity")), found)
    if event.effect == "deny":
        return max(found, MEDIUM)
    if event.effect in ("ask", "redact"):
        return max(found, LOW)
    if event.kind == "call.answered" and event.detail.get("error"):
        return max(found, LOW)
    return found


def sentence(event: Event) -> str:
    """The event in one line for a person. It holds what servers and agents wrote."""
    what = event.entry or event.server
    if event.tool:
        what = f"{what} {event.tool}".strip()
    said = " ".join(part for part in (event.kind, event.agent, what) if part)
    if event.effect:
        would = "would " if event.mode == "observe" and event.effect != "allow" else ""
        said = f"{said}: {would}{event.effect}"
    return f"{said}: {event.reason}" if event.reason else said
