"""Pure: events in the Elastic Common Schema 9, with its gen_ai group; what it has no place for is under `callgate`."""

from __future__ import annotations

from datetime import UTC, datetime

from callgate.export.formats.meaning import meaning, sentence, severity
from callgate.export.formats.record import Origin, Record

VERSION = "9.0.0"


def render(record: Record, origin: Origin) -> dict[str, object]:
    """One event as a document for a data stream."""
    event, what = record.event, meaning(record.event.kind)
    said: dict[str, object] = {
        "@timestamp": instant(event.time),
        "ecs": {"version": VERSION},
        "message": sentence(event),
        "event": _event(record, origin),
        "host": {
            "id": origin.uid,
            "hostname": origin.hostname,
            "os": {"type": origin.system, "version": origin.release},
        },
        "user": {"name": event.user or origin.user},
        "observer": {"vendor": "Callgate", "product": "Callgate", "type": "agent-gate", "version": origin.version},
        "callgate": _own(record, origin),
    }
    if event.agent:
        said["gen_ai"] = {"agent": {"name": event.agent, "id": event.session or event.agent}}
    if event.tool:
        gen_ai = {"tool": {"name": event.tool, "type": "extension"}, "operation": {"name": "execute_tool"}}
        said["gen_ai"] = {**said.get("gen_ai", {}), **gen_ai}  # type: ignore[dict-item]
    if event.server or event.entry:
        said["service"] = {"name": event.entry or event.server, "id": event.server or event.entry}
    if event.rule:
        said["rule"] = {"id": event.rule, "name": event.rule}
    if what.category == "file" and event.detail.get("file"):
        said["file"] = {"path": str(event.detail["file"])}
    if type(pid := event.detail.get("pid")) is int:
        said["process"] = {"pid": pid}
    if record.test:
        said["tags"] = ["test"]
    return said


def instant(time: int) -> str:
    """Nanoseconds since 1970 as RFC 3339, to the millisecond; what no calendar has is 1970."""
    try:
        moment = datetime.fromtimestamp(time // 10**9, UTC)
    except (ValueError, OverflowError, OSError):
        moment, time = datetime.fromtimestamp(0, UTC), 0
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time // 10**6 % 1000:03d}Z"


def _event(record: Record, origin: Origin) -> dict[str, object]:
    event, what = record.event, meaning(record.event.kind)
    said: dict[str, object] = {
        "id": record.uid(origin),
        "kind": "alert" if severity(event) >= 4 or what.ocsf == 2004 else "event",
        "category": [what.category],
        "type": [what.type] + (["denied"] if event.effect == "deny" else []) * (event.mode != "observe"),
        "action": event.kind,
        "sequence": record.row.seq,
        "severity": severity(event),
        "provider": "callgate",
        "dataset": "callgate.audit",
        "hash": record.row.hash,
        "outcome": _outcome(record),
    }
    if event.reason:
        said["reason"] = event.reason
    if isinstance(ms := event.detail.get("ms"), int | float):
        said["duration"] = int(ms * 1_000_000)
    return said


def _outcome(record: Record) -> str:
    event = record.event
    if event.kind == "call.answered":
        return "failure" if event.detail.get("error") else "success"
    if event.effect in ("deny", "ask") and event.mode != "observe":
        return "failure"
    return "success" if event.effect == "allow" else "unknown"


def _own(record: Record, origin: Origin) -> dict[str, object]:
    event = record.event
    said: dict[str, object] = {
        name: value
        for name in ("uid", "session", "entry", "server", "tool", "effect", "mode", "basis")
        if (value := getattr(event, name))
    }
    said["previous"] = record.previous
    if event.detail:
        said["detail"] = dict(event.detail)
    if record.row.payload is not None:
        said["payload"] = record.row.payload
    if record.cut:
        said["cut"] = record.cut
    return said
