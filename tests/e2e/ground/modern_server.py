"""A server on the official Python SDK with what 2026-07-28 brings and no released server shows.

Its tools ask for input in the middle (`input_required` results in the new era, requests to the client in the old one),
tell progress, and change the list of tools while a client listens.
"""

from typing import Annotated

from mcp.server.mcpserver import Context, Elicit, ListRoots, MCPServer, Resolve, Sample
from mcp_types import CreateMessageResult, ListRootsResult, SamplingMessage, TextContent
from pydantic import BaseModel

server = MCPServer("modern", instructions="A server for tests.")


class Shipping(BaseModel):
    """What the user is asked for."""

    city: str
    express: bool = False


async def address() -> Elicit[Shipping]:
    return Elicit("Where to?", Shipping)


async def poem() -> Sample:
    text = TextContent(type="text", text="a poem, please")
    return Sample([SamplingMessage(role="user", content=text)], max_tokens=20)


async def folders() -> ListRoots:
    return ListRoots()


@server.tool()
async def ship(what: str, where: Annotated[Shipping, Resolve(address)]) -> str:
    """Ask the user in the middle of the call."""
    return f"{what} to {where.city}, {'express' if where.express else 'slowly'}"


@server.tool()
async def recite(
    verse: Annotated[CreateMessageResult, Resolve(poem)], roots: Annotated[ListRootsResult, Resolve(folders)]
) -> str:
    """Ask the client's model and for its folders, both at once."""
    return f"{verse.content} in {[str(root.uri) for root in roots.roots]}"


@server.tool()
async def walk(steps: int, context: Context) -> str:
    """Tell progress."""
    for step in range(steps):
        await context.report_progress(step + 1, steps, f"step {step + 1}")
    return "there"


def added() -> str:
    """A tool that was not there before."""
    return "I am new"


@server.tool()
async def grow(context: Context) -> str:
    """Add a tool, and say so to who listens."""
    server.add_tool(added)
    await context.notify_tools_changed()
    return "grown"


@server.resource("modern://note")
def note() -> str:
    """A note."""
    return "a note"


@server.prompt()
def ask(topic: str) -> str:
    """A prompt."""
    return f"Tell me of {topic}."


server.run("stdio")
