"""Real MCP servers answer through Callgate what they answer without it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from ground import scripts
from ground.compare import differences, normal
from ground.everything import everything
from ground.product import Product, processes_of
from ground.stdio import Peer, Transcript
from ground.toolbox import PATH, modern_server, node_server, python_server, recording_server

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]

DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
DAY = "2026-01-02T03:04:05+0000"
SETTLED = {
    "GIT_AUTHOR_DATE": DAY,
    "GIT_COMMITTER_DATE": DAY,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class Case:
    """A server, how to start it in a folder, and what is said to it."""

    name: str
    argv: Callable[[Path], list[str]]
    script: Callable[[Peer, Path], None]


CASES = [
    Case("everything", lambda _: [*node_server("server-everything"), "stdio"], lambda peer, _: everything(peer)),
    Case("filesystem", lambda room: [*node_server("server-filesystem"), str(room)], scripts.filesystem),
    Case("memory", lambda _: node_server("server-memory"), lambda peer, _: scripts.memory(peer)),
    Case("git", lambda _: python_server("mcp-server-git"), scripts.git),
    Case("time-2025", lambda _: python_server("mcp-server-time"), lambda peer, _: scripts.time_with_handshake(peer)),
    Case("time-2026", lambda _: python_server("mcp-server-time"), lambda peer, _: scripts.time_stateless(peer)),
    Case("sdk-2026", lambda _: modern_server(), lambda peer, _: scripts.modern(peer)),
]


def furnished(room: Path) -> Path:
    """The same scratch folder for each run, in the same state."""
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    (room / "dot.png").write_bytes(DOT)
    (room / "first.txt").write_text("first\n")
    for command in (
        ["init", "-q", "-b", "main"],
        ["config", "user.name", "Ada"],
        ["config", "user.email", "ada@example.org"],
        ["add", "first.txt"],
        ["commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", *command], cwd=room, check=True, env={"PATH": PATH, "HOME": str(room), **SETTLED})
    return room


def converse(case: Case, prefix: list[str], room: Path, state: Path) -> Transcript:
    """One whole conversation in a fresh room. The environment is the same with and without Callgate."""
    furnished(room)
    env = {"PATH": PATH, "HOME": str(room), "TZ": "UTC", "LANG": "C.UTF-8", "CALLGATE_HOME": str(state), **SETTLED}
    env["MEMORY_FILE_PATH"] = str(room / "memory.json")
    with Peer([*prefix, *case.argv(room)], cwd=room, env=env, answer=scripts.Client()) as peer:
        case.script(peer, room)
        transcript = peer.close()
    assert processes_of(peer.process.pid) == []
    return transcript


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_server_answers_as_without_callgate_and_each_call_is_logged(
    case: Case, observed: Product, tmp_path: Path
) -> None:
    room = tmp_path / "room"
    direct = converse(case, [], room, observed.state)
    assert untried_tools(direct) == set()
    before = len(observed.calls())
    through = converse(case, observed.shim, room, observed.state)
    assert differences(direct, through) == []
    assert sorted(row["tool"] for row in observed.calls()[before:]) == sorted(called_tools(through))


@pytest.mark.parametrize("params", [None, {}, {"name": 7}, {"name": None}, ["name"]], ids=str)
def test_a_call_that_names_no_tool_never_reaches_the_server(params: object, observed: Product, tmp_path: Path) -> None:
    reached = tmp_path / "reached"
    argv = [*observed.shim, *recording_server(reached)]
    with Peer(argv, cwd=tmp_path, env=observed.env) as peer:
        scripts.shake_hands(peer, "2025-11-25")
        refused = peer.ask("tools/call", params)
        scripts.call(peer, "proper")
    assert refused["error"]["code"] == -32602
    assert "Callgate" in refused["error"]["message"]
    assert reached.read_text() == "proper\n"


def called_tools(transcript: Transcript) -> list[str]:
    """The tools that the client called, by name, as often as it did; a call without a proper name is none."""
    asked = [json.loads(line) for line in transcript.asked.values()]
    names = [(message.get("params") or {}).get("name") for message in asked if message["method"] == "tools/call"]
    return [name for name in names if isinstance(name, str)]


def untried_tools(transcript: Transcript) -> set[str]:
    """Tools that the server offers and the script does not call: there must be none."""
    lists = [m["result"]["tools"] for m in map(json.loads, transcript.lines) if "tools" in (m.get("result") or {})]
    return {tool["name"] for tools in lists for tool in tools} - set(called_tools(transcript))


def test_the_comparison_sees_a_changed_byte() -> None:
    first, second = Transcript(), Transcript()
    first.lines = [b'{"jsonrpc":"2.0","id":"q1","result":{"a":1,"b":2}}\n', b'{"method":"notifications/x"}\n']
    for changed in (first.lines[0].replace(b":1", b": 1", 1), b'{"id":"q1","result":{"b":2,"a":1},"jsonrpc":"2.0"}\n'):
        second.lines = [changed, first.lines[1]]
        assert len(differences(first, second)) == 1
    second.lines = first.lines[:1]
    assert len(differences(first, second)) == 1
    assert normal(b'{"text":"made at 10:43:42 PM"}') == b'{"text":"made at 10:43:42 PM"}'
