"""Pure: one event of an agent's hook, read by that agent's record. What an agent sends is hostile input."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callgate.agents.hooking import Hooks, Phase, Place

ID_MAX = 256
"""Characters of an id."""
NAME_MAX = 1024
"""Characters of a tool's or server's name, and of a path."""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """What an event says."""

    phase: Phase | None
    """None: an event that we know nothing of."""
    tool: str = ""
    arguments: Mapping[str, object] | None = None
    ids: Mapping[str, str] = field(default_factory=dict)
    """`tool_use`, `call`, `session`, `turn`, as far as the agent gives them."""
    cwd: str = ""
    prompt: str = ""
    server: str = ""
    """The MCP server, where the agent says which it is."""
    server_tool: str = ""
    response: int = 0
    """Characters of the tool's answer, as JSON."""
    problem: str = ""
    """Why it cannot be understood; then it says nothing else."""


def read(hooks: Hooks, event: str, raw: bytes, size: int) -> HookEvent:
    """Read what an agent gave to its hook for an event of that name; `size` is how much that was. Never raises."""
    phase = hooks.events.get(event)
    if size > len(raw):
        return HookEvent(phase, problem=f"it has {size:,} bytes, of which only {len(raw):,} are looked at")
    try:
        said = json.loads(raw.decode(), object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        return HookEvent(phase, problem=f"it is not JSON that can be read in one way ({error})"[:NAME_MAX])
    if not isinstance(said, dict):
        return HookEvent(phase, problem="it is not a JSON object")
    try:
        return _read(hooks, phase, said)
    except RecursionError:
        return HookEvent(phase, problem="it is nested too deep")


def _read(hooks: Hooks, phase: Phase | None, said: dict[str, Any]) -> HookEvent:
    keys = hooks.keys
    ids = {"tool_use": keys.use, "call": keys.call, "session": keys.session, "turn": keys.turn}
    tool = _text(said, keys.tool, NAME_MAX)
    response = _first(said, keys.response)
    given = _arguments(_first(said, keys.arguments))
    problem = ""
    if phase is Phase.ASK and not tool:
        problem = "it names no tool"
    elif phase is Phase.ASK and given is None:
        problem = "its arguments are not a JSON object"
    return HookEvent(
        phase,
        tool=tool,
        arguments=given,
        ids={name: text for name, places in ids.items() if (text := _text(said, places, ID_MAX))},
        cwd=_text(said, keys.cwd, NAME_MAX),
        prompt=_text(said, keys.prompt, len(str(said)) if phase is Phase.PROMPT else 0),
        server=_text(said, keys.server, NAME_MAX),
        server_tool=_text(said, keys.server_tool, NAME_MAX),
        response=len(json.dumps(response, ensure_ascii=False)) if response is not None else 0,
        problem=problem,
    )


def _arguments(value: object) -> Mapping[str, object] | None:
    """Some agents give the arguments as a JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value, object_pairs_hook=_object, parse_constant=_constant)
        except ValueError:
            return None
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def _first(said: Mapping[str, Any], places: Sequence[Place]) -> object:
    for place in places:
        value: object = said
        for key in place:
            if isinstance(value, list) and key.isdigit() and int(key) < len(value):
                value = value[int(key)]
            else:
                value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return None


def _text(said: Mapping[str, Any], places: Sequence[Place], most: int) -> str:
    value = _first(said, places)
    return value[:most] if isinstance(value, str) else ""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")
