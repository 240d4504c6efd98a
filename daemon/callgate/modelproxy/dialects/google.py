"""Pure: Google's API, `POST .../models/MODEL:generateContent` and `:streamGenerateContent`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from callgate.modelproxy.dialects.turn import Asked, Draft, Result, Said, clip, digest, objects, result, short, text_of

_MODEL = re.compile(r"/models/([^/:?]+):")


class GenerateContent:
    """Google's API. Its calls may have no id: then only name and arguments tell them apart."""

    name = "generate-content"

    def asked(self, path: str, request: Mapping[str, Any]) -> Asked:
        """What a request asks: of its contents, those after the model's last."""
        inner = request.get("request")
        session = ""
        if isinstance(inner, Mapping):  # the form of Google's Code Assist
            session, request = short(inner.get("session_id")), {**inner, "model": request.get("model")}
        fresh: list[Mapping[str, Any]] = []
        for content in reversed(objects(request.get("contents"))):
            if content.get("role") == "model":
                break
            fresh.insert(0, content)
        prompt: list[str] = []
        results: list[Result] = []
        for part in (part for content in fresh for part in objects(content.get("parts"))):
            if isinstance(back := part.get("functionResponse"), Mapping):
                value = back.get("response")
                text = json.dumps(value, sort_keys=True) if isinstance(value, Mapping) else value
                results.append(result(back.get("id") or back.get("name"), text))
            else:
                prompt.append(text_of(part))
        found = _MODEL.search(path)
        return Asked(
            model=short(found[1]) if found else short(request.get("model")),
            prompt=clip("\n".join(filter(None, prompt))),
            system=digest(request.get("systemInstruction", request.get("system_instruction"))),
            tools=tuple(
                short(each.get("name"))
                for tool in objects(request.get("tools"))
                for each in objects(tool.get("functionDeclarations", tool.get("function_declarations")))
            ),
            results=tuple(results),
            session=session,
        )

    def reply(self) -> _Reply:
        """A reader for the answer."""
        return _Reply()

    def refusal(self, reason: str) -> dict[str, Any]:
        """An error of the API's own form."""
        return {"error": {"code": 403, "message": reason, "status": "PERMISSION_DENIED"}}


class _Reply:
    def __init__(self) -> None:
        self._draft = Draft()

    def event(self, name: str, value: Mapping[str, Any]) -> None:
        self.whole(value)

    def whole(self, value: Mapping[str, Any]) -> None:
        draft = self._draft
        if isinstance(inner := value.get("response"), Mapping):
            value = inner
        draft.model = short(value.get("modelVersion")) or draft.model
        draft.count(value.get("usageMetadata"), "promptTokenCount", "candidatesTokenCount")
        if value.get("error"):
            draft.error = json.dumps(value["error"])
        for candidate in objects(value.get("candidates")):
            draft.stop = short(candidate.get("finishReason")) or draft.stop
            content = candidate.get("content")
            for part in objects(content.get("parts")) if isinstance(content, Mapping) else []:
                if isinstance(call := part.get("functionCall"), Mapping):
                    key = len(draft.tool_uses)
                    draft.tool(key, call.get("id"), call.get("name")).replace(json.dumps(call.get("args") or {}))
                elif not part.get("thought"):
                    draft.add_text(part.get("text"))

    def said(self) -> Said:
        return self._draft.said()
