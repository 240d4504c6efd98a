"""Capturing what a real server shows, and reviewing it: also one that stalls, lies, floods, or dies."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from callgate.model.errors import CallgateError
from callgate.model.pin import Kind
from callgate.service import capture, review

SHIFTING = Path(__file__).parents[2] / "e2e" / "ground" / "shifting_server.py"
TOOL = {"name": "read", "description": "Reads a file.", "inputSchema": {"type": "object"}}
SHOWN: dict[str, Any] = {"tools": [TOOL], "prompts": [{"name": "p"}], "instructions": "Be brief."}


def shifting(room: Path, shown: object) -> list[str]:
    file = room / "shown.json"
    file.write_text(json.dumps(shown))
    return [sys.executable, "-I", "-S", str(SHIFTING), str(file)]


def script(room: Path, text: str) -> list[str]:
    path = room / "server.py"
    path.write_text(f"import json, sys\nfor line in sys.stdin:\n    m = json.loads(line)\n    i = m.get('id')\n{text}")
    return [sys.executable, "-I", "-S", str(path)]


SAY = "    print(json.dumps({'jsonrpc': '2.0', 'id': i, **(%s)}), flush=True)\n"


def test_everything_that_a_server_shows_is_captured_and_pinned(tmp_path: Path) -> None:
    found = capture.capture(shifting(tmp_path, SHOWN))
    assert (found["tools"], found["prompts"], found["resourceTemplates"]) == ([TOOL], [{"name": "p"}], [])
    pins = review.pins(found, "test")
    assert {kind: list(names) for kind, names in pins.items()} == {
        Kind.TOOL: ["read"], Kind.PROMPT: ["p"], Kind.TEMPLATE: [], Kind.INSTRUCTIONS: [""]
    }  # fmt: skip


def test_pages_are_followed_and_other_talk_is_passed_over(tmp_path: Path) -> None:
    argv = script(
        tmp_path,
        "    if i is None: continue\n    print('noise'); print('[]')\n"
        "    print(json.dumps({'jsonrpc': '2.0', 'id': 'r', 'method': 'roots/list'}))\n"
        "    c = m.get('params', {}).get('cursor')\n"
        "    r = {'capabilities': {'tools': {}}} if m.get('method') == 'initialize' else "
        "{'tools': [{'name': str(c)}], **({} if c == 'b' else {'nextCursor': 'b' if c else 'a'})}\n"
        "    if 'method' in m:\n    " + SAY % "{'result': r}",
    )
    found = capture.capture(argv)
    assert found["tools"] == [{"name": "None"}, {"name": "a"}, {"name": "b"}]


def test_a_stateless_server_is_asked_its_own_way(tmp_path: Path) -> None:
    argv = script(
        tmp_path,
        "    meta = m['params'].get('_meta')\n"
        "    if not meta: r = {'error': {'code': -32601, 'message': 'no'}}\n"
        "    elif m['method'] == 'server/discover': r = {'result': {'capabilities': {'tools': {}}}}\n"
        "    else: r = {'result': {'tools': [{'name': meta['io.modelcontextprotocol/protocolVersion']}]}}\n"
        + SAY
        % "r",
    )
    assert capture.capture(argv)["tools"] == [{"name": capture.STATELESS}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("    break\n", "has ended"),
        ("    i = 'x'\n" + SAY % "{'result': {}}", "gives no answer"),
        (SAY % "{'error': {'code': 1}}", "with an error"),
        (SAY % "{'result': {'capabilities': {'tools': {}}}}", "without `tools`"),
        (SAY % "{'result': {'capabilities': {'tools': {}}, 'tools': [], 'nextCursor': 'x'}}", "pages"),
    ],
)
def test_a_server_that_does_not_answer_sensibly_is_named(
    tmp_path: Path, text: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "PATIENCE", 5.0)
    with pytest.raises(CallgateError, match=problem):
        capture.capture(script(tmp_path, text))


def test_a_command_that_does_not_exist_is_named() -> None:
    with pytest.raises(CallgateError, match="cannot be started"):
        capture.capture(["/nonexistent/server"])


@pytest.mark.parametrize("tools", [[{"x": 1}], "text", [{"name": "a", "description": "x" * 300_000}]])
def test_what_cannot_be_pinned_is_not_pinned_silently(tools: object) -> None:
    with pytest.raises(CallgateError, match="cannot be pinned"):
        review.pins({"tools": tools}, "test")


def test_a_review_sorts_by_gravity_and_names_what_came_and_went(tmp_path: Path) -> None:
    old = {"tools": [TOOL, {"name": "same"}, {"name": "gone"}, {"name": "wider"}]}
    new = {
        "tools": [TOOL | {"description": "Reads it."}, {"name": "same"}, {"name": "new"},
                  {"name": "wider", "inputSchema": {"properties": {"x": {}}}}]
    }  # fmt: skip
    kept = tmp_path / "old.json"
    review.save(old, kept)
    found = review.review(review.captured([str(kept)]), review.captured(shifting(tmp_path, new)))
    assert [(item["name"], item["state"], item["class"]) for item in found["items"]] == [
        ("wider", "changed", "widening"), ("new", "added", "added"), ("read", "changed", "text"),
        ("gone", "gone", "cosmetic"),
    ]  # fmt: skip
    assert found["same"] == 2


@pytest.mark.parametrize("content", ["", "[]", "7", "{", "[" * 100_000])
def test_a_bad_capture_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(CallgateError, match=r"bad\.json"):
        review.captured([str(path)])
    with pytest.raises(CallgateError, match="does not exist"):
        review.captured([str(tmp_path / "no.json")])
