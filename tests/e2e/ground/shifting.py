"""The product in enforce mode before a server whose tools a test writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ground.product import Product
from ground.stdio import Peer

SERVER = Path(__file__).with_name("shifting_server.py")


class Ground:
    """The product in enforce mode, and a server that it has approved and that shows what `show` says."""

    def __init__(self, product: Product, room: Path, tools: list[dict[str, Any]]) -> None:
        self.product = product
        self.room = room
        self.file = room / "shown.json"
        self.argv = [*product.shim, sys.executable, "-I", "-S", str(SERVER), str(self.file)]
        self.show(tools)
        product.up(enforce=True)
        with self.start() as peer:
            peer.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})
        (row,) = product.log("--kind", "server.launched")
        self.server: str = row["server"]
        product.run("allow", self.server)

    def show(self, tools: list[dict[str, Any]], **more: object) -> None:
        self.file.write_text(json.dumps({"tools": tools, **more}))

    def start(self) -> Peer:
        return Peer(self.argv, cwd=self.room, env=self.product.env)

    def reached(self) -> list[str]:
        """The tools that ran."""
        calls = Path(f"{self.file}.calls")
        return calls.read_text().split() if calls.exists() else []

    def pins(self) -> dict[str, str]:
        """State by name."""
        (server,) = json.loads(self.product.run("pins", "--json").stdout)["servers"]
        return {item["name"]: item["state"] for item in server["items"] if item["kind"] == "tools"}


def tools(peer: Peer) -> list[str]:
    """The names of the tools that the agent is shown."""
    return [tool["name"] for tool in peer.ask("tools/list")["result"]["tools"]]
