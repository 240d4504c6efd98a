"""Our hooks in an agent's file: put in first, found again, taken out to the byte, whatever else is in the file."""

import json

import pytest
from callgate.agents import ALL
from callgate.agents.hooking import Hooks, Layout
from callgate.model.errors import DocumentError
from callgate.model.inventory import Format
from callgate.wrap.hookplan import Wanted, events_in, fresh, holds, ours_in, put_in, take_out, wanted
from hypothesis import given, settings
from hypothesis import strategies as st

LAUNCHER = "/home/u/.local/share/callgate/hooks/x"
THEIRS = {"matcher": "Bash", "hooks": [{"type": "command", "command": "guard.sh"}]}


def hooks_of(agent: str) -> Hooks:
    found = next(each.hooks for each in ALL if each.id == agent)
    assert found is not None
    return found


def want(agent: str = "claude-code") -> Wanted:
    hooks = hooks_of(agent)
    return wanted(hooks, hooks.spot, LAUNCHER)


IN_FILES = [
    agent.id
    for agent in ALL
    if agent.hooks and not agent.hooks.spot.own and agent.hooks.spot.layout in (Layout.GROUPS, Layout.FLAT)
]
TEXTS = [
    b"{}",
    b"{}\n",
    b'{\n  "model": "x"\n}\n',
    b'{"model":"x","hooks":{}}',
    b'{\n\t"hooks": {\n\t\t"PreToolUse": []\n\t}\n}\n',
    json.dumps({"hooks": {"PreToolUse": [THEIRS], "Stop": [THEIRS]}}, indent=4).encode(),
    json.dumps({"hooks": {"PreToolUse": [THEIRS, THEIRS]}}).encode(),
    b'\xef\xbb\xbf{\r\n  "hooks": {\r\n    "PreToolUse": [\r\n      {"hooks": []}\r\n    ]\r\n  }\r\n}\r\n',
]


@pytest.mark.parametrize("agent", IN_FILES)
@pytest.mark.parametrize("text", TEXTS)
def test_what_is_put_in_comes_out_to_the_byte(agent: str, text: bytes) -> None:
    after = put_in(text, Format.JSON, want(agent))
    assert holds(after, Format.JSON, want(agent)) and not holds(text, Format.JSON, want(agent))
    assert take_out(after, Format.JSON, LAUNCHER, events_in(text, Format.JSON)) == text


def test_ours_are_the_first_of_each_event_and_theirs_stay_as_they_are() -> None:
    after = json.loads(put_in(TEXTS[5], Format.JSON, want()))
    assert LAUNCHER in json.dumps(after["hooks"]["PreToolUse"][0])
    assert after["hooks"]["PreToolUse"][1:] == [THEIRS] and after["hooks"]["Stop"] == [THEIRS]


def test_putting_them_in_twice_changes_nothing() -> None:
    once = put_in(TEXTS[5], Format.JSON, want())
    assert put_in(once, Format.JSON, want()) == once


def test_old_ones_of_ours_are_replaced() -> None:
    old = json.dumps({"hooks": {"PreToolUse": [{"hooks": [{"command": f"{LAUNCHER} old"}]}, THEIRS]}}).encode()
    after = json.loads(put_in(old, Format.JSON, want()))
    assert len(after["hooks"]["PreToolUse"]) == 2 and after["hooks"]["PreToolUse"][1] == THEIRS


def test_hooks_that_others_added_since_are_kept() -> None:
    after = json.loads(put_in(b"{}", Format.JSON, want()))
    after["hooks"]["PreToolUse"].append(THEIRS)
    left = json.loads(take_out(json.dumps(after).encode(), Format.JSON, LAUNCHER))
    assert left == {"hooks": {"PreToolUse": [THEIRS]}}


def test_comments_stay_where_the_agent_allows_them() -> None:
    text = b'{\n  // mine\n  "hooks": {\n    "BeforeTool": [\n      // first\n      {"hooks": []},\n    ],\n  },\n}\n'
    after = put_in(text, Format.JSONC, want("gemini-cli"))
    assert b"// mine" in after and b"// first" in after
    assert take_out(after, Format.JSONC, LAUNCHER, events_in(text, Format.JSONC)) == text


@pytest.mark.parametrize("text", [b"[]", b'{"hooks": []}', b'{"hooks": {"PreToolUse": 7}}', b"{"])
def test_a_file_that_keeps_hooks_in_another_way_is_left_alone(text: bytes) -> None:
    with pytest.raises(DocumentError):
        put_in(text, Format.JSON, want())


@pytest.mark.parametrize("agent", ["copilot-cli", "cursor", "claude-code"])
def test_a_new_file_holds_nothing_but_ours(agent: str) -> None:
    text = fresh(want(agent))
    assert holds(text, Format.JSON, want(agent)) and ours_in(text, Format.JSON, LAUNCHER)
    assert set(json.loads(text)) == {"hooks", *hooks_of(agent).spot.head}


LEAVES = st.none() | st.booleans() | st.integers() | st.text()
JSON = st.recursive(LEAVES, lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=8)
ITEMS = st.lists(st.dictionaries(st.sampled_from(["matcher", "hooks", "x"]), JSON, max_size=3), max_size=3)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["PreToolUse", "PostToolUse", "Stop", "é"]), ITEMS, max_size=3),
    st.dictionaries(st.text(min_size=1, max_size=5).filter(lambda name: name != "hooks"), JSON, max_size=3),
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
)
def test_any_settings_come_back_to_the_byte(hooks: object, rest: dict, indent: object, last: bool) -> None:
    value = {**rest, "hooks": hooks} if last else {"hooks": hooks, **rest}
    text = json.dumps(value, indent=indent, ensure_ascii=False).encode("utf-8", "replace")  # type: ignore[arg-type]
    after = put_in(text, Format.JSON, want())
    assert holds(after, Format.JSON, want())
    assert take_out(after, Format.JSON, LAUNCHER, events_in(text, Format.JSON)) == text
