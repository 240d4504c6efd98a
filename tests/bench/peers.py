"""Other proxies, as shipped, in front of the same server. Run as a program, it installs them (peers.txt)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contender import HERE, SERVER, Contender, Opening, Ready, environment

HOME = HERE.parents[1] / ".tools" / "bench-peers"
BRIDGE_MAX = 60
"""Seconds until the HTTP half of mcp-proxy must listen."""


def pinned() -> dict[str, str]:
    """Name -> requirement, from peers.txt."""
    lines = (HERE / "peers.txt").read_text().splitlines()
    wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return {line.partition("==")[0]: line for line in wanted}


def install() -> None:
    """Make one environment for each peer; what is there already stays."""
    for name, requirement in pinned().items():
        folder = HOME / name
        if not (folder / "bin" / "pip").exists():
            venv.create(folder, with_pip=True)
        done = subprocess.run([folder / "bin" / "pip", "install", "--quiet", requirement], check=False)
        print(f"{requirement}: {'installed' if done.returncode == 0 else 'NOT installed, will be left out'}")


def found() -> list[Contender]:
    """The peers that are installed."""
    forms = {"agentbelay": _agentbelay, "vaara": _vaara, "fastmcp": _fastmcp, "mcp-proxy": _mcp_proxy}
    notes = {
        "agentbelay": "`belay mcp`, its starter policy",
        "vaara": "`vaara-mcp-proxy`, default policy",
        "fastmcp": "`fastmcp run mcp.json`",
        "mcp-proxy": "stdio to HTTP and back: two processes, the second started beforehand",
    }
    commands = {"agentbelay": "belay", "vaara": "vaara-mcp-proxy", "fastmcp": "fastmcp", "mcp-proxy": "mcp-proxy"}
    return [
        Contender(requirement.replace("==", " "), forms[name](HOME / name / "bin" / commands[name]), notes[name])
        for name, requirement in pinned().items()
        if (HOME / name / "bin" / commands[name]).exists()
    ]


def _agentbelay(command: Path) -> Opening:
    @contextmanager
    def opening(scratch: Path) -> Iterator[Ready]:
        env = environment(scratch)
        if not (scratch / "belay.yaml").exists():
            subprocess.run([command, "init"], cwd=scratch, env=env, check=True, stdout=subprocess.DEVNULL)
        yield Ready([str(command), "mcp", "--policy", "belay.yaml", "--", *SERVER], env, str(scratch))

    return opening


def _vaara(command: Path) -> Opening:
    @contextmanager
    def opening(scratch: Path) -> Iterator[Ready]:
        rest = [f"--upstream-arg={word}" for word in SERVER[1:]]
        argv = [str(command), "--upstream", SERVER[0], *rest, "--db", str(scratch / "vaara.db")]
        yield Ready(argv, environment(scratch), str(scratch))

    return opening


def _fastmcp(command: Path) -> Opening:
    @contextmanager
    def opening(scratch: Path) -> Iterator[Ready]:
        config = scratch / "mcp.json"
        config.write_text(json.dumps({"mcpServers": {"bench": {"command": SERVER[0], "args": SERVER[1:]}}}))
        yield Ready([str(command), "run", str(config), "--no-banner"], environment(scratch), str(scratch))

    return opening


def _mcp_proxy(command: Path) -> Opening:
    @contextmanager
    def opening(scratch: Path) -> Iterator[Ready]:
        env = environment(scratch)
        port = _free_port()
        behind = subprocess.Popen(
            [command, "--port", str(port), "--", *SERVER],
            env=env, cwd=scratch, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _listening(port, behind)
            url = f"http://127.0.0.1:{port}/mcp"
            yield Ready(
                [str(command), "--transport", "streamablehttp", url], env, str(scratch), frozenset((behind.pid,))
            )
        finally:
            behind.terminate()
            behind.wait()

    return opening


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until someone listens on `port`. Raises OSError."""
    end = time.monotonic() + BRIDGE_MAX
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise OSError(f"nothing listens on port {port}")


if __name__ == "__main__":
    os.umask(0o077)
    install()
    sys.exit(0)
