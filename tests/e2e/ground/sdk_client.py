"""A second opinion: the official Python SDK's client drives a server. Run by the tools' python as
`sdk_client.py MODE COMMAND...`; prints one JSON line for each thing that the SDK understood.
"""

import asyncio
import json
import os
import sys
from typing import Any

from mcp import Client, StdioServerParameters
from mcp_types import CreateMessageResult, ElicitResult, ListRootsResult, Root, TextContent

ARGUMENTS: dict[str, dict[str, Any]] = {
    "ship": {"what": "a book"},
    "walk": {"steps": 3},
    "echo": {"message": "é 😀"},
    "get-sum": {"a": 1, "b": 2},
    "get-structured-content": {"location": "Chicago"},
    "convert_time": {"source_timezone": "Asia/Tokyo", "time": "16:30", "target_timezone": "Etc/UTC"},
    "git_log": {"repo_path": "."},
    "git_status": {"repo_path": "."},
    "create_entities": {"entities": [{"name": "Ada", "entityType": "person", "observations": ["is here"]}]},
    "trigger-sampling-request": {"prompt": "say it"},
}
BARE = {
    "recite",
    "grow",
    "added",
    "get-tiny-image",
    "read_graph",
    "list_allowed_directories",
    "trigger-elicitation-request",
}
"""Tools that need no arguments."""


def say(what: str, value: Any) -> None:
    plain = value.model_dump(mode="json", by_alias=True) if hasattr(value, "model_dump") else value
    print(json.dumps({what: plain}, sort_keys=True, ensure_ascii=False))


async def elicited(_: Any, params: Any) -> ElicitResult:
    say("asked the user", params)
    return ElicitResult(action="accept", content={"city": "Basel", "name": "Ada"})


async def sampled(_: Any, params: Any) -> CreateMessageResult:
    say("asked the model", params)
    return CreateMessageResult(role="assistant", content=TextContent(type="text", text="roses"), model="scripted")


async def rooted(_: Any) -> ListRootsResult:
    return ListRootsResult(roots=[Root(uri="file:///srv/one", name="One")])  # type: ignore[arg-type]


async def progressed(done: float, total: float | None, message: str | None) -> None:
    say("progress", [done, total, message])


async def main(mode: str, command: list[str]) -> None:
    server = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    calls = {"elicitation_callback": elicited, "sampling_callback": sampled, "list_roots_callback": rooted}
    async with Client(server, mode=mode, **calls) as client:  # type: ignore[arg-type]
        say("version", client.protocol_version)
        say("server", client.server_info)
        say("instructions", client.instructions)
        tools = (await client.list_tools()).tools
        say("tools", [tool.model_dump(mode="json", by_alias=True) for tool in tools])
        for tool in tools:
            if tool.name in ARGUMENTS or tool.name in BARE:
                arguments = ARGUMENTS.get(tool.name, {})
                say(tool.name, await client.call_tool(tool.name, arguments, progress_callback=progressed))
        say("tools after", [tool.name for tool in (await client.list_tools(cache_mode="refresh")).tools])
        if client.server_capabilities.resources:
            say("resources", await client.list_resources())
        if client.server_capabilities.prompts:
            say("prompts", await client.list_prompts())


asyncio.run(main(sys.argv[1], sys.argv[2:]))
