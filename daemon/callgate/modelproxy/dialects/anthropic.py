"""Pure: the Messages API, `POST /v1/messages`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from callgate.modelproxy.dialects.turn import (
    Asked,
    Draft,
    Said,
    clip,
    digest,
    natural,
    objects,
    result,
    short,
    text_of,
)

_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")


class Messages:
    """The Messages API."""

    name = "messages"

    def asked(self, path: str, request: Mapping[str, Any]) -> Asked:
        """What a request asks: of its messages, those after the model's last."""
        fresh = []
        for message in reversed(objects(request.get("messages"))):
            if message.get("role") == "assistant":
                break
            fresh.append(message)
        prompt, results = [], []
        for message in reversed(fresh):
            content = message.get("content")
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)
            for block in blocks:
                if block.get("type") == "tool_result":
                    error = block.get("is_error") is True
                    results.append(result(block.get("tool_use_id"), block.get("content"), error))
                elif block.get("type") == "text":
                    prompt.append(text_of(block))
        return Asked(
            model=short(request.get("model")),
            prompt=clip("\n".join(prompt)),
            system=digest(request.get("system")),
            tools=tuple(short(tool.get("name")) for tool in objects(request.get("tools"))),
            results=tuple(results),
            session=_session(request.get("metadata")),
        )

    def reply(self) -> _Reply:
        """A reader for the answer."""
        return _Reply()

    def refusal(self, reason: str) -> dict[str, Any]:
        """An error of the API's own form."""
        return {"type": "error", "error": {"type": "permission_error", "message": reason}}


class _Reply:
    def __init__(self) -> None:
        self._draft = Draft()

    def event(self, name: str, value: Mapping[str, Any]) -> None:
        kind, draft = value.get("type"), self._draft
        if kind == "message_start":
            message = value.get("message")
            if isinstance(message, Mapping):
                draft.model = short(message.get("model"))
                self._count(message.get("usage"))
        elif kind == "content_block_start":
            self._begin(natural(value.get("index")), value.get("content_block"))
        elif kind == "content_block_delta":
            self._go_on(natural(value.get("index")), value.get("delta"))
        elif kind == "message_delta":
            self._count(value.get("usage"))
            if isinstance(delta := value.get("delta"), Mapping):
                draft.stop = short(delta.get("stop_reason")) or draft.stop
        elif kind == "error":
            draft.error = json.dumps(value.get("error"))

    def _begin(self, index: int, block: object) -> None:
        if not isinstance(block, Mapping):
            return
        if block.get("type") in _CALLS:
            self._draft.tool(index, block.get("id"), block.get("name"))
        elif block.get("type") == "text":
            self._draft.add_text(block.get("text"))

    def _go_on(self, index: int, delta: object) -> None:
        if not isinstance(delta, Mapping):
            return
        if delta.get("type") == "text_delta":
            self._draft.add_text(delta.get("text"))
        elif delta.get("type") == "input_json_delta" and index in self._draft.tool_uses:
            self._draft.tool(index).add(delta.get("partial_json"))

    def whole(self, value: Mapping[str, Any]) -> None:
        draft = self._draft
        draft.model, draft.stop = short(value.get("model")), short(value.get("stop_reason"))
        self._count(value.get("usage"))
        for number, block in enumerate(objects(value.get("content"))):
            if block.get("type") in _CALLS:
                draft.tool(number, block.get("id"), block.get("name")).replace(json.dumps(block.get("input")))
            elif block.get("type") == "text":
                draft.add_text(block.get("text"))
        if "error" in value:
            draft.error = json.dumps(value["error"])

    def said(self) -> Said:
        return self._draft.said()

    def _count(self, usage: object) -> None:
        """Tokens read from the cache and written to it were asked as well."""
        if not isinstance(usage, Mapping):
            return
        parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        total = sum(natural(usage.get(part)) for part in parts)
        self._draft.input_tokens = max(self._draft.input_tokens, total)
        self._draft.output_tokens = max(self._draft.output_tokens, natural(usage.get("output_tokens")))


def _session(metadata: object) -> str:
    """The conversation's id within `metadata.user_id`: a JSON object with `session_id`, or text that ends in it."""
    said = short(metadata.get("user_id")) if isinstance(metadata, Mapping) else ""
    try:
        found = json.loads(said)
        return short(found.get("session_id")) if isinstance(found, dict) else ""
    except ValueError:
        return said.rpartition("_session_")[2] if "_session_" in said else ""
