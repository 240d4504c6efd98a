"""Pure: the Chat Completions API, `POST .../chat/completions`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from callgate.modelproxy.dialects.turn import Asked, Draft, Said, clip, digest, natural, objects, result, short, text_of


class Chat:
    """The Chat Completions API, as many vendors serve it."""

    name = "chat"

    def asked(self, path: str, request: Mapping[str, Any]) -> Asked:
        """What a request asks: of its messages, those after the model's last."""
        messages = objects(request.get("messages"))
        fresh: list[Mapping[str, Any]] = []
        for message in reversed(messages):
            if message.get("role") == "assistant":
                break
            fresh.insert(0, message)
        system = [message.get("content") for message in messages if message.get("role") in ("system", "developer")]
        return Asked(
            model=short(request.get("model")),
            prompt=clip("\n".join(text_of(m.get("content")) for m in fresh if m.get("role") == "user")),
            system=digest(system),
            tools=tuple(_tool_name(tool) for tool in objects(request.get("tools"))),
            results=tuple(result(m.get("tool_call_id"), m.get("content")) for m in fresh if m.get("role") == "tool"),
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
        self._head(value)
        for choice in objects(value.get("choices")):
            self._message(choice.get("delta"), choice)

    def whole(self, value: Mapping[str, Any]) -> None:
        self._head(value)
        for choice in objects(value.get("choices")):
            self._message(choice.get("message"), choice)

    def said(self) -> Said:
        return self._draft.said()

    def _head(self, value: Mapping[str, Any]) -> None:
        self._draft.model = short(value.get("model")) or self._draft.model
        self._draft.count(value.get("usage"), "prompt_tokens", "completion_tokens")
        if value.get("error"):
            self._draft.error = json.dumps(value["error"])

    def _message(self, message: object, choice: Mapping[str, Any]) -> None:
        self._draft.stop = short(choice.get("finish_reason")) or self._draft.stop
        if not isinstance(message, Mapping):
            return
        self._draft.add_text(message.get("content"))
        for number, call in enumerate(objects(message.get("tool_calls"))):
            function = call.get("function")
            if isinstance(function, Mapping):
                index = call.get("index")
                key = (natural(choice.get("index")), index if type(index) is int else number)
                self._draft.tool(key, call.get("id"), function.get("name")).add(function.get("arguments"))


def _tool_name(tool: Mapping[str, Any]) -> str:
    function = tool.get("function")
    return short(function.get("name")) if isinstance(function, Mapping) else short(tool.get("type"))
