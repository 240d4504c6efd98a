"""The four ways in which agents speak to a model: what a request offers and holds, and how the model answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]

USAGE = 7
"""Tokens that each turn claims to have used: some agents divide by it."""


@dataclass
class View:
    """What one request to the model tells it: the tools on offer, and the results of its calls, by the call's id."""

    offered: dict[str, Json] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Act:
    """What the model does next: call a tool (when `tool` is set), else say `text`."""

    text: str = ""
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    uid: str = ""


class Dialect(Protocol):
    """One wire format."""

    def view(self, request: Json) -> View: ...
    def stream(self, act: Act, view: View) -> Iterable[bytes]: ...
    def whole(self, act: Act, view: View) -> Json: ...


def text_of(value: Any) -> str:
    """All text in a result, however it is nested."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(filter(None, map(text_of, value)))
    if isinstance(value, dict):
        return text_of(value.get("text") or value.get("output") or value.get("content") or list(value.values()))
    return ""


def _data(value: Json, event: str = "") -> bytes:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(value)}\n\n".encode()


class Anthropic:
    """POST /v1/messages."""

    def view(self, request: Json) -> View:
        found = View({tool["name"]: tool for tool in request.get("tools") or []})
        for message in request.get("messages") or []:
            for block in message["content"] if isinstance(message["content"], list) else []:
                if block.get("type") == "tool_result":
                    found.results[block["tool_use_id"]] = text_of(block.get("content"))
        return found

    def _block(self, act: Act) -> Json:
        if act.tool:
            return {"type": "tool_use", "id": act.uid, "name": act.tool, "input": dict(act.arguments)}
        return {"type": "text", "text": act.text}

    def whole(self, act: Act, view: View) -> Json:
        usage = {"input_tokens": USAGE, "output_tokens": USAGE}
        return {
            "id": "msg_scripted",
            "type": "message",
            "role": "assistant",
            "model": "claude-scripted",
            "content": [self._block(act)],
            "stop_reason": "tool_use" if act.tool else "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }

    def stream(self, act: Act, view: View) -> Iterable[bytes]:
        message = self.whole(act, view)
        stop, block = message["stop_reason"], message["content"][0]
        yield _data(
            {"type": "message_start", "message": message | {"content": [], "stop_reason": None}}, "message_start"
        )
        if act.tool:
            empty, delta = (
                block | {"input": {}},
                {"type": "input_json_delta", "partial_json": json.dumps(block["input"])},
            )
        else:
            empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": act.text}
        for event in (
            {"type": "content_block_start", "index": 0, "content_block": empty},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": stop, "stop_sequence": None},
                "usage": {"output_tokens": USAGE},
            },
            {"type": "message_stop"},
        ):
            yield _data(event, event["type"])  # type: ignore[arg-type]


class Chat:
    """POST /v1/chat/completions."""

    def view(self, request: Json) -> View:
        found = View({t["function"]["name"]: t["function"] for t in request.get("tools") or [] if "function" in t})
        for message in request.get("messages") or []:
            if message.get("role") == "tool":
                found.results[message["tool_call_id"]] = text_of(message.get("content"))
        return found

    def _message(self, act: Act) -> Json:
        if not act.tool:
            return {"role": "assistant", "content": act.text}
        function = {"name": act.tool, "arguments": json.dumps(act.arguments)}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": act.uid, "type": "function", "function": function}],
        }

    def _frame(self, kind: str, choice: Json) -> Json:
        usage = {"prompt_tokens": USAGE, "completion_tokens": USAGE, "total_tokens": 2 * USAGE}
        head = {"id": "chatcmpl-scripted", "object": kind, "created": 1767225600, "model": "fake-model"}
        return head | {"choices": [{"index": 0, **choice}], "usage": usage}

    def whole(self, act: Act, view: View) -> Json:
        stop = "tool_calls" if act.tool else "stop"
        return self._frame("chat.completion", {"message": self._message(act), "finish_reason": stop})

    def stream(self, act: Act, view: View) -> Iterable[bytes]:
        delta = self._message(act)
        for call in delta.get("tool_calls", ()):
            call["index"] = 0
        stop = "tool_calls" if act.tool else "stop"
        yield _data(self._frame("chat.completion.chunk", {"delta": delta, "finish_reason": None}))
        yield _data(self._frame("chat.completion.chunk", {"delta": {}, "finish_reason": stop}))
        yield b"data: [DONE]\n\n"


class Responses:
    """POST /v1/responses, with tools in namespaces and behind tool_search as Codex offers them."""

    def view(self, request: Json) -> View:
        found = View()
        self._offer(found, request.get("tools") or [])
        for item in request.get("input") or []:
            kind = item.get("type", "")
            if kind == "tool_search_output":
                self._offer(found, item.get("tools") or [])
            if kind.endswith("_output"):
                found.results[item.get("call_id") or ""] = text_of(item.get("output") or "")
        return found

    def _offer(self, found: View, tools: list[Json], namespace: str = "") -> None:
        for tool in tools:
            if tool.get("type") == "namespace":
                self._offer(found, tool.get("tools") or [], tool["name"])
            else:
                name = tool.get("name") or tool.get("type") or ""
                found.offered[f"{namespace}__{name}" if namespace else name] = tool | {"namespace": namespace}

    def _item(self, act: Act, view: View) -> Json:
        if act.tool == "tool_search":
            return {
                "type": "tool_search_call",
                "id": f"ts_{act.uid}",
                "call_id": act.uid,
                "execution": "client",
                "arguments": dict(act.arguments),
                "status": "completed",
            }
        if act.tool:
            tool = view.offered[act.tool]
            item = {"type": "function_call", "id": f"fc_{act.uid}", "call_id": act.uid, "name": tool["name"]}
            item |= {"namespace": tool["namespace"]} if tool["namespace"] else {}
            return item | {"arguments": json.dumps(act.arguments), "status": "completed"}
        content = [{"type": "output_text", "text": act.text, "annotations": []}]
        return {"type": "message", "id": "msg_scripted", "role": "assistant", "status": "completed", "content": content}

    def whole(self, act: Act, view: View) -> Json:
        usage = {"input_tokens": USAGE, "output_tokens": USAGE, "total_tokens": 2 * USAGE}
        return {
            "id": "resp_scripted",
            "object": "response",
            "status": "completed",
            "output": [self._item(act, view)],
            "usage": usage
            | {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}},
        }

    def stream(self, act: Act, view: View) -> Iterable[bytes]:
        response = self.whole(act, view)
        item = response["output"][0]
        yield _data(
            {"type": "response.created", "response": response | {"status": "in_progress", "output": []}},
            "response.created",
        )
        for kind in ("response.output_item.added", "response.output_item.done"):
            yield _data({"type": kind, "output_index": 0, "item": item}, kind)
        yield _data({"type": "response.completed", "response": response}, "response.completed")


class Gemini:
    """POST /v1beta/models/MODEL:streamGenerateContent."""

    def view(self, request: Json) -> View:
        found = View()
        for group in request.get("tools") or []:
            for tool in group.get("functionDeclarations") or []:
                found.offered[tool["name"]] = tool
        for content in request.get("contents") or []:
            for part in content.get("parts") or []:
                if answer := part.get("functionResponse"):
                    found.results[f"{answer['name']}#{len(found.results)}"] = text_of(answer.get("response"))
        return found

    def whole(self, act: Act, view: View) -> Json:
        part: Json = (
            {"functionCall": {"name": act.tool, "args": dict(act.arguments)}} if act.tool else {"text": act.text}
        )
        return {
            "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": USAGE, "candidatesTokenCount": USAGE, "totalTokenCount": 2 * USAGE},
            "modelVersion": "scripted",
        }

    def stream(self, act: Act, view: View) -> Iterable[bytes]:
        yield _data(self.whole(act, view))
