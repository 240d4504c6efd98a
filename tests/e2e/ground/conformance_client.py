"""The client that the official conformance suite starts: the official SDK on stdio, with CONFORMANCE_COMMAND (JSON, the
suite's URL is added at its end) as its server. Run by the tools' python. It calls every tool that it is shown.
"""

import asyncio
import contextlib
import json
import os
import sys
from typing import Any

from mcp import Client, MCPError, StdioServerParameters
from mcp_types import ElicitResult

SAMPLES = {"number": 5, "integer": 5, "string": "x", "boolean": True, "object": {}, "array": []}


async def elicited(_: Any, params: Any) -> ElicitResult:
    """Accept, with the defaults where there are some."""
    fields = params.requested_schema.get("properties") or {}
    content = {name: field.get("default", SAMPLES.get(field.get("type"))) for name, field in fields.items()}
    return ElicitResult(action="accept", content=content)


async def main() -> None:
    command = [*json.loads(os.environ["CONFORMANCE_COMMAND"]), sys.argv[-1]]
    version = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION")
    server = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    mode = "auto" if version == "2026-07-28" else "legacy"
    async with Client(server, mode=mode, elicitation_callback=elicited) as client:  # type: ignore[arg-type]
        tools = (await client.list_tools()).tools
        for tool in tools:
            fields = tool.input_schema.get("properties") or {}
            arguments = {name: SAMPLES.get(field.get("type"), "x") for name, field in fields.items()}
            if tool.name == "json_schema_echo":  # it wants to see what its neighbour's schema has become
                arguments = {"schema": tools[0].input_schema}
            with contextlib.suppress(MCPError, RuntimeError, ValueError):  # some answers are meant to be wrong
                await client.call_tool(tool.name, arguments)


asyncio.run(main())
