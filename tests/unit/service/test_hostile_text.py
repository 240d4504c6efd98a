"""Text that nobody would write, from a config to the terminal: nothing crashes or steers, every byte comes back."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from callgate.client import Client
from callgate.model.errors import CallgateError
from callgate.service.quiet import Plain
from installation import Installation
from until import until

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

HALF = "\ud83d"
STEER = "\x1b[2J\x1b]0;mine\x07\r\n\x9b31m\u202e[red]"
SERVER = """
import json, sys
for line in sys.stdin:
    said = json.loads(line)
    if "id" in said:
        tools = [{"name": "\\x1b[2Jtool", "inputSchema": {"type": "object"}}]
        result = {"tools": tools} if said["method"] == "tools/list" else {}
        print(json.dumps({"jsonrpc": "2.0", "id": said["id"], "result": result}), flush=True)
"""


def servers(home: Path) -> dict[str, dict[str, Any]]:
    start = {"command": sys.executable, "args": [str(home / "server.py"), STEER]}
    return {
        f"steer{STEER}": start,
        "": start,
        "half word": {"command": "npx", "args": [f"x{HALF}"]},
        f"half name {HALF}": start,
        "half command": {"command": f"np{HALF}", "args": []},
        "half around": start | {"env": {f"K{HALF}": f"v{HALF}"}, "cwd": f"/nowhere/{HALF}"},
        "nul": {"command": sys.executable, "args": ["a\0b"]},
        "nul command": {"command": "a\0b", "args": []},
        "nul\0name": start,
        "nul folder": start | {"cwd": "/nowhere/\0"},
        "address": {"type": "http", "url": f"https://h/{HALF}{STEER}\0"},
        f"wrong{STEER}{HALF}": {"command": 3},
    }


@pytest.fixture
def place() -> Iterator[Installation]:
    with Installation() as place:
        (place.home / "server.py").write_text(SERVER)
        (place.home / ".claude").mkdir()
        document = {
            "mcpServers": servers(place.home),
            "projects": {
                f"/{name}": {"mcpServers": {name: {"command": "npx", "args": ["p"]}}} for name in ("a\0b", HALF, STEER)
            },
        }
        (place.home / ".claude.json").write_text(json.dumps(document, indent=2))
        (place.home / ".codex").mkdir()
        (place.home / ".codex/config.toml").write_text(
            '[mcp_servers."a\\u001b[2J"]\ncommand = "npx"\nargs = ["\\u0000x", "\\u202e"]\n'
        )
        yield place


def command(place: Installation, *words: str | bytes, status: int = 0) -> str:
    """What a command of ours shows, which nothing may steer a terminal by."""
    entry = "from callgate.cli.main import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", entry, *words],
        env=place.env | {"LANG": "C.UTF-8", "COLUMNS": "400"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = (ran.stdout + ran.stderr).decode()
    assert said.replace("\n", "").isprintable(), said
    assert ran.returncode == status, said
    assert "Traceback" not in said and "Error" not in said
    return said


def speak(launcher: str, words: list[str | bytes]) -> tuple[list[Any], bytes]:
    """Start a wrapped entry as an agent does, and hold a short conversation in odd words."""
    lines: list[dict[str, object]] = [
        {"id": 1, "method": "initialize", "params": {"clientInfo": {"name": STEER + HALF, "version": "\0"}}},
        {"id": 2, "method": "tools/list"},
        {"id": 3, "method": "tools/call", "params": {"name": STEER, "arguments": {STEER: "\0"}}},
        {"id": 4, "method": "tools/call", "params": {"name": f"t{HALF}", "arguments": {HALF: HALF}}},
    ]
    said = "".join(json.dumps({"jsonrpc": "2.0"} | line) + "\n" for line in lines)
    env = {"PATH": os.environ["PATH"]}
    ran = subprocess.run([launcher, *words], input=said.encode(), env=env, capture_output=True, timeout=60, check=False)
    return [json.loads(line)["id"] for line in ran.stdout.splitlines()], ran.stderr


def test_hostile_text_goes_from_config_to_terminal_and_harms_nothing(place: Installation) -> None:
    before = {path: path.read_bytes() for path in place.home.rglob("*") if path.is_file()}
    command(place, "discover")
    command(place, "up")
    found = {one["entry"]: one for one in place.client.inventory()["servers"]}
    assert set(found) == {*servers(place.home), "a\0b", HALF, STEER, "a\x1b[2J"} - {f"wrong{STEER}{HALF}"}
    left = {name for name, one in found.items() if one["state"] != "wrapped"}
    assert left == {"half word", f"half name {HALF}", "half command", "address", HALF}
    for name in left - {"address"}:
        assert "half of a surrogate pair" in found[name]["why"]
    for name in ("nul", "nul command"):
        assert "NUL byte" in found[name]["evidence"]
    for name in (f"steer{STEER}", "", "half around", "nul\0name"):
        launcher, *words = json.loads((place.home / ".claude.json").read_text())["mcpServers"][name].values()
        answers, _ = speak(launcher, [*words[0], b"\xff\x1b[2J\xed\xa0\xbd"])
        assert sorted(answers) == [1, 2, 3, 4]
        _, complaint = speak(launcher, ["--", b"/nowhere/\x1b[2J\xff\n"])
        assert complaint.decode().replace("\n", "").isprintable()
        assert complaint.count(b"\n") == 1
    until(
        lambda: len(place.rows(kind="call.asked")) >= 4,
        "the rows of the calls, without those that the shim refuses",
        20,
    )
    for words in ("servers", "agents", "status", "log", "verify", "doctor"):
        command(place, words)
        for line in command(place, words, "--json").splitlines() if words != "verify" else []:
            assert line.isascii()
    for row in place.rows(kind="call.asked")[:3]:
        command(place, "explain", str(row["seq"]))
        command(place, "explain", str(row["seq"])) if row["kind"] == "call.asked" else None
    daemon_log = (place.folders.data / "daemon.log").read_text()
    assert daemon_log.replace("\n", "").isprintable()
    command(place, "down")
    assert {path: path.read_bytes() for path in place.home.rglob("*") if path.is_file()} == before


def test_words_of_the_user_that_are_no_text_are_not_found(place: Installation) -> None:
    command(place, "up")
    assert "is not known" in command(place, "explain", b"\x1b[2J\xff", status=1)
    assert "is not known" in command(place, "allow", b"\xed\xa0\xbd\n", status=1)
    assert not command(place, "log", "--find", b"\xff", "--agent", b"\x1b[2J").strip()
    with pytest.raises(CallgateError):
        Client(place.folders.api_socket).event("\udcff/..")


def test_a_line_of_the_daemons_log_stays_one_line_whatever_is_in_it() -> None:
    into = io.StringIO()
    handler = logging.StreamHandler(into)
    handler.setFormatter(Plain("%(levelname)s %(message)s"))
    record = logging.LogRecord("x", logging.ERROR, "", 0, "%s", (STEER + HALF,), None)
    handler.handle(record)
    assert into.getvalue().count("\n") == 1
    try:
        raise ValueError(f"first\n2026-01-01 INFO forged{STEER}")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    handler.handle(record)
    lines = into.getvalue().splitlines()
    assert all(line.isprintable() for line in lines)
    assert all(line.startswith("  ") for line in lines[2:])
