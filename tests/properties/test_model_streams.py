"""Server-sent events and model answers: any cut of the bytes reads the same, and nothing a model sends raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from callgate.modelproxy.dialects import sse
from callgate.modelproxy.dialects.recognise import recognise
from callgate.modelproxy.dialects.sse import Events
from hypothesis import given
from hypothesis import strategies as st

ENDS = st.sampled_from(["\n", "\r\n", "\r"])
TEXT = st.text(st.characters(exclude_characters="\r\n\ufeff", exclude_categories=["Cs"]), max_size=12)
PATHS = ("/messages", "/chat/completions", "/responses", "/models/x:generateContent")
WORDS = st.sampled_from(
    [
        "type",
        "model",
        "content",
        "message",
        "messages",
        "input",
        "output",
        "choices",
        "delta",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "index",
        "usage",
        "content_block",
        "content_block_start",
        "content_block_delta",
        "input_json_delta",
        "partial_json",
        "response",
        "response.output_item.done",
        "response.completed",
        "item",
        "function_call",
        "candidates",
        "parts",
        "functionCall",
        "args",
        "text",
        "role",
        "user",
        "assistant",
        "tool_result",
        "error",
        "call_id",
        "namespace",
        "tools",
        "metadata",
        "user_id",
        "contents",
        "request",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=25,
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[tuple[str, bytes]]]:
    """A stream and the events that are in it."""
    raw, wanted = "", []
    for _ in range(draw(st.integers(0, 5))):
        end, name, lines = (
            draw(ENDS),
            draw(TEXT.filter(lambda s: not s.startswith(" "))),
            draw(st.lists(TEXT, max_size=3)),
        )
        raw += f": a comment{end}" if draw(st.booleans()) else ""
        raw += f"event: {name}{end}" if name else ""
        raw += "".join(f"data: {line}{end}" for line in lines) + "id: 7" + end + end
        if lines:
            wanted.append((name, "\n".join(lines).encode()))
    return raw.encode(), wanted


@given(streams(), st.data())
def test_events_do_not_depend_on_how_the_stream_is_cut(
    stream: tuple[bytes, list[tuple[str, bytes]]], data: Any
) -> None:
    raw, wanted = stream
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    events = Events()
    found = [event for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True) for event in events.feed(raw[a:b])]
    assert found + events.end() == wanted


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_bytes_that_are_no_stream_do_no_harm(chunks: list[bytes]) -> None:
    events = Events()
    for chunk in chunks:
        events.feed(chunk)
    events.end()


@given(st.sampled_from(PATHS), st.lists(st.dictionaries(WORDS, JSON, max_size=6), max_size=6))
def test_whatever_an_agent_or_a_model_sends_is_read_without_failing(path: str, values: list[dict[str, Any]]) -> None:
    dialect = recognise("POST", path)
    assert dialect
    reply = dialect.reply()
    for value in values:
        dialect.asked(path, value)
        reply.event("x", value)
        reply.whole(value)
    said = reply.said()
    json.dumps([use.arguments for use in said.tool_uses])


def test_an_event_that_is_too_large_is_passed_by_and_the_next_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_MAX", 1000)
    for huge in (b"data: " + b"x" * 5000 + b"\n\n", b"data: yyyyyyyy\n" * 300 + b"\n"):
        events = Events()
        raw = huge + b"event: next\ndata: 1\n\n"
        found = [event for at in range(0, len(raw), 64) for event in events.feed(raw[at : at + 64])]
        assert found == [("next", b"1")]
        assert events.lost == 1
