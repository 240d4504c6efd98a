"""Pure: what the row of a call says of the channel that it came by, and of what it is about to do."""

from __future__ import annotations

from callgate.model.call import Call, Effect, Mode, Verdict
from callgate.model.event import Event

NAMED_MAX = 32
"""Programs and hosts of one call that its row names."""


def seen(call: Call) -> dict[str, object]:
    """What a call's row says of the channel that it came by, and of what an agent's own tool is about to do."""
    said: dict[str, object] = {}
    if call.ids:
        said["ids"] = dict(call.ids)
    if call.channel != "mcp":
        said["channel"] = call.channel
    if call.hook_of:
        said["hook_of"] = call.hook_of
    if (deed := call.deed) is not None:
        said["does"] = deed.kind.value
        if deed.cwd:
            said["cwd"] = deed.cwd
        if deed.programs:
            said["programs"] = sorted(deed.programs)[:NAMED_MAX]
        if deed.hosts:
            said["hosts"] = sorted(deed.hosts)[:NAMED_MAX]
        if deed.opaque:
            said["opaque"] = True
    return said


def told(event: Event, call: Call) -> tuple[Verdict, Mode] | None:
    """What this very call was told before, by its row. The row must be one that the gate itself wrote for the same
    caller, server and tool: a uid alone, or what a shim spooled by itself, proves nothing. Raises ValueError if the row
    makes no sense.
    """
    session = call.session
    same = (session.caller.session, str(session.server.server), call.tool or "")
    if event.detail.get("spooled") or (event.session, event.server, event.tool) != same:
        return None
    return Verdict(Effect.of(event.effect), event.rule, event.reason), Mode(event.mode)
