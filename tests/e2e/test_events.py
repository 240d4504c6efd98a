"""Every row that a real run writes is as the schema says."""

from __future__ import annotations

from pathlib import Path

from callgate.audit.kinds.record import problems
from callgate.audit.store import Filter, Reader
from callgate.cli.demo.story import Story, scratch
from callgate.service.backend import row_json
from callgate.system.paths import folders
from ground.product import Product
from ground.stdio import Peer
from ground.toolbox import recording_server


def test_all_rows_of_a_demo_fit_the_schema() -> None:
    with scratch() as home:
        Story(home, 0.0).tell()
        log = folders({"CALLGATE_HOME": str(home.state), "HOME": str(home.home)}).audit
        rows = [row_json(row) for row in Reader(log).rows(Filter())]
    assert [one for row in rows for one in problems(row)] == []
    kinds = {row["kind"] for row in rows}
    assert {"call.asked", "call.answered", "server.launched", "entry.wrapped", "spool.taken", "tools.listed"} <= kinds
    asked = [row for row in rows if row["kind"] == "call.asked" and not row["detail"].get("spooled")]
    assert all(row["user"] and row["basis"] and row["session"] for row in asked)
    updated = {row["basis"] for row in rows if row["kind"] == "registry.updated"}
    assert {row["basis"] for row in asked} <= updated


def test_a_malformed_call_that_went_to_nobody_leaves_a_row(product: Product, tmp_path: Path) -> None:
    product.up()
    reached = tmp_path / "reached"
    with Peer([*product.shim, *recording_server(reached)], cwd=tmp_path, env=product.env) as peer:
        peer.ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c"}})
        peer.send(b'{"jsonrpc":"2.0","id":"x","method":"tools/call","method":"ping","params":{"name":"echo"}}\n')
        peer.wait(lambda message: "error" in message, "the refusal")
    (row,) = product.log("--kind", "call.refused", "--effect", "deny")
    assert "twice" in row["reason"]
    assert (row["rule"], row["mode"]) == ("malformed", "enforce")
    assert problems(row) == []
