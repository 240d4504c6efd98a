"""An MCP server that shows what a JSON file says, read anew for each list: run as `python shifting_server.py FILE`.

The file holds `tools` and may hold `prompts`, `resourceTemplates` and `instructions`. It records the tools that were
called beside the file, as FILE.calls.
"""

import json
import os
import sys
from pathlib import Path

LISTS = {"tools/list": "tools", "prompts/list": "prompts", "resources/templates/list": "resourceTemplates"}


def shown() -> dict:
    return json.loads(Path(sys.argv[1]).read_text())


def answer(message: dict) -> dict | None:
    """What this server says to one message, or None."""
    method = message.get("method")
    if method == "initialize":
        kept = {key: shown()[key] for key in ("instructions",) if key in shown()}
        return {
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {"listChanged": True}, "prompts": {}, "resources": {}},
            "serverInfo": {"name": "shifting", "version": "1"},
            **kept,
        }
    if method in LISTS:
        key = LISTS[method]
        return {key: shown().get(key, [])}
    if method == "tools/call":
        name = message["params"]["name"]
        with Path(sys.argv[1] + ".calls").open("a") as calls:
            calls.write(f"{name}\n")
        return {"content": [{"type": "text", "text": f"{name} ran"}], "isError": False}
    return {} if "id" in message else None


def main() -> None:
    for line in sys.stdin.buffer:
        message = json.loads(line)
        result = answer(message)
        if result is not None:
            reply = {"jsonrpc": "2.0", "id": message["id"], "result": result}
            os.write(1, json.dumps(reply).encode() + b"\n")


main()
