"""Pure: what is answered in the place of a server that must not run, so that the model can tell its user why.

An error to `initialize` stays with the agent: of seven agents, one shows it to its model. So the shim stands in for the
server: it says why in its instructions, and offers one tool, which every agent describes to its model.
"""

from __future__ import annotations

from callgate.shim import mcp
from callgate.shim.jsonrpc import Message, dumps

TOOL = "server_not_allowed"
"""The one tool of a server that must not run. Calling it gives the reason."""
OLDEST = "2024-11-05"
"""Answered to a client that names no version."""


def answer(message: Message, refusal: str) -> str:
    """The answer to one request, as JSON text."""
    result = _result(message, refusal)
    if result is None:
        return mcp.error(message.id or "null", mcp.LAUNCH_REFUSED, refusal)
    if mcp.is_modern(message.params):
        result["resultType"] = "complete"
        if message.method != mcp.CALL:
            result |= {"ttlMs": 0, "cacheScope": "private"}
    return f'{{"jsonrpc":"2.0","id":{message.id},"result":{dumps(result).decode()}}}'


def _result(message: Message, refusal: str) -> dict[str, object] | None:
    about = {"capabilities": {"tools": {}}, "instructions": refusal}
    if message.method == "initialize":
        version = mcp.opening(message).get("version", OLDEST)
        return {"protocolVersion": version, "serverInfo": {"name": "callgate", "version": "1"}, **about}
    if message.method == "server/discover":
        return {"supportedVersions": [mcp.opening(message).get("version", mcp.MODERN)], **about}
    if message.method == mcp.LIST:
        schema = {"type": "object", "properties": {}}
        hints = {"readOnlyHint": True, "openWorldHint": False}
        return {"tools": [{"name": TOOL, "description": refusal, "inputSchema": schema, "annotations": hints}]}
    if message.method == mcp.CALL:
        return {"content": [{"type": "text", "text": refusal}], "isError": True}
    return {} if message.method == "ping" else None
