"""Requests and answers of model APIs, as agents and vendors really write them, read into the same few values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from callgate.modelproxy.dialects.recognise import recognise
from callgate.modelproxy.dialects.sse import Events
from callgate.modelproxy.dialects.turn import Asked, Dialect, Said, ToolUse

ECHO = '{"message": "marker 4711 é"}'

MESSAGES = {
    "model": "claude-sonnet-5",
    "system": [{"type": "text", "text": "You are"}],
    "tools": [{"name": "Bash"}, {"name": "mcp__everything__echo"}],
    "metadata": {"user_id": '{"device_id":"d","session_id":"s-1"}'},
    "messages": [
        {"role": "user", "content": "call echo"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "done"}],
                    "is_error": True,
                },
                {"type": "text", "text": "and now?"},
            ],
        },
    ],
}
CHAT = {
    "model": "gpt-5",
    "tools": [{"type": "function", "function": {"name": "everything_echo"}}],
    "messages": [
        {"role": "system", "content": "You are"},
        {"role": "user", "content": "call echo"},
        {"role": "assistant", "tool_calls": [{"id": "call_1"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "done"},
        {"role": "user", "content": [{"type": "text", "text": "and now?"}]},
    ],
}
RESPONSES = {
    "model": "gpt-5.5",
    "instructions": "You are",
    "prompt_cache_key": "s-1",
    "tools": [
        {"type": "function", "name": "shell"},
        {"type": "namespace", "name": "mcp__everything", "tools": [{"type": "function", "name": "echo"}]},
        {"type": "web_search"},
    ],
    "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "call echo"}]},
        {"type": "function_call", "call_id": "call_1", "name": "shell", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "done"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "and now?"}]},
    ],
}
GOOGLE = {
    "systemInstruction": {"parts": [{"text": "You are"}]},
    "tools": [{"functionDeclarations": [{"name": "mcp_everything_echo"}]}],
    "contents": [
        {"role": "user", "parts": [{"text": "call echo"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "run", "args": {}}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "run", "response": {"output": "done"}}}, {"text": "and now?"}],
        },
    ],
}

REQUESTS = {
    "/v1/messages?beta=true": (MESSAGES, "claude-sonnet-5", ("Bash", "mcp__everything__echo"), "s-1", "toolu_1"),
    "/v1/chat/completions": (CHAT, "gpt-5", ("everything_echo",), "", "call_1"),
    "/v1/responses": (RESPONSES, "gpt-5.5", ("shell", "mcp__everything__echo", "web_search"), "s-1", "call_1"),
    "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse": (
        GOOGLE,
        "gemini-2.5-pro",
        ("mcp_everything_echo",),
        "",
        "run",
    ),
}


def dialect_of(path: str) -> Dialect:
    found = recognise("POST", path)
    assert found
    return found


def read(path: str, stream: bytes, size: int = 7) -> Said:
    """What an answer says that comes in small pieces."""
    events, reply = Events(), dialect_of(path).reply()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    found = [event for piece in pieces for event in events.feed(piece)] + events.end()
    for name, data in found:
        if data != b"[DONE]":
            reply.event(name, json.loads(data))
    return reply.said()


def sse(*values: dict[str, Any]) -> bytes:
    return b"".join(
        f"event: {value.get('type', '')}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n".encode()
        for value in values
    )


@pytest.mark.parametrize("path", REQUESTS)
def test_a_request_tells_model_prompt_tools_and_what_tools_gave_since_the_model_spoke(path: str) -> None:
    request, model, tools, session, call = REQUESTS[path]
    asked = dialect_of(path).asked(path, request)
    assert (asked.model, asked.prompt, asked.tools, asked.session) == (model, "and now?", tools, session)
    assert len(asked.system) == 64
    assert [(result.id, result.error) for result in asked.results] == [(call, "messages?" in path)]
    assert asked.results[0].size


def test_a_system_prompt_has_the_same_digest_whatever_the_api() -> None:
    same = {path: dialect_of(path).asked(path, request).system for path, (request, *_) in REQUESTS.items()}
    assert len(set(same.values())) == 1, same


STREAMS = {
    "/v1/messages": sse(
        {
            "type": "message_start",
            "message": {"model": "m", "usage": {"input_tokens": 3, "cache_read_input_tokens": 7}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "I calé"}},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "t1", "name": "echo", "input": {}},
        },
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ECHO[:9]}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ECHO[9:]}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ),
    "/v1/chat/completions": sse(
        {"model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "I calé"}}]},
        {
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "delta": {"tool_calls": [{"index": 0, "id": "t1", "function": {"name": "echo", "arguments": ""}}]},
                }
            ],
        },
        {
            "model": "m",
            "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": ECHO[:9]}}]}}],
        },
        {
            "model": "m",
            "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": ECHO[9:]}}]}}],
        },
        {"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_use"}]},
        {"model": "m", "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}},
    )
    + b"data: [DONE]\n\n",
    "/v1/responses": sse(
        {"type": "response.created", "response": {"model": "m", "status": "in_progress", "output": []}},
        {"type": "response.output_text.delta", "delta": "I calé"},
        {
            "type": "response.output_item.done",
            "item": {"type": "function_call", "call_id": "t1", "name": "echo", "arguments": ECHO},
        },
        {
            "type": "response.completed",
            "response": {
                "model": "m",
                "status": "tool_use",
                "usage": {"input_tokens": 10, "output_tokens": 5},
                "output": [
                    {"type": "message", "content": [{"type": "output_text", "text": "I calé"}]},
                    {"type": "function_call", "call_id": "t1", "name": "echo", "arguments": ECHO},
                ],
            },
        },
    ),
    "/m/x:streamGenerateContent": sse(
        {
            "candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": "I calé"}]}}],
            "modelVersion": "m",
        },
        {
            "candidates": [
                {
                    "content": {"parts": [{"functionCall": {"id": "t1", "name": "echo", "args": json.loads(ECHO)}}]},
                    "finishReason": "tool_use",
                }
            ],
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5},
        },
    ),
}


@pytest.mark.parametrize("path", STREAMS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_answer_tells_text_tool_calls_and_tokens_however_the_stream_is_cut(path: str, size: int) -> None:
    said = read(path, STREAMS[path], size)
    assert (said.model, said.text, said.stop, said.input_tokens, said.output_tokens) == (
        "m",
        "I calé",
        "tool_use",
        10,
        5,
    )
    (use,) = said.tool_uses
    assert (use.id, use.name, json.loads(use.arguments), use.cut) == ("t1", "echo", json.loads(ECHO), False)


WHOLE: dict[str, dict[str, Any]] = {
    "/v1/messages": {
        "model": "m",
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 2},
        "content": [
            {"type": "text", "text": "hi"},
            {"type": "tool_use", "id": "t1", "name": "echo", "input": {"a": 1}},
        ],
    },
    "/v1/chat/completions": {
        "model": "m",
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        "choices": [
            {
                "message": {
                    "content": "hi",
                    "tool_calls": [{"id": "t1", "function": {"name": "echo", "arguments": '{"a": 1}'}}],
                },
                "finish_reason": "tool_use",
            }
        ],
    },
    "/v1/responses": {
        "model": "m",
        "status": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 2},
        "output": [
            {"type": "message", "content": [{"type": "output_text", "text": "hi"}]},
            {"type": "function_call", "call_id": "t1", "name": "echo", "arguments": '{"a": 1}'},
        ],
    },
    "/m/x:generateContent": {
        "modelVersion": "m",
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2},
        "candidates": [
            {
                "content": {
                    "parts": [{"text": "hi"}, {"functionCall": {"id": "t1", "name": "echo", "args": {"a": 1}}}]
                },
                "finishReason": "tool_use",
            }
        ],
    },
}


@pytest.mark.parametrize("path", WHOLE)
def test_an_answer_that_is_no_stream_tells_the_same(path: str) -> None:
    reply = dialect_of(path).reply()
    reply.whole(WHOLE[path])
    assert reply.said() == Said("m", "hi", (ToolUse("t1", "echo", '{"a": 1}'),), 1, 2, "tool_use")


def test_parallel_calls_stay_apart() -> None:
    calls = [
        {
            "choices": [
                {"delta": {"tool_calls": [{"index": n, "id": f"t{n}", "function": {"name": "echo", "arguments": ""}}]}}
            ]
        }
        for n in (0, 1)
    ] + [{"choices": [{"delta": {"tool_calls": [{"index": n, "function": {"arguments": f"{n}"}}]}}]} for n in (1, 0, 1)]
    said = read("/v1/chat/completions", sse(*calls))
    assert [(use.id, use.arguments) for use in said.tool_uses] == [("t0", "0"), ("t1", "11")]


@pytest.mark.parametrize("path", WHOLE)
def test_an_error_of_the_api_is_kept_and_a_refusal_reads_as_one(path: str) -> None:
    reply = dialect_of(path).reply()
    reply.whole(dialect_of(path).refusal("not this model"))
    assert "not this model" in reply.said().error


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/embeddings"),
        ("POST", "/"),
        ("GET", ""),
    ],
)
def test_other_requests_are_no_turns(method: str, path: str) -> None:
    assert recognise(method, path) is None


def test_a_socket_of_the_responses_api_is_recognised() -> None:
    found = recognise("GET", "/v1/responses")
    assert found and found.name == "responses"


@pytest.mark.parametrize("path", WHOLE)
@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"messages": 7, "input": None, "contents": {}, "tools": "x", "model": []},
        {"messages": [[], 1, {"content": {}}]},
    ],
)
def test_requests_and_answers_that_make_no_sense_are_empty(path: str, nonsense: dict[str, Any]) -> None:
    asked = dialect_of(path).asked(path, nonsense)
    assert (asked.prompt, asked.tools, asked.results) == ("", (), ())
    reply = dialect_of(path).reply()
    reply.event("", nonsense)
    reply.whole(nonsense)
    assert reply.said() == Said()
    assert isinstance(asked, Asked)
