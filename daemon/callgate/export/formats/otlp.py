"""Pure: events as OpenTelemetry logs and spans, in the JSON encoding of OTLP 1.x.

The names are those of the semantic conventions for generative AI and MCP (open-telemetry/semantic-conventions-genai,
in development) where they have one; all others begin with `callgate.`.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from callgate.export.formats.meaning import sentence, severity
from callgate.export.formats.record import Origin, Record

SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"
_SEVERITIES = {1: (9, "INFO"), 2: (10, "INFO2"), 3: (13, "WARN"), 4: (17, "ERROR"), 5: (21, "FATAL")}
_OPERATIONS = {"call.asked": "tools/call", "call.answered": "tools/call", "tools.listed": "tools/list"}
_INTERNAL, _ERROR = 1, 2


def log(record: Record, origin: Origin) -> dict[str, object]:
    """One LogRecord."""
    event = record.event
    number, word = _SEVERITIES[severity(event)]
    body: dict[str, object] = {"detail": dict(event.detail)} if event.detail else {}
    if record.row.payload is not None:
        body["payload"] = record.row.payload
    said: dict[str, object] = {
        "timeUnixNano": str(max(0, event.time)),
        "severityNumber": number,
        "severityText": word,
        "eventName": f"callgate.{event.kind}",
        "body": _value({"message": sentence(event), **body}),
        "attributes": _pairs(_attributes(record, origin)),
    }
    if event.session and event.uid:
        said["traceId"], said["spanId"] = _trace(record, origin), _span(record, origin)
    return said


def span(record: Record, origin: Origin) -> dict[str, object] | None:
    """The call that this row ends, as a span: an answered one, or one that was refused. None for any other row."""
    event = record.event
    refused = event.kind == "call.asked" and event.effect in ("deny", "ask") and event.mode != "observe"
    if not event.uid or not (refused or event.kind == "call.answered"):
        return None
    ms = event.detail.get("ms")
    took = int(ms * 10**6) if isinstance(ms, int | float) and 0 <= ms < 10**9 else 0
    attributes = _attributes(record, origin)
    failed = refused or bool(event.detail.get("error"))
    if failed:
        attributes["error.type"] = "callgate.denied" if refused else "tool_error"
    return {
        "traceId": _trace(record, origin),
        "spanId": _span(record, origin),
        "name": f"tools/call {event.tool}".strip(),
        "kind": _INTERNAL,
        "startTimeUnixNano": str(max(0, event.time - took)),
        "endTimeUnixNano": str(max(0, event.time)),
        "attributes": _pairs(attributes),
        "status": {"code": _ERROR, "message": event.reason} if failed else {},
    }


def resource(origin: Origin) -> dict[str, object]:
    """Who sends."""
    system = {"macos": "darwin"}.get(origin.system, origin.system)
    return {
        "attributes": _pairs(
            {
                "service.name": "callgate",
                "service.version": origin.version,
                "service.instance.id": origin.uid,
                "host.id": origin.uid,
                "host.name": origin.hostname,
                "os.type": system,
                "os.version": origin.release,
            }
        )
    }


def scope(origin: Origin) -> dict[str, object]:
    """The instrumentation scope."""
    return {"name": "callgate", "version": origin.version}


def _attributes(record: Record, origin: Origin) -> dict[str, object]:
    event = record.event
    made: dict[str, object] = {
        "log.record.uid": record.uid(origin),
        "mcp.method.name": _OPERATIONS.get(event.kind) or event.detail.get("method"),
        "gen_ai.tool.name": event.tool,
        "gen_ai.operation.name": "execute_tool" if event.tool and event.kind.startswith("call.") else "",
        "gen_ai.agent.name": event.agent,
        "gen_ai.conversation.id": event.session,
        "user.name": event.user or origin.user,
        "callgate.kind": event.kind,
        "callgate.seq": record.row.seq,
        "callgate.hash": record.row.hash,
        "callgate.previous": record.previous,
        "callgate.call": event.uid,
        "callgate.server": event.server,
        "callgate.entry": event.entry,
        "callgate.effect": event.effect,
        "callgate.rule": event.rule,
        "callgate.basis": event.basis,
        "callgate.reason": event.reason,
        "callgate.mode": event.mode,
        "callgate.cut": record.cut,
        "callgate.test": record.test,
    }
    return {name: value for name, value in made.items() if value not in ("", None, 0, False)}


def _trace(record: Record, origin: Origin) -> str:
    return sha256(f"{origin.uid} {record.event.session}".encode("utf-8", "replace")).hexdigest()[:32]


def _span(record: Record, origin: Origin) -> str:
    return sha256(f"{origin.uid} {record.event.uid}".encode("utf-8", "replace")).hexdigest()[:16]


def _pairs(values: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"key": str(name), "value": _value(value)} for name, value in values.items()]


def _value(value: object) -> dict[str, object]:
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if -(2**63) <= value < 2**63 else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _pairs(value)}}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"stringValue": str(value)}
