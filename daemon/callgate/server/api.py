"""The routes of the local API that every daemon has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from callgate.server.door import Json, Route, number, objects, text, text_or_none


class Backend(Protocol):
    """What the routes serve; each method may block and runs on a thread of its own. Raises CallgateError."""

    def status(self) -> Json: ...
    def inventory(self, fresh: bool) -> Json: ...
    def events(self, filters: Mapping[str, str]) -> Json: ...
    def event(self, ref: str) -> Json: ...
    def server(self, ref: str) -> Json: ...
    def verify(self) -> Json: ...
    def rule(self, server: str, tool: str | None, effect: str) -> Json: ...
    def policy(self) -> Json: ...
    def set_policy(self, file: str | None, force: bool) -> Json: ...
    def break_glass(self, minutes: int, why: str) -> Json: ...
    def pins(self) -> Json: ...
    def compare_pins(self, server: str, name: str | None) -> Json: ...
    def approve_pins(self, server: str, pins: Sequence[Mapping[str, object]]) -> Json: ...
    def forget_pins(self, server: str, name: str | None) -> Json: ...
    def wrap(self, agent: str | None) -> Json: ...
    def unwrap(self, agent: str | None) -> Json: ...
    def reload(self) -> Json: ...
    def stop(self) -> Json: ...


def routes(backend: Backend) -> dict[str, Route]:
    """`METHOD path` -> what answers it. What the daemon's parts add is in their own files."""
    return {
        "GET /v1/events": lambda request, _: backend.events(dict(request.query)),
        "GET /v1/events/{ref}": lambda request, _: backend.event(request.match_info["ref"]),
        "GET /v1/inventory": lambda request, _: backend.inventory(request.query.get("fresh") == "1"),
        "GET /v1/servers/{ref}": lambda request, _: backend.server(request.match_info["ref"]),
        "GET /v1/status": lambda request, _: backend.status(),
        "GET /v1/verify": lambda request, _: backend.verify(),
        "GET /v1/policy": lambda request, _: backend.policy(),
        "POST /v1/policy": lambda _, body: backend.set_policy(text_or_none(body, "file"), body.get("force") is True),
        "POST /v1/policy/break-glass": lambda _, body: backend.break_glass(
            number(body, "minutes"), text_or_none(body, "why") or ""
        ),
        "GET /v1/pins": lambda request, _: backend.pins(),
        "GET /v1/pins/{ref}": lambda request, _: backend.compare_pins(
            request.match_info["ref"], request.query.get("name")
        ),
        "POST /v1/pins/approve": lambda _, body: backend.approve_pins(text(body, "server"), objects(body, "pins")),
        "POST /v1/pins/forget": lambda _, body: backend.forget_pins(text(body, "server"), text_or_none(body, "name")),
        "POST /v1/reload": lambda request, _: backend.reload(),
        "POST /v1/rule": lambda _, body: backend.rule(
            text(body, "server"), text_or_none(body, "tool"), text(body, "effect")
        ),
        "POST /v1/stop": lambda request, _: backend.stop(),
        "POST /v1/unwrap": lambda _, body: backend.unwrap(text_or_none(body, "agent")),
        "POST /v1/wrap": lambda _, body: backend.wrap(text_or_none(body, "agent")),
    }
