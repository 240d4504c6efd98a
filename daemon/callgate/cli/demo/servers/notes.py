"""An MCP server that keeps notes: list, read and delete. It says on stderr what it really did."""

import json
import sys

NOTES = {"standup": "Ship the gate.", "passwords": "hunter2 (change me)"}


def tool(name: str, description: str, *arguments: str) -> dict[str, object]:
    """The definition of one tool whose arguments are all text."""
    properties = {argument: {"type": "string"} for argument in arguments}
    schema = {"type": "object", "properties": properties, "required": list(arguments)}
    return {"name": name, "description": description, "inputSchema": schema}


TOOLS = [
    tool("list_notes", "Name all notes."),
    tool("read_note", "Read one note.", "name"),
    tool("delete_note", "Delete one note for ever.", "name"),
]


def call(name: str, arguments: dict[str, str]) -> str:
    """Do what a tool does, and say it."""
    if name == "list_notes":
        return ", ".join(NOTES)
    if name == "read_note":
        return NOTES.get(arguments["name"], "no such note")
    NOTES.pop(arguments["name"], None)
    print(f"notes server: deleted {arguments['name']}", file=sys.stderr)  # noqa: T201 - a server's own word
    return "deleted"


def answer(method: str, params: dict[str, object]) -> dict[str, object] | None:
    """The result of one request, None for a method that does not exist."""
    if method == "initialize":
        server = {"name": "notes", "version": "1.0.0"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": server}
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": call(str(params["name"]), params.get("arguments", {}))}]}  # type: ignore[arg-type]
    return None


def main() -> None:
    """Serve until the client closes our input."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        result = answer(message["method"], message.get("params", {}))
        said = {"result": result} if result is not None else {"error": {"code": -32601, "message": "Method not found"}}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], **said}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
