"""Real servers over HTTP behind the gate: the official client, both transports, and the official conformance suite."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from callgate.service import background
from ground.toolbox import BIN, PYTHON, need, node_server

sys.path.append(str(Path(__file__).parents[1] / "fakes"))
from installation import Installation
from until import until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

CLIENT = """
import asyncio, sys
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

async def main():
    connect = sse_client if sys.argv[1] == "sse" else streamable_http_client
    async with connect(sys.argv[2]) as streams, ClientSession(streams[0], streams[1]) as client:
        print((await client.initialize()).server_info.name)
        print([tool.name for tool in (await client.list_tools()).tools])
        for tool, arguments in (
            ("echo", {"message": "hi"}),
            ("get-sum", {"a": 1, "b": 2}),
            ("trigger-long-running-operation", {"duration": 1, "steps": 2}),
        ):
            print((await client.call_tool(tool, arguments)).content[0].text)

asyncio.run(main())
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


STATELESS = """
import sys
import uvicorn
from mcp.server.mcpserver import MCPServer

server = MCPServer("stateless")

@server.tool()
def test_simple_text() -> str:
    "What the suite asks for."
    return "This is a simple text response for testing."

uvicorn.run(server.streamable_http_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
"""


class Served:
    """A server on a port, and an entry of Claude Code for it that is wrapped."""

    def __init__(self, transport: str, installation: Installation) -> None:
        port = free_port()
        command = [*node_server("server-everything"), transport]
        if transport == "stateless":
            command = [need(PYTHON / "python"), "-c", STATELESS, str(port)]
        env = {**os.environ, "PORT": str(port)}
        self.process = subprocess.Popen(
            command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        self.url = f"http://127.0.0.1:{port}/{'sse' if transport == 'sse' else 'mcp'}"
        config = installation.home / ".claude.json"
        config.write_text(json.dumps({"mcpServers": {"everything": {"type": "http", "url": self.url}}}))
        installation.settle(f"[http]\nport = {free_port()}\n")
        background.ensure(installation.folders, installation.env, installation.home)
        installation.client.wrap()
        self.through = json.loads(config.read_text())["mcpServers"]["everything"]["url"]
        until(lambda: answers(port), "the server", 60)


@pytest.fixture(params=["streamableHttp", "sse"])
def everything(request: pytest.FixtureRequest) -> Iterator[tuple[str, Served, Installation]]:
    with Installation() as installation:
        made = Served(request.param, installation)
        try:
            yield request.param, made, installation
        finally:
            made.process.kill()
            made.process.wait()


def test_a_client_hears_the_same_through_the_gate(everything: tuple[str, Served, Installation]) -> None:
    transport, server, installation = everything
    assert server.through != server.url
    said = [
        subprocess.run(
            [need(PYTHON / "python"), "-c", CLIENT, transport, url],
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        ).stdout
        for url in (server.url, server.through)
    ]
    assert said[0] == said[1]
    assert "Echo: hi" in said[1]
    tools = [row["tool"] for row in installation.rows(kind="call.asked")]
    assert tools == ["echo", "get-sum", "trigger-long-running-operation"]
    until(lambda: len(installation.rows(kind="call.answered")) == 3, "the notes of the answers")


@pytest.mark.parametrize(
    ("transport", "version", "scenarios"), [("streamableHttp", "2025-11-25", 25), ("stateless", "2026-07-28", 15)]
)
def test_the_conformance_suite_finds_nothing_that_it_does_not_find_without_the_gate(
    transport: str, version: str, scenarios: int
) -> None:
    with Installation() as installation:
        server = Served(transport, installation)
        try:
            direct, through = (conforms(url, version, installation.root) for url in (server.url, server.through))
        finally:
            server.process.kill()
            server.process.wait()
    assert len(direct) > scenarios
    assert {line for line in through - direct if not line.startswith("✓")} == set()
    assert {line.split(":")[0] for line in direct - through} <= {"✗ dns-rebinding-protection"}, (
        "it is ours that refuses"
    )


def conforms(url: str, version: str, folder: Path) -> set[str]:
    """The suite's line for each of its scenarios."""
    command = [need(BIN / "node"), need(BIN / "conformance"), "server", "--url", url, "--spec-version", version]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, cwd=folder)
    return {line.strip() for line in done.stdout.splitlines() if re.match(r"\s*[✓✗]", line)}
