"""`callgate approve` with a real daemon: shows what holds a server, asks, and lets it run."""

from __future__ import annotations

import json

from command import Cli
from frame_client import FrameClient


def test_it_shows_what_holds_a_server_and_then_lets_it_run(cli: Cli) -> None:
    config = {"mcpServers": {"cat": {"command": "/bin/cat"}}}
    (cli.place.home / ".claude.json").write_text(json.dumps(config))
    cli.good("up", "--enforce")
    with FrameClient(cli.place.folders.gate_socket) as shim:
        assert not shim.greet().allowed
    identity = cli.place.rows(kind="server.launched")[0]["server"]
    shown = cli.good("approve", identity, "--dry-run").out
    assert "deny -> allow" in shown and "not on the allowlist" in shown and "nothing was changed" in shown
    assert "add --yes" in cli("approve", identity, "--json").line
    with FrameClient(cli.place.folders.gate_socket) as shim:
        assert not shim.greet().allowed
    assert "approved" in cli.good("approve", identity, "--yes").out
    with FrameClient(cli.place.folders.gate_socket) as shim:
        assert shim.greet().allowed
    assert "is not known" in cli("approve", "nobody", "--yes").line
