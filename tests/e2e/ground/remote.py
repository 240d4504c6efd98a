"""A real MCP server over HTTP on loopback, and the entries by which agents reach it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ground.agents import Agent
from ground.toolbox import PATH, node_server

UP = 30.0
"""Seconds for the server to listen."""


@contextlib.contextmanager
def everything_over_http() -> Iterator[str]:
    """The reference server, listening; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*node_server("server-everything"), "streamableHttp"],
        env={"PATH": PATH, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + UP
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline and process.poll() is None, "the server does not listen"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait(10)


def point_at(agent: Agent, home: Path, url: str) -> None:
    """Make the agent's entry name the remote server, in place of its command line."""
    path = home / agent.config
    if path.suffix == ".toml":
        lines = [line for line in path.read_text().splitlines() if not line.startswith(("command", "args"))]
        path.write_text("\n".join([*lines, f"url = {json.dumps(url)}", ""]))
        return
    document = json.loads(path.read_text())
    inner: Any = document
    for key in agent.at[:-1]:
        inner = inner[key]
    more = {"tools": ["*"]} if "tools" in inner[agent.at[-1]] else {}
    inner[agent.at[-1]] = {"type": "http", "url": url, **more}
    path.write_text(json.dumps(document))
