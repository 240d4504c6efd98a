"""Real packages at their launch: pinned, upgraded, tampered with in the cache, copied under a name like theirs."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ground import packages, scripts
from ground.packages import BEFORE, MEMORY, NOW, TIME, TIME_NOW, approve
from ground.product import Product
from ground.stdio import Peer

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]

SERVER = Path(__file__).parent / "ground" / "shifting_server.py"


def opened(product: Product, argv: Sequence[str]) -> tuple[str, list[str]]:
    """What a server (or the shim in its place) calls itself, and its tools; and the refusal if it must not run."""
    with Peer([*product.shim, *argv], cwd=product.home, env=product.env) as peer:
        name = name_of(peer)
        return name, [tool["name"] for tool in peer.ask("tools/list", patience=60)["result"]["tools"]]


def name_of(peer: Peer) -> str:
    """What the server behind a fresh peer calls itself."""
    opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    answer = peer.ask("initialize", opening, patience=60)["result"]
    peer.tell("notifications/initialized")
    return str(answer["serverInfo"]["name"])


def refused(product: Product, argv: Sequence[str]) -> dict[str, Any]:
    """The row of a launch that was refused, with the agent told so."""
    name, tools = opened(product, argv)
    assert (name, tools) == ("callgate", ["server_not_allowed"])
    return product.log("--kind", "server.launched")[-1]


def refused_at_last(peer: Peer, tool: str) -> list[str]:
    """What the agent's calls got, up to the one that was refused by a changed file, for 40 seconds at most."""
    got: list[str] = []
    deadline = time.monotonic() + 40
    while "server.digest" not in (got or [""])[-1]:
        assert time.monotonic() < deadline, f"never refused: {got[-3:]}"
        got.append(json.dumps(peer.ask("tools/call", {"name": tool, "arguments": {}})))
        time.sleep(0.05)
    return got


def test_a_pinned_npm_package_runs_until_its_cache_is_tampered_with(product: Product) -> None:
    installed = packages.npx(product, f"{MEMORY}@{NOW}")
    product.up(enforce=True)
    command = ["npx", "-y", f"{MEMORY}@{NOW}"]
    approve(product, "--files", "--dependencies", "--arguments", command=command)
    name, tools = opened(product, command)
    assert name == "memory-server" and "read_graph" in tools

    entry = installed / "dist" / "index.js"
    original = entry.read_bytes()
    entry.write_bytes(original + b"\n// and one thing more\n")
    row = refused(product, command)
    assert row["rule"] == "server.digest" and f"{entry} was changed" in row["reason"]
    entry.write_bytes(original)
    assert opened(product, command)[0] == "memory-server"

    (installed / "dist" / "index.json").write_text("{}")
    row = refused(product, command)
    assert row["rule"] == "server.digest" and "index.json was added" in row["reason"]
    (installed / "dist" / "index.json").unlink()

    needed = installed.parents[1] / "zod" / "package.json"
    needed.write_bytes(needed.read_bytes() + b" ")
    row = refused(product, command)
    assert row["rule"] == "server.digest" and "/zod/ was changed" in row["reason"]
    needed.write_bytes(needed.read_bytes()[:-1])

    taken = installed.parents[1] / ".bin" / "node"
    taken.symlink_to("/bin/true")
    row = refused(product, command)
    assert row["rule"] == "server.digest" and "in the place of node" in row["reason"]
    taken.unlink()

    row = refused(product, [*command, "--evil"])
    assert row["rule"] == "server.arguments" and "'--evil'" in row["reason"]
    said = product.run("explain", f"npm:{MEMORY}@{NOW}").stdout
    assert "allow" in said


def test_a_floating_version_is_started_as_the_approved_one_and_another_version_is_not(product: Product) -> None:
    packages.npx(product, f"{MEMORY}@{NOW}")
    product.up(enforce=True)
    approve(product, command=["npx", "-y", f"{MEMORY}@{NOW}"])
    for spec in (MEMORY, f"{MEMORY}@latest"):
        assert opened(product, ["npx", "-y", spec])[0] == "memory-server"
        row = product.log("--kind", "server.launched")[-1]
        assert row["server"] == f"npm:{MEMORY}@{NOW}" and row["detail"]["asked"] == f"npm:{MEMORY}"
        assert row["detail"]["instead"] == ["npx", "-y", f"{MEMORY}@{NOW}"]
        assert row["detail"]["argv"] == ["npx", "-y", spec]
    row = refused(product, ["npx", "-y", f"{MEMORY}@{BEFORE}"])
    assert row["rule"] == "server.version" and NOW in row["reason"] and BEFORE in row["reason"]
    row = refused(product, ["sh", "-c", f"npx -y {MEMORY}"])
    assert row["rule"] == "server.version" and "inside a script of a shell" in row["reason"]


def test_a_local_copy_under_a_name_like_the_approved_one_is_refused_by_that_name(product: Product) -> None:
    installed = packages.npx(product, f"{MEMORY}@{NOW}")
    product.up(enforce=True)
    approve(product, "--files", command=["npx", "-y", f"{MEMORY}@{NOW}"])
    modules = product.home / "work" / "node_modules"
    modules.parent.mkdir()
    shutil.copytree(installed.parents[1], modules, symlinks=True)
    copy = modules / "@modelcontextprotocol" / "server-memroy"
    (modules / MEMORY).rename(copy)
    manifest = json.loads((copy / "package.json").read_text())
    (copy / "package.json").write_text(json.dumps(manifest | {"name": "@modelcontextprotocol/server-memroy"}))
    row = refused(product, ["node", str(copy / "dist" / "index.js")])
    assert row["rule"] == "server.lookalike" and f"resembles the approved npm:{MEMORY}@{NOW}" in row["reason"]
    row = refused(product, ["npx", "-y", "@modelcontextprotoco1/server-memory@1.0.0"])
    assert row["rule"] == "server.lookalike" and f"npm:{MEMORY}@{NOW}" in row["reason"]


def test_a_pinned_pypi_package_runs_until_its_cache_is_tampered_with(product: Product) -> None:
    uvx = packages.uvx(product)
    product.up(enforce=True)
    command = [uvx, f"{TIME}@{TIME_NOW}", "--local-timezone", "UTC"]
    product.run("deny", "npm:something-else")
    folder = str(product.state / "data" / "registry")
    missing = product.run("registry", "launch", folder, "--files", "--", *command, check=False)
    assert missing.returncode and "uv has not installed" in missing.stderr
    packages.fill_uv(product, command)
    approve(product, "--files", command=command)
    assert "get_current_time" in opened(product, command)[1]
    assert "get_current_time" in opened(product, [uvx, TIME, "--local-timezone", "UTC"])[1]
    found = product.home.glob(".cache/uv/environments-v*/*/*/lib/*/*/mcp_server_time/server.py")
    (server,) = {path.resolve() for path in found}
    original = server.read_bytes()
    server.write_bytes(original + b"\n# more\n")
    row = refused(product, command)
    assert row["rule"] == "server.digest" and "mcp_server_time/server.py was changed" in row["reason"]
    server.write_bytes(original)
    hook = server.parents[1] / "evil.pth"
    hook.write_text("import os\n")
    row = refused(product, command)
    assert row["rule"] == "server.digest" and "evil.pth was added" in row["reason"]


def test_a_server_that_is_modified_between_two_starts_is_refused_by_its_file(product: Product, tmp_path: Path) -> None:
    script = product.home / "tools" / "server.py"
    script.parent.mkdir()
    shutil.copy(SERVER, script)
    shown = tmp_path / "shown.json"
    shown.write_text(json.dumps({"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}))
    product.up(enforce=True)
    command = [sys.executable, "-I", "-S", str(script), str(shown)]
    server = refused(product, command)["server"]
    product.run("allow", server)
    assert opened(product, command)[1] == ["read"]
    script.write_text(script.read_text() + "\n# more\n")
    row = refused(product, command)
    assert row["rule"] == "server.digest" and f"{script} was changed" in row["reason"]
    beside = product.home / "tools-new" / "server.py"
    beside.parent.mkdir()
    shutil.copy(script, beside)
    row = refused(product, [*command[:3], str(beside), str(shown)])
    assert row["rule"] == "server.lookalike" and str(script) in row["reason"]


def test_in_observe_mode_nothing_is_stopped_or_put_in_place_of_anything(product: Product) -> None:
    packages.npx(product, f"{MEMORY}@{NOW}")
    packages.npx(product, MEMORY + "@latest")
    product.up()
    approve(product, command=["npx", "-y", f"{MEMORY}@{NOW}"])
    with Peer([*product.shim, "npx", "-y", f"{MEMORY}@latest"], cwd=product.home, env=product.env) as peer:
        scripts.shake_hands(peer, "2025-11-25")
        assert peer.ask("tools/call", {"name": "read_graph", "arguments": {}})["result"]
    row = product.log("--kind", "server.launched")[-1]
    assert row["server"] == f"npm:{MEMORY}" and row["detail"]["instead"][-1] == f"{MEMORY}@{NOW}"
    assert (row["effect"], row["mode"]) == ("allow", "observe")
    assert product.calls(tool="read_graph")[-1]["effect"] == "allow", "what the approved version would have got"
    opened(product, ["npx", "-y", f"{MEMORY}@{BEFORE}"])
    row = product.log("--kind", "server.launched")[-1]
    assert (row["effect"], row["rule"], row["mode"]) == ("deny", "server.version", "observe")


def test_a_script_that_is_changed_while_it_starts_is_ended_and_the_agent_is_told_why(
    product: Product, tmp_path: Path
) -> None:
    script = product.home / "tools" / "server.py"
    script.parent.mkdir()
    touch = f"from pathlib import Path\nif Path({str(tmp_path / 'now')!r}).exists():\n    Path(__file__).touch()\n"
    script.write_text(touch + SERVER.read_text())
    shown = tmp_path / "shown.json"
    shown.write_text(json.dumps({"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}))
    product.up(enforce=True)
    command = [sys.executable, "-I", "-S", str(script), str(shown)]
    product.run("allow", refused(product, command)["server"])
    assert opened(product, command)[1] == ["read"]
    assert not product.log("--kind", "server.changed")
    (tmp_path / "now").touch()
    with Peer([*product.shim, *command], cwd=product.home, env=product.env) as peer:
        scripts.shake_hands(peer, "2025-11-25")
        got = refused_at_last(peer, "read")
        assert f"{script} was changed while" in got[-1] and "Tell your user" in got[-1]
    (row,) = product.log("--kind", "server.changed")
    assert row["rule"] == "server.digest" and f"{script} was changed while" in row["reason"]
    assert len(product.log("--kind", "server.ended")) == 2, "that of the first start, and this one"


def test_a_pinned_file_that_changes_while_its_server_runs_ends_that_server(product: Product) -> None:
    installed = packages.npx(product, f"{MEMORY}@{NOW}")
    product.up(enforce=True)
    command = ["npx", "-y", f"{MEMORY}@{NOW}"]
    approve(product, "--files", command=command)
    with Peer([*product.shim, *command], cwd=product.home, env=product.env) as peer:
        scripts.shake_hands(peer, "2025-11-25")
        assert "server.digest" not in json.dumps(peer.ask("tools/call", {"name": "read_graph", "arguments": {}}))
        (installed / "dist" / "index.js").write_text("other")
        refused_at_last(peer, "read_graph")
    (row,) = product.log("--kind", "server.changed")
    assert row["rule"] == "server.digest" and f"{installed / 'dist' / 'index.js'} was changed" in row["reason"]


def started(product: Product, entry: str) -> str:
    """What an agent gets that starts the entry of its config as it stands there."""
    one = json.loads((product.home / ".claude.json").read_text())["mcpServers"][entry]
    with Peer([one["command"], *one["args"]], cwd=product.home, env=product.env | one.get("env", {})) as peer:
        return name_of(peer)


def test_only_approved_variables_may_be_set_by_an_entry_or_by_whoever_starts_the_shim(
    product: Product, tmp_path: Path
) -> None:
    shown = tmp_path / "shown.json"
    shown.write_text(json.dumps({"tools": []}))
    command = [sys.executable, "-I", "-S", str(SERVER), str(shown)]
    entry = {"command": command[0], "args": command[1:]}
    servers = {"plain": entry, "fine": entry | {"env": {"LOG_LEVEL": "1"}}, "odd": entry | {"env": {"API_URL": "http"}}}
    (product.home / ".claude.json").write_text(json.dumps({"mcpServers": servers}))
    product.up(enforce=True)
    approve(product, "--files", "--environment", "LOG_*", command=command)
    assert [started(product, name) for name in servers] == ["shifting", "shifting", "callgate"]
    row = product.log("--kind", "server.launched")[-1]
    assert row["rule"] == "server.environment" and "'API_URL'" in row["reason"] and "http" not in json.dumps(row)

    for setting, name in (("LOG_LEVEL=1", "shifting"), ("API_URL=http", "callgate")):
        line = ["sh", "-c", f'{setting} "$@"; :', "sh", *product.shim, *command]  # the shell is the shim's parent
        with Peer(line, cwd=product.home, env=product.env) as peer:
            assert name_of(peer) == name
    row = product.log("--kind", "server.launched")[-1]
    assert row["rule"] == "server.environment" and "'API_URL'" in row["reason"] and not row["detail"].get("env")
