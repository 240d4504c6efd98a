"""Where the pinned agents and servers are, and what to do when they are not there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = Path(os.environ.get("CALLGATE_TEST_TOOLS") or ROOT / ".tools")
BIN = TOOLS / "node_modules" / ".bin"
PYTHON = TOOLS / "python" / "bin"
PATH = f"{BIN}:/usr/local/bin:/usr/bin:/bin"
"""Node 24 of the pins comes first: two of the agents need it."""


def absent(reason: str) -> None:
    """Skip, with the reason; where the tools are promised (CALLGATE_REQUIRE_TOOLS=1, as in CI) fail instead."""
    if os.environ.get("CALLGATE_REQUIRE_TOOLS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def need(path: Path) -> str:
    """That tool's path as text, or the test ends here."""
    if not path.exists():
        absent(f"{path.name} is not in {TOOLS}: run tests/e2e/tools/install.sh")
    return str(path)


def node_server(name: str) -> list[str]:
    """The command line of an npm server, started as agents do: by node with the script's path."""
    script = TOOLS / "node_modules" / "@modelcontextprotocol" / name / "dist" / "index.js"
    return [need(BIN / "node"), need(script)]


def python_server(name: str) -> list[str]:
    """The command line of a PyPI server."""
    return [need(PYTHON / name)]


def modern_server() -> list[str]:
    """The command line of our own server on the official SDK."""
    return [*python_server("python"), str(Path(__file__).with_name("modern_server.py"))]


def recording_server(reached: Path) -> list[str]:
    """The command line of our own small server, which writes the names of the calls that it got into a file."""
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("recording_server.py")), str(reached)]
