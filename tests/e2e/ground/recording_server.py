"""An MCP server that writes each call it got into a file before it answers: run as `python recording_server.py FILE`.

With STUBBORN in its environment it stays when its input ends, as server-everything does while a timer runs.
"""

import json
import os
import sys
import time

TOOLS = [{"name": "any", "description": "Takes every name.", "inputSchema": {"type": "object"}}]


def answer(message: dict, record: int) -> dict | None:
    """What this server says to one message, or None."""
    method = message.get("method")
    if method == "initialize":
        version = message["params"]["protocolVersion"]
        return {
            "protocolVersion": version,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "rec", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        name = message["params"]["name"]
        os.write(record, f"{name}\n".encode())
        return {"content": [{"type": "text", "text": name}], "isError": False}
    return {} if "id" in message else None


def main() -> None:
    record = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for line in sys.stdin.buffer:
        message = json.loads(line)
        result = answer(message, record)
        if result is not None:
            reply = {"jsonrpc": "2.0", "id": message["id"], "result": result}
            sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n")
            sys.stdout.buffer.flush()
    while os.environ.get("STUBBORN"):
        time.sleep(60)


main()
