"""One call seen by several channels: joined by id, by arguments, in order; or left apart, and said to be in doubt."""

from __future__ import annotations

import random
from typing import Any

from callgate.model.event import Event, Row
from callgate.session.disagreement import PATIENCE, findings
from callgate.session.join import Action, Method, join
from callgate.session.witness import Channel, read
from hypothesis import given
from hypothesis import strategies as st

SECOND = 10**9


class Log:
    """Rows of one run, as the daemon writes them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, kind: str, at: float, **fields: Any) -> int:
        seq = len(self.rows) + 1
        self.rows.append(Row(seq, Event(kind, int(at * SECOND), session="s", **fields), "", None))
        return seq

    def model(self, at: float, *uses: tuple[str, str, str], **more: Any) -> int:
        said = [{"id": id, "name": name, "digest": digest, **more} for id, name, digest in uses]
        return self.add("model.answered", at, uid=f"m{at}", detail={"tool_uses": said})

    def mcp(self, at: float, tool: str, digest: str, id: str = "", effect: str = "allow") -> int:
        detail = {"payload": {"digest": digest}, **({"ids": {"tool_use": id}} if id else {})}
        return self.add(
            "call.asked", at, entry="s", tool=tool, server="npm:s", effect=effect, mode="enforce", detail=detail
        )

    def hook(self, at: float, tool: str, id: str = "", digest: str = "") -> int:
        said = {"server": "s", "tool": tool, "ids": {"tool_use": id} if id else {}, "digest": digest}
        return self.add("hook.asked", at, detail=said)

    def shell(self, at: float, digest: str, id: str = "") -> int:
        detail = {"channel": "hook", "payload": {"digest": digest}, "ids": {"tool_use": id} if id else {}}
        return self.add(
            "call.asked", at, tool="Bash", server="builtin:x", effect="allow", mode="enforce", detail=detail
        )

    @property
    def actions(self) -> list[Action]:
        return join(read(self.rows))

    def found(self, at: float, *, ended: bool = False) -> list[str]:
        seen = read(self.rows)
        return [one.kind.removeprefix("finding.") for one in findings(seen, join(seen), int(at * SECOND), ended=ended)]


def shape(actions: list[Action]) -> list[tuple[list[int], str | None, bool]]:
    return [([view.seq for view in one.views], one.method, one.ambiguous) for one in actions]


def test_an_id_that_three_channels_state_makes_one_action() -> None:
    log = Log()
    log.model(1, ("t1", "mcp__s__echo", "aa"), ("t2", "Bash", "bb"))
    log.hook(2, "echo", "t1")
    log.mcp(3, "echo", "aa", "t1")
    log.shell(4, "bb", "t2")
    first, second = log.actions
    assert first.channels == {Channel.MODEL, Channel.HOOK, Channel.MCP} and first.method is Method.ID
    assert second.channels == {Channel.MODEL, Channel.HOOK} and second.confidence == 1.0
    assert log.found(5) == []


def test_without_ids_the_same_arguments_to_the_same_tool_join_however_the_agent_writes_its_name() -> None:
    for name in ("mcp__s__echo", "s-echo", "s_echo", "s__echo", "mcp_s_echo", "S___Echo"):
        log = Log()
        log.model(1, ("t1", name, "aa"))
        log.mcp(2, "echo", "aa")
        assert shape(log.actions) == [([1, 2], "arguments", False)], name


def test_a_call_that_another_tool_was_asked_to_make_joins() -> None:
    log = Log()
    log.model(1, ("t1", "tool_call", "cc"), inner_name="mcp__s__echo", inner_digest="aa")
    log.mcp(2, "echo", "aa")
    assert shape(log.actions) == [([1, 2], "arguments", False)] and log.found(3) == []


def test_equal_calls_are_paired_in_their_order_and_less_surely() -> None:
    log = Log()
    log.model(1, ("t1", "s_echo", "aa"), ("t2", "s_echo", "aa"))
    log.mcp(2, "echo", "aa")
    log.mcp(3, "echo", "aa")
    assert shape(log.actions) == [([1, 2], "order", False), ([1, 3], "order", False)]
    assert {one.confidence for one in log.actions} == {0.8}


def test_what_more_than_one_call_could_be_stays_apart_and_is_no_finding() -> None:
    log = Log()
    log.model(1, ("t1", "s_echo", "aa"), ("t2", "s_echo", "aa"))
    log.mcp(2, "echo", "aa")
    assert all(one.ambiguous and len(one.views) == 1 for one in log.actions)
    assert log.found(3, ended=True) == []


def test_other_arguments_another_tool_or_another_time_do_not_join() -> None:
    for name, digest, at in (("s_echo", "bb", 2), ("s_other", "aa", 2), ("s_echo", "aa", 5000)):
        log = Log()
        log.model(1, ("t1", name, digest))
        log.mcp(at, "echo", "aa")
        assert len(log.actions) == 2


def test_an_id_that_is_stated_twice_joins_nothing() -> None:
    log = Log()
    log.model(1, ("t1", "s_echo", "aa"))
    log.mcp(2, "echo", "aa", "t1")
    log.mcp(3, "echo", "aa", "t1")
    assert [len(one.views) for one in log.actions] == [1, 1, 1]
    assert all(one.ambiguous for one in log.actions)


def test_a_call_that_no_model_asked_for_is_a_finding_where_the_model_was_seen() -> None:
    log = Log()
    log.mcp(1, "echo", "aa")
    assert log.found(2) == []
    log.model(3, ("t1", "s_other", "bb"))
    assert log.found(4) == [], "it came before the model was seen"
    log.mcp(5, "echo", "cc")
    assert log.found(6) == ["unasked"]


def test_calls_from_code_that_the_model_wrote_are_no_finding() -> None:
    log = Log()
    log.model(1, ("t1", "functions.exec", "bb"))
    log.mcp(2, "echo", "aa")
    assert log.found(500, ended=True) == []


def test_a_call_with_other_arguments_than_the_model_asked_for_is_a_finding() -> None:
    log = Log()
    log.model(1, ("t1", "s_echo", "aa"))
    log.mcp(2, "echo", "bb", "t1")
    assert log.found(3) == ["changed"]


def test_a_hook_without_its_shim_is_a_finding_after_a_while() -> None:
    log = Log()
    log.mcp(1, "other", "aa", "t0")
    log.hook(2, "echo", "t1")
    assert log.found(3) == []
    assert log.found(2 + PATIENCE / SECOND + 1) == ["bypassed"]
    log.mcp(4, "echo", "aa", "t1")
    assert log.found(500, ended=True) == []


def test_a_call_that_never_came_is_a_finding_only_for_tools_that_we_see() -> None:
    log = Log()
    log.model(1, ("t1", "s_echo", "aa"), ("t2", "TodoWrite", "bb"))
    log.mcp(2, "echo", "aa", "t1")
    log.model(3, ("t3", "s_echo", "cc"))
    assert log.found(4) == []
    assert log.found(4, ended=True) == ["missing"]


def test_a_hook_that_states_no_id_is_joined_by_its_arguments() -> None:
    log = Log()
    log.model(1, ("", "mcp_s_echo", "aa"))
    log.mcp(2, "echo", "aa")
    log.hook(3, "echo", digest="aa")
    assert [len(one.views) for one in log.actions] == [3]
    assert log.found(500, ended=True) == []


def test_a_hook_by_which_no_call_could_be_known_is_no_finding() -> None:
    log = Log()
    log.model(1, ("t1", "s_echo", "aa"))
    log.mcp(2, "echo", "aa")
    log.hook(3, "echo")
    assert log.found(500, ended=True) == []


def test_rows_that_make_no_sense_are_left_out() -> None:
    log = Log()
    log.add("model.answered", 1, detail={"tool_uses": [7, {"id": [], "name": 3}, None]})
    log.add("model.answered", 1, detail={"tool_uses": "x"})
    log.add("call.asked", 2, detail={"ids": [1], "payload": "y", "channel": 3})
    log.add("hook.asked", 2, detail={"ids": {"tool_use": 4}})
    assert len(log.actions) == 3
    log.found(9, ended=True)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.booleans()), max_size=12), st.randoms())
def test_every_view_is_in_exactly_one_action_and_no_channel_twice_in_one(
    calls: list[tuple[str, str, bool]], chance: random.Random
) -> None:
    log = Log()
    for number, (tool, digest, named) in enumerate(calls):
        log.model(number, (f"t{number}", f"s_{tool}", digest))
        if chance.random() < 0.8:
            log.mcp(number + 0.5, tool, digest, f"t{number}" if named else "")
        if chance.random() < 0.5:
            log.hook(number + 0.4, tool, f"t{number}" if named else "")
    seen = read(log.rows)
    actions = join(seen)
    views = [id(view) for action in actions for view in action.views]
    assert sorted(views) == sorted(map(id, seen.witnesses))
    for action in actions:
        channels = [view.channel for view in action.views]
        assert len(set(channels)) == len(channels)
        if len(action.views) > 1 and action.method is not Method.ID:
            assert len({view.digest for view in action.views if view.digest}) == 1


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), min_size=1, max_size=8))
def test_calls_that_state_their_ids_are_never_joined_wrongly(calls: list[tuple[str, str]]) -> None:
    log = Log()
    for number, (tool, digest) in enumerate(calls):
        log.model(number, (f"t{number}", f"s_{tool}", digest))
    for number, (tool, digest) in reversed(list(enumerate(calls))):
        log.mcp(20 + number, tool, digest, f"t{number}")
    for action in log.actions:
        assert len({id for view in action.views for id in view.ids}) == 1 and len(action.views) == 2
