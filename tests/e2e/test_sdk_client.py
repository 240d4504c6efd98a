"""The official Python SDK's client understands through Callgate what it understands without it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ground.compare import normal
from ground.product import Product
from ground.toolbox import PATH, PYTHON, modern_server, need, node_server, python_server

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]

SERVERS: dict[str, Callable[[Path], list[str]]] = {
    "sdk": lambda _: modern_server(),
    "time": lambda _: python_server("mcp-server-time"),
    "git": lambda _: python_server("mcp-server-git"),
    "everything": lambda _: [*node_server("server-everything"), "stdio"],
    "filesystem": lambda room: [*node_server("server-filesystem"), str(room)],
    "memory": lambda _: node_server("server-memory"),
}
HAS_2026 = ("sdk", "time", "git")


def understood(mode: str, command: list[str], room: Path, state: Path) -> list[bytes]:
    """Each thing that the SDK's client got, as a line."""
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    env = {"PATH": PATH, "HOME": str(room), "TZ": "UTC", "LANG": "C.UTF-8", "CALLGATE_HOME": str(state)}
    env["MEMORY_FILE_PATH"] = str(room / "memory.json")
    subprocess.run(["git", "init", "-q"], cwd=room, env=env, check=True)
    script = Path(__file__).parent / "ground" / "sdk_client.py"
    done = subprocess.run(
        [need(PYTHON / "python"), str(script), mode, *command], cwd=room, env=env, capture_output=True, timeout=50
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [normal(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("name", SERVERS)
def test_the_sdk_understands_the_same_with_callgate(name: str, mode: str, observed: Product, tmp_path: Path) -> None:
    room = tmp_path / "room"
    server = SERVERS[name](room)
    direct = understood(mode, server, room, observed.state)
    version = "2026-07-28" if mode == "auto" and name in HAS_2026 else "2025-11-25"
    assert direct[0] == b'{"version": "%s"}' % version.encode()
    assert len(direct) > 5
    assert understood(mode, [*observed.shim, *server], room, observed.state) == direct
