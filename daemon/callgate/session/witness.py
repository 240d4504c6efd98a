"""Pure: what each channel saw of a call, read from the rows of one run of an agent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from callgate.model.event import Event, Row


class Channel(StrEnum):
    """Where a call was seen."""

    MODEL = "model"
    HOOK = "hook"
    MCP = "mcp"


@dataclass(frozen=True, slots=True)
class Witness:
    """One channel's view of one call."""

    channel: Channel
    seq: int
    """Of the row that tells it; of a model's answer with several calls, all have the same."""
    time: int
    """Nanoseconds."""
    name: str
    """The tool: as the model names it, or ENTRY and TOOL of a server."""
    ids: frozenset[str] = frozenset()
    """The ids by which other channels may know it."""
    digest: str = ""
    """Of its arguments, under this machine's key; empty where they were not seen."""
    inner: tuple[str, str] = ("", "")
    """Name and digest of the call that it asks another tool to make (a model's indirect call)."""
    effect: str = ""
    uid: str = ""
    failed: bool = False
    """It was refused, or its server said that it failed."""
    builtin: bool = False
    """A tool of the agent's own."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the channels saw in one run of an agent, in the order of the log."""

    witnesses: tuple[Witness, ...]
    channels: frozenset[Channel]
    """Channels that were seen at work: only what these should have seen can be missing."""
    models: Mapping[int, Row] = field(default_factory=dict)
    """Rows of models' answers, by number."""


def read(rows: Iterable[Row]) -> Seen:
    """The witnesses in the rows of one run. Rows that make no sense are left out: `verify` tells of these."""
    found: list[Witness] = []
    channels: set[Channel] = set()
    models: dict[int, Row] = {}
    for row in rows:
        event = row.event
        if event.kind == "model.answered":
            channels.add(Channel.MODEL)
            models[row.seq] = row
            found += _asked_by_model(row)
        elif event.kind == "call.asked":
            channel = Channel.HOOK if event.detail.get("channel") == "hook" else Channel.MCP
            channels.add(channel)
            found.append(_call(row, channel))
        elif event.kind == "hook.asked":
            channels.add(Channel.HOOK)
            found.append(_hook(row))
    return Seen(tuple(found), frozenset(channels), models)


def plain(name: str) -> str:
    """A tool's name as all agents' ways of writing it have it in common: `mcp__s__t`, `s-t`, `s.t` are one."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower().removeprefix("mcp")).strip("_")


def _asked_by_model(row: Row) -> list[Witness]:
    uses = row.event.detail.get("tool_uses")
    return [
        Witness(
            Channel.MODEL,
            row.seq,
            row.event.time,
            _text(use.get("name")),
            frozenset(filter(None, [_text(use.get("id"))])),
            _text(use.get("digest")),
            (_text(use.get("inner_name")), _text(use.get("inner_digest"))),
            uid=row.event.uid,
        )
        for use in (uses if isinstance(uses, list) else [])
        if isinstance(use, Mapping)
    ]


def _call(row: Row, channel: Channel) -> Witness:
    event = row.event
    builtin = event.server.startswith("builtin:")
    name = event.tool if builtin else f"{event.entry} {event.tool}"
    payload = event.detail.get("payload")
    digest = _text(payload.get("digest")) if isinstance(payload, Mapping) else ""
    return Witness(
        channel,
        row.seq,
        event.time,
        name,
        _ids(event),
        digest,
        effect=event.effect if event.mode == "enforce" else "allow",
        uid=event.uid,
        failed=event.mode == "enforce" and event.effect != "allow",
        builtin=builtin,
    )


def _hook(row: Row) -> Witness:
    event = row.event
    name = f"{_text(event.detail.get('server'))} {_text(event.detail.get('tool'))}"
    digest = _text(event.detail.get("digest"))
    return Witness(Channel.HOOK, row.seq, event.time, name, _ids(event), digest, uid=event.uid)


def _ids(event: Event) -> frozenset[str]:
    said = event.detail.get("ids")
    wanted = (said.get("tool_use"), said.get("call")) if isinstance(said, Mapping) else ()
    return frozenset(filter(None, map(_text, wanted)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
