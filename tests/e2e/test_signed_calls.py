"""A server on the official SDK that takes signed calls only: reached through the daemon, and by nobody else."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from callgate.service import background
from ground.toolbox import PYTHON, need

sys.path.append(str(Path(__file__).parents[1] / "fakes"))
from installation import Installation
from until import until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(150),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

SERVER = """
import sys
import uvicorn
from callgate.verify.asgi import SignedCallsOnly
from mcp.server.mcpserver import MCPServer

server = MCPServer("guarded")

@server.tool()
def double(number: int) -> int:
    "Twice the number."
    return 2 * number

port, key = int(sys.argv[1]), sys.argv[2]
app = SignedCallsOnly(server.streamable_http_app(), keys=[key], origin=f"http://127.0.0.1:{port}")
uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical")
"""
CLIENT = """
import asyncio, sys
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

async def main():
    async with streamable_http_client(sys.argv[1]) as streams, ClientSession(streams[0], streams[1]) as client:
        await client.initialize()
        print([tool.name for tool in (await client.list_tools()).tools])
        for number in (1, 2, 3):
            print((await client.call_tool("double", {"number": number})).content[0].text)

asyncio.run(main())
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def libraries(folder: Path) -> str:
    """What a server needs beside the SDK: this package and the library for signatures, as an install would give it."""
    folder.mkdir()
    for name in ("callgate", "http_message_signatures", "http_sf"):
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        (folder / name).symlink_to(Path(spec.origin).parent)
    return str(folder)


@pytest.fixture
def installation() -> Iterator[Installation]:
    with Installation() as made:
        made.settle(f'mode = "enforce"\n[http]\nport = {free_port()}\n')
        background.ensure(made.folders, made.env, made.home)
        yield made


def use(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([need(PYTHON / "python"), "-c", CLIENT, url], capture_output=True, text=True, timeout=60)


def test_only_what_the_gate_approved_reaches_a_server_that_takes_signed_calls(
    installation: Installation, tmp_path: Path
) -> None:
    port, key = free_port(), installation.client.checkpoint()["key"]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": libraries(tmp_path / "libs")}
    server = subprocess.Popen([need(PYTHON / "python"), "-c", SERVER, str(port), key], env=env)
    try:
        until(lambda: answers(port), "the server", 60)
        url = f"http://127.0.0.1:{port}/mcp"
        config = installation.home / ".claude.json"
        config.write_text(json.dumps({"mcpServers": {"guarded": {"type": "http", "url": url}}}))
        installation.client.wrap()
        installation.client.rule("guarded", None, "allow")
        through = json.loads(config.read_text())["mcpServers"]["guarded"]["url"]
        assert through != url
        done = use(through)
        assert done.stdout.split("\n")[:4] == ["['double']", "2", "4", "6"], done.stderr
        assert use(url).returncode != 0
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "double", "arguments": {}}}
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, json.dumps(message).encode()), timeout=20)
        with refused.value as answer:
            assert answer.code == 403
            assert "not signed" in json.loads(answer.read())["error"]["message"]
    finally:
        server.kill()
        server.wait()
