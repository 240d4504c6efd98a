"""What else a server shows to the model: prompts, resource templates, and its own instructions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from callgate.shim import frames
from callgate.shim.answers import LISTED_MAX

sys.path.insert(0, str(Path(__file__).parents[2] / "fakes"))
from scene import Scene, call, line

OPENED = b'{"jsonrpc":"2.0","id":0,"result":{"capabilities":{}, "instructions" : "Be \\u0062rief.","serverInfo":{}}}\n'


def ask(scene: Scene, method: str, id: object = 0) -> None:
    scene.client({"jsonrpc": "2.0", "id": id, "method": method, "params": {}})


@pytest.mark.parametrize("opening", ["initialize", "server/discover"])
def test_instructions_are_asked_about_and_go_on_as_they_came(opening: str) -> None:
    scene = Scene()
    ask(scene, opening)
    scene.server(OPENED)
    assert scene.to_client() == b""
    (asked,) = scene.rule(frames.ALLOW, hide=[])
    assert asked.kind == frames.LIST and asked.flags == frames.GREETING and asked.body == OPENED.strip()
    assert scene.to_client() == OPENED


def test_hidden_instructions_are_emptied_and_nothing_else_is_touched() -> None:
    scene = Scene()
    ask(scene, "initialize")
    scene.server(OPENED)
    scene.rule(frames.ALLOW, hide=[""])
    assert scene.to_client() == OPENED.replace(b'"Be \\u0062rief."', b'""')


def test_an_opening_without_instructions_is_told_too_and_stays_as_it_is() -> None:
    scene = Scene()
    ask(scene, "initialize")
    raw = b'{"jsonrpc":"2.0","id":0,"result":{"capabilities":{}}}\n'
    scene.server(raw)
    assert len(scene.rule(frames.ALLOW, hide=[""])) == 1
    assert scene.to_client() == raw


def test_in_doubt_an_opening_goes_on_without_its_instructions() -> None:
    scene = Scene()
    ask(scene, "initialize")
    scene.server(OPENED)
    scene.rule(frames.DENY, reason="no")
    assert scene.told()[0]["result"] == {"capabilities": {}, "instructions": "", "serverInfo": {}}


def test_in_observe_mode_an_opening_waits_for_nobody() -> None:
    scene = Scene(enforce=False, gate=False)
    ask(scene, "initialize")
    scene.server(OPENED)
    assert scene.to_client() == OPENED
    scene.connect()
    assert [(one.flags, one.body) for one in scene.asked(frames.LIST)] == [(frames.GREETING, OPENED.strip())]
    scene.answer(0, frames.ALLOW, hide=[""])
    assert scene.to_client() == b""


def test_instructions_in_other_answers_are_none() -> None:
    scene = Scene()
    ask(scene, "tools/list", 7)
    scene.server(OPENED)
    assert scene.to_client() == OPENED and scene.asked(frames.LIST) == []


@pytest.mark.parametrize(
    ("method", "member", "key", "flag"),
    [
        ("prompts/list", "prompts", "name", frames.PROMPTS),
        ("resources/templates/list", "resourceTemplates", "uriTemplate", frames.TEMPLATES),
    ],
)
def test_prompts_and_templates_are_hidden_by_what_they_are_called_by(
    method: str, member: str, key: str, flag: int
) -> None:
    scene = Scene()
    ask(scene, method)
    scene.server({"jsonrpc": "2.0", "id": 0, "result": {member: [{key: "a"}, {key: "b"}, {"x": 1}]}})
    (asked,) = scene.rule(frames.ALLOW, hide=["a", None])
    assert asked.flags == flag
    assert scene.told()[0]["result"] == {member: [{key: "b"}]}


def test_an_opening_too_large_to_be_looked_at_is_told_by_name() -> None:
    scene = Scene(limit=4 * frames.MAX_INSPECTED)
    ask(scene, "initialize")
    scene.server({"jsonrpc": "2.0", "id": 0, "result": {"instructions": "x" * frames.MAX_INSPECTED}})
    (asked,) = scene.rule(frames.ALLOW, hide=[""])
    assert asked.flags == frames.GREETING | frames.OVERSIZE_LIST and asked.json == {"names": [""]}
    assert scene.told()[0]["result"] == {"instructions": ""}


def test_an_answer_that_shows_several_things_is_edited_in_all_of_them() -> None:
    scene = Scene()
    ask(scene, "initialize")
    result: dict[str, Any] = {"instructions": "x", "tools": [{"name": "a"}, {"name": "b"}], "prompts": [{"name": "p"}]}
    scene.server({"jsonrpc": "2.0", "id": 0, "result": result})
    for one in scene.asked(frames.LIST):
        scene.answer(one.serial, frames.ALLOW, hide=["", "a", "p"])
    assert scene.told()[0]["result"] == {"instructions": "", "tools": [{"name": "b"}], "prompts": []}


def test_an_answer_that_is_refused_in_part_is_one_error() -> None:
    scene = Scene()
    ask(scene, "initialize")
    result = {"instructions": "x", "tools": [{"name": "a"}], "prompts": [{"name": "p"}]}
    scene.server({"jsonrpc": "2.0", "id": 0, "result": result})
    scene.rule(frames.DENY, reason="no")
    (said,) = scene.told()
    assert said["id"] == 0 and "cannot show" in said["error"]["message"]


def test_an_opening_that_could_be_read_in_two_ways_becomes_an_error() -> None:
    scene = Scene()
    ask(scene, "initialize")
    scene.server(b'{"jsonrpc":"2.0","id":0,"result":{"instructions":"a","Instructions":"b"}}\n')
    assert "error" in scene.told()[0] and scene.asked(frames.LIST) == []


def test_calls_go_on_while_an_opening_waits() -> None:
    scene = Scene()
    ask(scene, "initialize")
    scene.client(call(1))
    scene.server(json.dumps({"jsonrpc": "2.0", "id": 9, "result": {}}).encode() + b"\n")
    assert scene.told() == [{"jsonrpc": "2.0", "id": 9, "result": {}}]


def test_a_mode_that_changes_holds_for_what_a_running_server_shows() -> None:
    scene = Scene(enforce=False)
    scene.relay.learn(enforce=True, on_doubt=frames.DENY)
    ask(scene, "initialize")
    scene.server(OPENED)
    assert scene.to_client() == b""
    scene.rule(frames.DENY, reason="no")
    assert scene.told()[0]["result"]["instructions"] == ""
    scene.relay.learn(enforce=False, on_doubt=frames.DENY)
    ask(scene, "initialize", 1)
    scene.server(OPENED.replace(b'"id":0', b'"id":1'))
    assert scene.to_client()


def test_what_the_server_shows_counts_as_held_until_the_gate_has_spoken() -> None:
    scene = Scene()
    ask(scene, "tools/list", 7)
    lists = [line({"id": "other", "result": {"tools": [{"name": f"a{n}"}]}}) for n in range(3)]
    scene.server(*lists)
    assert scene.relay.held_answers == sum(map(len, lists))
    scene.rule(frames.ALLOW, hide=[])
    assert scene.relay.held_answers == 0 and scene.to_client() == b"".join(lists)


LARGE = b'{"jsonrpc":"2.0","id":%d,"result":{"prompts":[{"name":"p","description":"' + b"x" * LISTED_MAX + b'"}]}}\n'


@pytest.mark.parametrize("piece", [64 * 1024, 16 * 1024 * 1024])
def test_a_list_that_nobody_should_read_is_refused_and_the_next_one_is_read(piece: int) -> None:
    scene = Scene(limit=64 * 1024 * 1024)
    ask(scene, "prompts/list", 3)
    raw = LARGE % 3
    for start in range(0, len(raw), piece):
        scene.server(raw[start : start + piece])
    (told,) = scene.told()
    assert told["id"] == 3 and "too large to be looked at" in told["error"]["message"]
    assert not scene.asked(frames.LIST)
    ask(scene, "prompts/list", 4)
    scene.server({"jsonrpc": "2.0", "id": 4, "result": {"prompts": [{"name": "p"}]}})
    assert len(scene.rule(frames.ALLOW, hide=[])) == 1 and scene.told()[0]["id"] == 4


def test_an_answer_without_a_visible_id_is_refused_for_all_lists_that_are_awaited() -> None:
    scene = Scene(limit=64 * 1024 * 1024)
    ask(scene, "prompts/list", 3)
    ask(scene, "tools/list", 4)
    scene.server(
        b'{"x":{}, "result":{"prompts":["' + b"x" * LISTED_MAX + b'"]},"y":{"id":7},"z":{"a":"' + b"b" * 200 + b'"}}\n'
    )
    assert sorted(one["id"] for one in scene.told()) == [3, 4]


def test_in_observe_mode_a_list_of_any_size_goes_on_as_it_came() -> None:
    scene = Scene(enforce=False, limit=64 * 1024 * 1024)
    ask(scene, "prompts/list", 3)
    scene.server(LARGE % 3)
    assert scene.to_client() == LARGE % 3


def test_a_large_result_goes_on_where_no_list_is_awaited() -> None:
    scene = Scene(limit=64 * 1024 * 1024)
    raw = (LARGE % 9).replace(b"prompts", b"content")
    scene.server(raw)
    assert scene.to_client() == raw
