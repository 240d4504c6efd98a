"""Pure: the Responses API, `POST .../responses`, and the same events over a WebSocket."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from callgate.modelproxy.dialects.turn import Asked, Draft, Said, clip, digest, objects, result, short, text_of

_CALLS = ("function_call", "custom_tool_call", "mcp_call", "local_shell_call", "tool_search_call")
_DEPTH = 4
"""Levels of tools within namespaces."""


class Responses:
    """The Responses API. Tools may stand in namespaces, or travel as items of the input."""

    name = "responses"

    def asked(self, path: str, request: Mapping[str, Any]) -> Asked:
        """What a request asks: of its input, what follows the model's last item."""
        said = request.get("input")
        items = [{"type": "message", "role": "user", "content": said}] if isinstance(said, str) else objects(said)
        fresh: list[Mapping[str, Any]] = []
        for item in reversed(items):
            if item.get("role") == "assistant" or item.get("type") in (*_CALLS, "reasoning"):
                break
            fresh.insert(0, item)
        tools = list(_names(request.get("tools")))
        for item in items:
            tools += _names(item.get("tools"))
        system = [request.get("instructions")]
        system += [item.get("content") for item in items if item.get("role") in ("system", "developer")]
        return Asked(
            model=short(request.get("model")),
            prompt=clip("\n".join(text_of(item.get("content")) for item in fresh if item.get("role") == "user")),
            system=digest([part for part in system if part is not None]),
            tools=tuple(dict.fromkeys(tools)),
            results=tuple(
                result(item.get("call_id"), item.get("output"))
                for item in fresh
                if str(item.get("type")).endswith("_output")
            ),
            session=short(request.get("prompt_cache_key")),
        )

    def reply(self) -> _Reply:
        """A reader for the answer."""
        return _Reply()

    def refusal(self, reason: str) -> dict[str, Any]:
        """An error of the API's own form."""
        return {"error": {"message": reason, "type": "invalid_request_error", "param": None, "code": "callgate_denied"}}


class _Reply:
    def __init__(self) -> None:
        self._draft = Draft()

    def event(self, name: str, value: Mapping[str, Any]) -> None:
        kind, draft = value.get("type"), self._draft
        if kind in ("response.created", "response.completed", "response.incomplete", "response.failed"):
            if isinstance(whole := value.get("response"), Mapping):
                self.whole(whole)
        elif kind == "response.output_text.delta":
            draft.add_text(value.get("delta"))
        elif kind == "response.output_item.done" and isinstance(item := value.get("item"), Mapping):
            self._item(item)
        elif kind == "error":
            draft.error = json.dumps(value)

    def whole(self, value: Mapping[str, Any]) -> None:
        draft = self._draft
        draft.model = short(value.get("model")) or draft.model
        draft.stop = short(value.get("status")) or draft.stop
        draft.count(value.get("usage"), "input_tokens", "output_tokens")
        if value.get("error"):
            draft.error = json.dumps(value["error"])
        streamed = bool(draft.texts)
        for item in objects(value.get("output")):
            self._item(item)
            if item.get("type") == "message" and not streamed:
                draft.add_text(text_of(item.get("content")))

    def said(self) -> Said:
        return self._draft.said()

    def _item(self, item: Mapping[str, Any]) -> None:
        kind = item.get("type")
        if kind not in _CALLS:
            return
        key = short(item.get("call_id")) or short(item.get("id")) or len(self._draft.tool_uses)
        name = short(item.get("name")) or str(kind).removesuffix("_call")
        space = short(item.get("namespace"))
        said = item.get("arguments", item.get("input", item.get("action")))
        text = said if isinstance(said, str) else json.dumps(said)
        self._draft.tool(key, key, f"{space}__{name}" if space else name).replace(text)


def _names(tools: object, space: str = "", depth: int = _DEPTH) -> Iterator[str]:
    for tool in objects(tools):
        name = short(tool.get("name"))
        if tool.get("type") == "namespace":
            if depth:
                yield from _names(tool.get("tools"), name, depth - 1)
        elif name or tool.get("type"):
            name = name or short(tool.get("type"))
            yield f"{space}__{name}" if space else name
