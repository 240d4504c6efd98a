"""One session: what passes at once, what waits for the gate, and what is never passed on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from callgate.shim import frames
from callgate.shim.answers import WISHES_MAX
from callgate.shim.relay import REFUSED, STARTED, WAITING

sys.path.insert(0, str(Path(__file__).parents[2] / "fakes"))
from scene import DEADLINE, LIMIT, Scene, call, line

LISTED = (
    b'{"jsonrpc":"2.0", "id": 3 ,"result":'
    b'{"tools":[{"name":"a"} , {"name":"b"},\t{"name":"\xc3\xa9"}],"nextCursor":"x"}}\n'
)
LIST = {"jsonrpc": "2.0", "id": 3, "method": "tools/list"}


def test_a_call_goes_on_as_it_came_once_it_is_allowed() -> None:
    scene = Scene()
    raw = b'  {"id" :1.0, "method":"tools\\/call","params":{"name":"\\u0061"}}\t\r\n'
    scene.client(raw)
    assert scene.to_server() == b""
    (asked,) = scene.rule()
    assert asked.body == raw.strip()
    assert scene.to_server() == raw
    assert scene.to_client() == b""


def test_a_refused_call_is_answered_and_never_passed_on() -> None:
    scene = Scene()
    scene.client(call("x"))
    scene.rule(frames.DENY, reason="no", rule="r")
    assert scene.to_server() == b""
    (said,) = scene.told()
    assert said["id"] == "x"
    assert said["result"]["isError"] is True


def test_a_call_without_an_id_is_asked_about_and_dropped_silently() -> None:
    scene = Scene()
    notification = {"method": "tools/call", "params": {"name": "echo"}}
    scene.client(notification)
    scene.rule(frames.DENY, reason="no", rule="r")
    assert scene.to_server() + scene.to_client() == b""
    scene.client(notification)
    scene.rule()
    assert scene.to_server() == line(notification)


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}},
        {"jsonrpc": "2.0", "id": 1, "method": "server/discover"},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 4, "result": {"roots": []}},
        {"jsonrpc": "2.0", "id": 4, "error": {"code": 1, "message": "no"}},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}},
        [{"id": 1, "method": "ping"}, {"id": 2, "result": {}}],
        b"\n",
        b"  \r\n",
    ],
)
def test_what_is_no_call_passes_at_once(message: object) -> None:
    scene = Scene()
    scene.client(message)
    assert scene.to_server() == line(message)
    assert not scene.asked(frames.ASK)


def test_a_fast_call_is_not_held_up_by_a_slow_one() -> None:
    scene = Scene()
    scene.client(call(1), call(2), {"id": 3, "method": "ping"})
    first, second = scene.asked(frames.ASK)
    assert scene.to_server() == line({"id": 3, "method": "ping"})
    scene.answer(second.serial)
    assert scene.to_server() == line(call(2))
    scene.answer(first.serial)
    assert scene.to_server() == line(call(1))


def test_what_is_refused_is_answered_to_its_sender_and_the_session_goes_on() -> None:
    scene = Scene()
    scene.client(b'{"id":5,"method":"tools/list","method":"tools/call"}\n', b"garbage\n", call(6))
    asked, note, other = scene.asked()
    assert "twice" in note.json["refused"]
    assert "not JSON" in other.json["refused"]
    scene.answer(asked.serial)
    assert scene.to_server() == line(call(6))
    assert [said["id"] for said in scene.told()] == [5, None]


def test_a_message_over_the_limit_is_refused_and_the_session_goes_on() -> None:
    scene = Scene()
    scene.client(line(call(5, text="x" * LIMIT)), {"id": 6, "method": "ping"})
    (said,) = scene.told()
    assert said["id"] == 5
    assert "larger" in said["error"]["message"]
    assert scene.to_server() == line({"id": 6, "method": "ping"})


def test_a_call_that_is_too_large_to_look_at_is_asked_about_by_name() -> None:
    scene = Scene(limit=4 << 20)
    message = call(5, "wr\u00efte", text="x" * (1 << 20))
    scene.client(message)
    (asked,) = scene.asked(frames.ASK)
    assert asked.flags == frames.TRUNCATED
    assert asked.json == {"method": "tools/call", "params": {"name": "wr\u00efte"}, "id": 5}
    scene.answer(asked.serial)
    assert scene.to_server() == line(message)


def test_the_last_line_counts_without_its_newline() -> None:
    scene = Scene()
    scene.client(line(call(1)).rstrip())
    scene.relay.client_ended(scene.now)
    assert scene.relay.owes_server
    scene.rule()
    assert scene.to_server() == line(call(1)).rstrip()
    assert not scene.relay.owes_server


# Cancelling


def test_a_call_that_is_cancelled_while_it_waits_never_runs() -> None:
    scene = Scene()
    scene.client(call(1), {"method": "notifications/cancelled", "params": {"requestId": 1.0}})
    (asked,) = scene.rule()
    assert asked.serial
    assert scene.to_server() + scene.to_client() == b""
    assert scene.notes()[0]["method"] == "notifications/cancelled"


def test_a_cancel_passes_once_the_call_has() -> None:
    scene = Scene()
    scene.client(call(1))
    scene.rule()
    scene.to_server()
    cancel = {"method": "notifications/cancelled", "params": {"requestId": 1}}
    scene.client(cancel)
    assert scene.to_server() == line(cancel)


# Lists of tools


def test_hidden_tools_are_cut_out_and_every_other_byte_stays() -> None:
    scene = Scene()
    scene.client(LIST)
    scene.server(LISTED)
    assert scene.to_client() == b""
    scene.rule(hide=["b"])
    assert scene.to_client() == LISTED.replace(b' , {"name":"b"}', b"")


def test_a_list_with_nothing_to_hide_is_not_touched() -> None:
    scene = Scene()
    scene.client(LIST)
    scene.server(LISTED)
    (asked,) = scene.rule(hide=["z"])
    assert asked.kind == frames.LIST
    assert scene.to_client() == LISTED


def test_all_tools_can_be_hidden() -> None:
    scene = Scene()
    scene.client(LIST)
    scene.server(LISTED)
    scene.rule(hide=["a", "b", "é"])
    (said,) = scene.told()
    assert said["result"] == {"tools": [], "nextCursor": "x"}


def test_other_answers_overtake_a_list_that_waits() -> None:
    scene = Scene()
    scene.client(LIST)
    scene.server(LISTED, {"id": 4, "result": {}})
    assert scene.told() == [{"id": 4, "result": {}}]
    assert scene.relay.owes_client
    scene.rule()
    assert scene.to_client() == LISTED


@pytest.mark.parametrize("id_text", [b'"3"', b"3.0", b"[3]", b"4", b"null"])
def test_a_list_under_a_strange_id_is_filtered_as_well(id_text: bytes) -> None:
    scene = Scene()
    scene.client(LIST)
    scene.server(LISTED.replace(b"3", id_text))
    scene.rule(hide=["a", "b"])
    (said,) = scene.told()
    assert [tool["name"] for tool in said["result"]["tools"]] == ["é"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":3,"result":{"tools":[{"name":"a"}],"tools":[]}}\n',
        b'{"id":3,"result":{"tools":[{"name":"a","name":"b"}]}}\n',
        b'{"id":3,"result":{"Tools":[{"name":"a"}]}}\n',
        b'{"id":3,"Result":{"tools":[{"name":"a"}]}}\n',
        b'{"id":3,"result":{"tools":[{"name":"\\ud800"}]}}\n',
        b'\xef\xbb\xbf{"id":3,"result":{"tools":[{"name":"a"}]}}\n',
        b'{"id":3,"result":{"tools":[{"name":"\xff"}]}}\n',
        b'[{"id":3,"result":{"tools":[{"name":"a","name":"b"}]}}]\n',
        b'{"id":3,"result":{"tools":[' + b'{"name":"a"},' * 20_001 + b"{}]}}\n",
    ],
)
def test_a_list_that_could_be_read_in_two_ways_becomes_an_error(raw: bytes) -> None:
    scene = Scene(limit=1 << 20)
    scene.client(LIST)
    scene.server(raw)
    (said,) = scene.told()
    assert said["id"] == 3
    assert "refused" in said["error"]["message"]
    scene.server(b"not json {\n")
    assert scene.to_client() == b"not json {\n"


@pytest.mark.parametrize(
    "raw",
    [b"[info] starting\n", b"{ not json }\n", b"listening on 3\n", b'{"method":"x","params":NaN}\n', b"\xff\xfe\n"],
)
def test_noise_passes_while_a_list_is_awaited(raw: bytes) -> None:
    scene = Scene()
    scene.client(LIST)
    scene.server(raw)
    assert scene.to_client() == raw
    scene.server(LISTED)
    scene.rule(hide=["a", "b"])
    assert len(scene.told()[0]["result"]["tools"]) == 1


def test_an_odd_answer_to_a_call_passes_while_a_list_is_awaited() -> None:
    scene = Scene()
    scene.client(call(4), LIST)
    scene.rule()
    odd = b'{"id":4,"result":{"content":[{"type":"text","text":"cut \\ud83d"}]}}\n'
    scene.server(odd)
    assert scene.to_client() == odd


def test_a_list_over_the_limit_is_awaited_no_more() -> None:
    scene = Scene()
    scene.client(LIST)
    scene.server({"id": 3, "result": {"tools": [{"name": "x" * LIMIT}]}})
    assert scene.told()[0]["id"] == 3
    scene.server({"id": 3, "result": {"tools": []}, "x": {"y": float("nan")}})
    assert b"NaN" in scene.to_client()


def test_a_list_larger_than_what_is_looked_at_is_asked_about_by_names() -> None:
    scene = Scene(limit=4 << 20)
    scene.client(LIST)
    tools = [{"name": "a", "description": "x" * (1 << 20)}, {"name": "b"}, 3]
    scene.server({"id": 3, "result": {"tools": tools}})
    (asked,) = scene.asked(frames.LIST)
    assert asked.flags == frames.OVERSIZE_LIST
    assert asked.json == {"names": ["a", "b", None]}
    scene.answer(asked.serial, hide=["a"])
    assert scene.told()[0]["result"]["tools"] == [{"name": "b"}, 3]


# Batches


def test_a_batch_passes_whole_when_all_of_it_is_allowed() -> None:
    scene = Scene()
    raw = b'[ {"id":1,"method":"ping"} , ' + line(call(2)).strip() + b", " + line(call(3)).strip() + b" ]\n"
    scene.client(raw)
    first, second = scene.asked(frames.ASK)
    scene.answer(second.serial)
    assert scene.to_server() == b""
    scene.answer(first.serial)
    assert scene.to_server() == raw


def test_a_refused_member_is_cut_out_and_its_refusal_joins_the_answer() -> None:
    scene = Scene()
    scene.client([{"id": 1, "method": "ping"}, call(2), call("z", "bad")])
    for asked in scene.asked(frames.ASK):
        bad = asked.json["params"]["name"] == "bad"
        scene.answer(asked.serial, frames.DENY if bad else frames.ALLOW, **({"reason": "no"} if bad else {}))
    assert json.loads(scene.to_server()) == [{"id": 1, "method": "ping"}, call(2)]
    scene.server(b'[ {"id":1,"result":{}},{"id":2,"result":{}} ]\n')
    raw = scene.to_client()
    assert raw.startswith(b'[ {"id":1,"result":{}},{"id":2,"result":{}},{')
    assert [one["id"] for one in json.loads(raw)] == [1, 2, "z"]
    scene.server(b'[{"id":1,"result":{}}]\n')
    assert scene.to_client() == b'[{"id":1,"result":{}}]\n'


def test_a_server_that_answers_a_batch_one_by_one_gets_the_refusals_out_all_the_same() -> None:
    scene = Scene()
    scene.client([{"id": 1, "method": "ping"}, call(2)])
    scene.rule(frames.DENY, reason="no")
    scene.server({"id": 1, "result": {}})
    refused, answer = scene.told()
    assert [one["id"] for one in refused] == [2]
    assert answer["id"] == 1


def test_a_server_that_knows_no_batches_gets_the_refusals_out_all_the_same() -> None:
    scene = Scene()
    scene.client([{"id": 1, "method": "ping"}, call(2)])
    scene.rule(frames.DENY, reason="no")
    scene.server({"id": None, "error": {"code": -32600, "message": "no batches here"}})
    refused, error = scene.told()
    assert [one["id"] for one in refused] == [2]
    assert error["id"] is None


def test_refusals_are_a_batch_of_their_own_when_the_server_has_nothing_to_answer() -> None:
    scene = Scene()
    scene.client([call(1), {"method": "notifications/x"}, call(2), {"method": "tools/call", "params": {"name": "n"}}])
    scene.rule(frames.DENY, reason="no")
    assert json.loads(scene.to_server()) == [{"method": "notifications/x"}]
    assert [one["id"] for one in scene.told()[0]] == [1, 2]
    scene.client([call(1)])
    scene.rule(frames.DENY, reason="no")
    assert scene.to_server() == b""
    assert [one["id"] for one in scene.told()[0]] == [1]


def test_a_list_inside_a_batch_is_filtered() -> None:
    scene = Scene()
    scene.client([LIST, {"id": 4, "method": "ping"}])
    scene.server(b'[{"id":4,"result":{}},' + LISTED.strip() + b"]\n")
    scene.rule(hide=["a"])
    assert scene.to_client() == b'[{"id":4,"result":{}},' + LISTED.strip().replace(b'{"name":"a"} , ', b"") + b"]\n"


def test_a_batch_with_a_doubtful_member_is_refused_as_a_whole() -> None:
    scene = Scene()
    scene.client([{"id": 1, "method": "ping"}, {"id": 2, "method": "tools/call"}, {"method": "x"}])
    assert scene.to_server() == b""
    assert [said["id"] for said in scene.told()] == [1, 2]


def test_a_call_inside_a_batch_can_be_cancelled_while_it_waits() -> None:
    scene = Scene()
    scene.client(
        [call(1), {"id": 2, "method": "ping"}], {"method": "notifications/cancelled", "params": {"requestId": 1}}
    )
    assert json.loads(scene.to_server()) == [{"id": 2, "method": "ping"}]
    assert scene.to_client() == b""


# From the server


@pytest.mark.parametrize(
    "raw",
    [
        b"Server listening on stdio\n",
        b'{"jsonrpc":"2.0","id":99,"result":{}}\n',
        b'{"id":1,"id":2,"result":NaN}\r\n',
        b"\xff\xfe\x00\n",
        b"\n",
        b'{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage","params":{}}\n',
    ],
)
def test_what_the_server_says_passes_unchanged(raw: bytes) -> None:
    scene = Scene()
    scene.server(raw)
    assert scene.to_client() == raw


def test_an_answer_is_noted_with_its_time_size_and_outcome() -> None:
    scene = Scene()
    scene.client(call(1), call(2))
    first, second = scene.rule()
    scene.now += 0.25
    answers = [{"id": 2, "result": {"isError": True}}, {"id": 1, "result": {}}, {"id": 1, "result": {}}]
    scene.server(*answers)
    size = len(line(answers[0]))
    assert scene.notes()[:2] == [
        {"what": "answered", "call": second.serial, "ms": 250, "bytes": size, "error": True},
        {"what": "answered", "call": first.serial, "ms": 250, "bytes": len(line(answers[1])), "error": False},
    ]
    assert scene.told() == answers
    assert scene.notes() == []


def test_requests_of_the_server_and_noise_are_noted() -> None:
    scene = Scene()
    scene.server({"id": 1, "method": "elicitation/create", "params": {}}, *[b"noise\n"] * 100)
    said = scene.notes()
    assert said[0] == {"what": "said", "direction": "server", "method": "elicitation/create"}
    assert 1 < len(said) < 10


@pytest.mark.parametrize(
    "raw",
    [b'{"id":7,"result":{"x":"' + b"x" * 9000 + b'"}}\n', b'{"result":{"x":"' + b"x" * 9000 + b'"},"id":7}\n'],
)
def test_an_answer_over_the_limit_becomes_an_error_for_the_one_who_waits(raw: bytes) -> None:
    scene = Scene()
    for at in range(0, len(raw), 1000):
        scene.server(raw[at : at + 1000])
    scene.server({"id": 8, "result": {}})
    refused, following = scene.told()
    assert refused["id"] == 7
    assert "too large" in refused["error"]["message"]
    assert following["id"] == 8
    assert scene.relay.out.complaints


def test_what_the_server_leaves_unfinished_passes_at_its_end() -> None:
    scene = Scene()
    scene.server(b'{"id":1,"resu')
    assert scene.to_client() == b""
    scene.relay.server_ended()
    assert scene.to_client() == b'{"id":1,"resu'


def test_an_unfinished_list_does_not() -> None:
    scene = Scene()
    scene.client(LIST)
    scene.server(LISTED.rstrip())
    scene.relay.server_ended()
    assert scene.to_client() == b""


# May the server run?


def test_in_enforce_mode_nothing_reaches_the_server_before_it_is_allowed() -> None:
    scene = Scene(gate=False)
    assert scene.relay.launch is WAITING
    scene.client({"id": 1, "method": "initialize", "params": {}})
    assert scene.to_server() == b""
    assert scene.relay.held
    scene.connect()
    assert scene.relay.launch is STARTED
    assert scene.to_server() == line({"id": 1, "method": "initialize", "params": {}})
    assert not scene.relay.held


def test_a_server_that_may_not_run_is_refused_to_whoever_asks_for_it() -> None:
    scene = Scene(gate=False)
    scene.client({"id": 1, "method": "initialize", "params": {}}, {"method": "notifications/initialized"})
    scene.relay.client_ended(scene.now)
    scene.connect(frames.DENY, reason="not on the list", rule="allowlist")
    scene.client(call(2), [{"id": 3, "method": "prompts/list"}, {"method": "x"}], b"[")
    assert scene.relay.launch is REFUSED
    assert scene.to_server() == b""
    first, second, batch = scene.told()
    assert "not on the list" in first["result"]["instructions"]
    assert "callgate servers" in second["result"]["content"][0]["text"]
    assert (first["id"], second["id"], batch[0]["id"]) == (1, 2, 3)
    assert batch[0]["error"]["code"] == 403
    assert "not on the list" in scene.relay.out.complaints[0]


def test_in_observe_mode_the_server_starts_without_waiting() -> None:
    scene = Scene(enforce=False, gate=False)
    assert scene.relay.launch is STARTED
    scene.client({"id": 1, "method": "ping"})
    assert scene.to_server()


def test_an_allowance_can_be_revoked_at_a_reconnect() -> None:
    scene = Scene()
    scene.disconnect()
    scene.connect(frames.DENY, reason="revoked")
    assert scene.relay.launch is REFUSED
    scene.client(call(1))
    assert "revoked" in scene.told()[0]["result"]["content"][0]["text"]


# The gate is away


def test_questions_are_asked_again_after_a_reconnect_and_say_so() -> None:
    scene = Scene()
    scene.client(call(1))
    (before,) = scene.asked(frames.ASK)
    scene.disconnect()
    scene.client(call(2))
    assert scene.asked() == []
    scene.now += 1
    scene.connect()
    again, new = scene.rule()
    assert (again.serial, again.flags, again.body) == (before.serial, frames.RETRY, before.body)
    assert new.flags == 0
    assert scene.to_server() == line(call(1)) + line(call(2))
    assert scene.spooled == []


@pytest.mark.parametrize(
    ("enforce", "on_doubt", "passes"),
    [
        (False, frames.DENY, True),
        (True, frames.ALLOW, True),
        (True, frames.ASK_USER, False),
        (True, frames.DENY, False),
    ],
)
def test_what_cannot_be_decided_in_time_is_done_by_the_setting_and_spooled(
    enforce: bool, on_doubt: int, passes: bool
) -> None:
    scene = Scene(enforce=enforce, on_doubt=on_doubt)
    scene.client(call(1))
    (asked,) = scene.asked(frames.ASK)
    scene.wait(DEADLINE - 0.01)
    assert scene.to_server() + scene.to_client() == b""
    scene.wait(0.02)
    assert bool(scene.to_server()) == passes
    assert ("daemon" in scene.to_client().decode()) != passes
    (entry,) = scene.spooled
    assert entry["call"] == f"c0ffee-{asked.serial}"
    assert entry["tool"] == "echo"
    assert entry["effect"] == ("allow" if passes else frames.EFFECTS[on_doubt])
    scene.answer(asked.serial)
    assert scene.to_server() + scene.to_client() == b""


def test_in_observe_mode_nobody_waits_for_a_gate_that_is_away() -> None:
    scene = Scene(enforce=False, gate=False)
    scene.client(call(1))
    scene.wait(0)
    assert scene.to_server() == line(call(1))
    scene.greet()
    scene.client(call(2))
    scene.wait(0.1)
    assert scene.to_server() == b""
    scene.disconnect()
    scene.wait(0)
    assert scene.to_server() == line(call(2))
    assert len(scene.spooled) == 2


def test_once_the_gate_is_known_to_be_away_nobody_waits() -> None:
    scene = Scene(on_doubt=frames.ALLOW)
    scene.disconnect()
    scene.wait(DEADLINE + 1)
    scene.client(call(1))
    scene.wait(0)
    assert scene.to_server() == line(call(1))
    scene.connect()
    scene.client(call(2))
    scene.wait(0)
    assert scene.to_server() == b""
    scene.rule()
    assert scene.to_server() == line(call(2))


def test_a_gate_that_hangs_is_hung_up_on_and_not_waited_for_again() -> None:
    scene = Scene()
    scene.client(call(1))
    scene.wait(DEADLINE)
    assert scene.relay.questions.hung
    scene.disconnect()
    scene.greet()
    scene.client(call(2))
    scene.wait(0)
    assert len(scene.told()) == 2
    scene.wait(DEADLINE)
    assert scene.relay.questions.hung


def test_what_cannot_be_spooled_does_not_run_in_enforce_mode() -> None:
    scene = Scene(on_doubt=frames.ALLOW)
    scene.disk_full = True
    scene.client(call(1))
    scene.wait(DEADLINE)
    assert scene.to_server() == b""
    assert "recorded" in scene.told()[0]["result"]["content"][0]["text"]


def test_a_launch_that_cannot_be_decided_follows_the_setting() -> None:
    for on_doubt, became in ((frames.ALLOW, STARTED), (frames.DENY, REFUSED), (frames.ASK_USER, REFUSED)):
        scene = Scene(gate=False, on_doubt=on_doubt)
        scene.wait(DEADLINE)
        assert scene.relay.launch is became
        assert scene.spooled[0]["call"] == ""


def test_a_list_that_cannot_be_decided_becomes_an_error() -> None:
    scene = Scene()
    scene.client(LIST)
    scene.server(LISTED)
    scene.wait(DEADLINE)
    assert scene.told()[0]["id"] == 3


def test_notes_travel_with_the_next_question_and_do_not_pile_up_without_end() -> None:
    scene = Scene()
    scene.client({"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "c"}}}, call(2))
    kinds = [one.kind for one in scene.asked()]
    assert kinds == [frames.ASK, frames.NOTE]
    scene.disconnect()
    for _ in range(5000):
        scene.client({"id": 1, "method": "initialize", "params": {}})
    scene.connect()
    assert 1000 < len(scene.asked(frames.NOTE)) < 4000


@pytest.mark.parametrize("body", [b"", b"\x09", b"\x00[]", b"\x00{", b"\x02\xff"])
def test_an_answer_that_makes_no_sense_is_an_error_of_the_connection(body: bytes) -> None:
    scene = Scene()
    scene.client(call(1))
    (asked,) = scene.asked(frames.ASK)
    with pytest.raises(ValueError, match=r"effect|JSON|object"):
        scene.relay.answered(asked.serial, body, scene.now)
    assert scene.to_server() == b""


def test_a_mode_that_changes_says_how_long_a_daemon_that_is_away_is_waited_for() -> None:
    scene = Scene(enforce=False, gate=False)
    scene.relay.learn(enforce=True, on_doubt=frames.DENY)
    scene.client(call(1))
    scene.wait(DEADLINE / 2)
    assert scene.told() == []
    scene.wait(DEADLINE / 2)
    assert scene.told()[0]["result"]["isError"] is True
    scene.relay.learn(enforce=False, on_doubt=frames.DENY)
    scene.client(call(2))
    scene.wait(0)
    assert scene.to_server() == line(call(2))


def test_a_server_that_asks_without_end_fills_no_log() -> None:
    scene = Scene()
    scene.notes()
    wish = {"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {}}
    scene.server(*[wish] * 1000)
    assert scene.to_client() == line(wish) * 1000
    assert [note["method"] for note in scene.notes()] == ["sampling/createMessage"] * WISHES_MAX
    scene.wait(1)
    scene.server({"method": "notifications/progress"})
    assert [note["more"] for note in scene.notes()] == [1000 - WISHES_MAX]
    scene.server(*[wish] * (WISHES_MAX + 1))
    assert len(scene.notes()) == WISHES_MAX
    scene.relay.server_ended()
    scene.relay.server_ended()
    assert [note["more"] for note in scene.notes()] == [1]


def test_two_replies_to_one_id_both_pass_and_one_is_noted() -> None:
    scene = Scene()
    scene.client(call(1))
    (asked,) = scene.rule()
    scene.notes()
    first, second = {"id": 1, "result": {"content": []}}, {"id": 1, "result": {"content": [], "isError": True}}
    scene.server(first, second)
    assert scene.told() == [first, second]
    assert [(note["call"], note["error"]) for note in scene.notes()] == [(asked.serial, False)]
    scene.client(call(1))
    scene.rule()
    scene.server(first)
    assert scene.told() == [first]


@pytest.mark.parametrize("id", [99, "x", None, {}, [1], -1, 1e400, True])
def test_a_reply_to_nothing_that_was_asked_passes_and_breaks_nothing(id: object) -> None:
    scene = Scene()
    scene.client(call(1))
    (asked,) = scene.rule()
    scene.notes()
    stray = {"jsonrpc": "2.0", "id": id, "result": {"content": []}}
    scene.server(stray)
    assert scene.to_client() == line(stray)
    assert scene.notes() == []
    scene.server({"id": 1, "result": {}})
    assert [note["call"] for note in scene.notes()] == [asked.serial]
