"""Pure: the objects of OCSF that our events speak of: device, actor, API, process, file, finding, software."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from callgate.export.formats import meaning as kinds
from callgate.export.formats.meaning import Meaning, sentence
from callgate.export.formats.record import Origin, Record
from callgate.model.event import Event

Json = dict[str, object]

_SYSTEMS = {"windows": (100, "Windows"), "linux": (200, "Linux"), "macos": (300, "macOS")}
_COMPONENTS_MAX = 1000
"""Servers and agents that one inventory names."""


def device(origin: Origin) -> Json:
    """The machine."""
    number, name = _SYSTEMS.get(origin.system, (0, "Unknown"))
    os = {"name": name, "type_id": number, "version": origin.release}
    return {"uid": origin.uid, "hostname": origin.hostname, "type_id": 0, "os": os}


def activity(event: Event, what: Meaning) -> int:
    """What was done, as the class numbers it. A tool that says it only reads is a read; of others we cannot know."""
    if what.ocsf == kinds.FILE:
        return {"entry.added": 1, "entry.removed": 4}.get(event.kind, what.activity)
    return what.activity


def subject(record: Record, origin: Origin, what: Meaning) -> Json:
    """What the class requires beyond the base."""
    made = _SUBJECTS.get(what.ocsf)
    return made(record, origin) if made else {}


def ai_operation(record: Record, origin: Origin, old: bool) -> Json:
    """The profile of that name: the agent that acted, and the service that it spoke to."""
    event = record.event
    context: Json = {"ai_role_id": 3, "ai_role": "Tool", "service": {"name": event.entry or event.server or "unknown"}}
    if old or not event.agent:
        return {"message_context": context}
    agent: Json = {"name": event.agent, "uid": event.agent}
    if event.session:
        agent["instance_uid"] = event.session
    return {"message_context": context, "ai_agent": agent}


def _actor(event: Event, origin: Origin) -> Json:
    made: Json = {"app_name": event.agent or "unknown"}
    if user := event.user or origin.user:
        made["user"] = {"name": user}
    if event.session:
        made["session"] = {"uid": event.session}
    return made


def _api(record: Record, origin: Origin) -> Json:
    event = record.event
    operation = {"call.asked": "tools/call", "call.answered": "tools/call", "tools.listed": "tools/list"}.get(
        event.kind
    )
    request: Json = {"uid": event.uid or record.uid(origin)}
    if record.row.payload is not None:
        request["data"] = {"arguments": record.row.payload}
    api: Json = {
        "operation": operation or str(event.detail.get("method") or event.kind),
        "request": request,
        "service": {"name": event.entry or event.server or "unknown", "uid": event.server or event.entry or "unknown"},
    }
    made: Json = {
        "actor": _actor(event, origin),
        "api": api,
        "src_endpoint": {"uid": origin.uid, "hostname": origin.hostname},
    }
    if event.kind == "call.answered":
        failed = bool(event.detail.get("error"))
        api["response"] = {"error": "tool_error"} if failed else {}
        made["status_id"], made["status"] = (2, "Failure") if failed else (1, "Success")
        if isinstance(ms := event.detail.get("ms"), int | float):
            made["duration"] = int(ms)
    if event.tool:
        made["resources"] = [{"name": event.tool, "type": "mcp.tool", "uid": f"{event.server}#{event.tool}"}]
    return made


def _process(record: Record, origin: Origin) -> Json:
    event = record.event
    process: Json = {"name": event.entry or event.server or "unknown", "uid": event.uid or record.uid(origin)}
    if type(pid := event.detail.get("pid")) is int:
        process["pid"] = pid
    argv = event.detail.get("argv")
    if isinstance(argv, list | tuple):
        process["cmd_line"] = " ".join(map(str, argv))
    made: Json = {"actor": _actor(event, origin), "process": process}
    if type(code := event.detail.get("code")) is int:
        made["exit_code"] = code
    return made


def _file(record: Record, origin: Origin) -> Json:
    event = record.event
    path = str(event.detail.get("file") or "unknown")
    name = path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path
    return {
        "actor": _actor(event, origin),
        "file": {"name": name, "path": path, "type_id": 1},
        "component": event.entry or event.agent,
    }


def _finding(record: Record, origin: Origin) -> Json:
    event = record.event
    finding: Json = {
        "uid": record.uid(origin),
        "title": event.kind,
        "desc": sentence(event),
        "types": [event.kind],
        "analytic": {"name": event.rule or event.kind, "type_id": 1},
    }
    if event.uid:
        finding["related_events"] = [{"uid": event.uid, "type": "call"}]
    evidence: Json = {"actor": _actor(event, origin)}
    if event.tool or event.server:
        name = event.tool or event.server
        evidence["data"] = {"server": event.server, "entry": event.entry, "tool": event.tool}
        return {
            "finding_info": finding,
            "evidences": [evidence],
            "resources": [{"name": name, "uid": f"{event.server}#{event.tool}"}],
        }
    return {"finding_info": finding, "evidences": [evidence]}


def _software(record: Record, origin: Origin) -> Json:
    event = record.event
    if event.kind != "machine.inventory":
        version = _version(event.detail.get("after") or event.detail.get("before"))
        package = {"name": event.agent or "unknown", "version": version}
        return {"package": package, "status": "removed" if event.kind == "agent.gone" else "installed"}
    found: list[Json] = []
    for group in ("agents", "servers"):
        listed = event.detail.get(group)
        for one in listed if isinstance(listed, list | tuple) else ():
            if isinstance(one, Mapping):
                name = str(one.get("name") or one.get("server") or "unknown")
                found.append({"name": name, "version": str(one.get("version") or "unknown")})
    package = {"name": "Callgate", "version": origin.version}
    return {"package": package, "sbom": {"package": package, "software_components": found[:_COMPONENTS_MAX]}}


def _version(value: object) -> str:
    if isinstance(value, Mapping):
        value = value.get("version")
    return value if isinstance(value, str) and value else "unknown"


def _lifecycle(record: Record, origin: Origin) -> Json:
    return {"app": {"name": "Callgate", "vendor_name": "Callgate", "version": origin.version}}


def _config(record: Record, origin: Origin) -> Json:
    detail = json.dumps(dict(record.event.detail), sort_keys=True, ensure_ascii=True, default=str)[:200]
    return {"security_states": [{"state": f"{record.event.kind} {detail}"[:250], "state_id": 99}]}


_SUBJECTS: dict[int, Callable[[Record, Origin], Json]] = {
    kinds.API: _api,
    kinds.PROCESS: _process,
    kinds.FILE: _file,
    kinds.FINDING: _finding,
    kinds.SOFTWARE: _software,
    kinds.LIFECYCLE: _lifecycle,
    kinds.CONFIG: _config,
}
