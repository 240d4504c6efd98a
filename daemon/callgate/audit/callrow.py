"""Pure: what the row of a call says of the channel that it came by, and of what it is about to do."""

from __future__ import annotations

from callgate.model.call import Call

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
