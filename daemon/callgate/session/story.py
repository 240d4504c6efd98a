"""Pure: the rows of one run of an agent as a story: what was asked, said, called and decided."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from callgate.model.event import Row
from callgate.session.disagreement import Finding, findings
from callgate.session.join import Action, join
from callgate.session.witness import Seen, read

Json = dict[str, Any]

OTHER_KINDS = frozenset({"server.launched", "server.ended", "session.started", "session.ended", "call.refused"})
"""Rows that are told as they are. Others are part of a turn or a call, or of no interest here."""


def tell(rows: Sequence[Row], now: int) -> Json:
    """The story of one run: facts about it, `items` in the order of the log, and what the channels disagree on.

    Items are `prompt`, `model` (what it said), `call` (with its views, the join and its confidence, verdict and result)
    and `event`. Texts are what the payload policy kept; a missing one is absent.
    """
    seen = read(rows)
    actions = join(seen)
    ended = bool(rows) and any(row.event.kind == "session.ended" for row in rows[-3:])
    problems = findings(seen, actions, now, ended=ended)
    answers = {row.event.uid: row for row in rows if row.event.kind in ("call.answered", "hook.answered")}
    items = [*_turns(rows), *_calls(actions, rows, answers, problems)]
    joined = [action for action in actions if len(action.views) > 1]
    return {
        **_head(rows, seen),
        "items": sorted(items, key=lambda item: (item["seq"], item["type"] == "call")),
        "findings": [_finding(one) for one in problems],
        "calls": len(actions),
        "joined": len(joined),
        "ambiguous": sum(action.ambiguous for action in actions),
    }


def _head(rows: Sequence[Row], seen: Seen) -> Json:
    def first(name: str) -> str:
        return next((value for row in rows if (value := getattr(row.event, name))), "")

    return {
        "session": first("session"),
        "agent": first("agent"),
        "user": first("user"),
        "begun": rows[0].event.time if rows else 0,
        "last": rows[-1].event.time if rows else 0,
        "rows": len(rows),
        "channels": sorted(seen.channels),
        "tokens": {
            name: sum(_number(row.event.detail.get(f"{name}_tokens")) for row in seen.models.values())
            for name in ("input", "output")
        },
    }


def _turns(rows: Sequence[Row]) -> list[Json]:
    """Prompts, the model's own words, and what else is told. A prompt that two channels saw is told once."""
    items: list[Json] = []
    prompts: set[str] = set()
    hooked = any(row.event.kind == "prompt.submitted" for row in rows)  # then we know which words are the user's own
    for row in rows:
        event = row.event
        at = {"seq": row.seq, "time": event.time}
        if event.kind in ("prompt.submitted", "model.asked"):
            digest = _of(event.detail.get("payload")).get("digest")
            text = _payload(row).get("prompt")
            if event.effect == "deny" or (digest and digest not in prompts and text):
                prompts.add(str(digest))
                by = "user" if event.kind == "prompt.submitted" or not hooked else "agent"
                items.append({"type": "prompt", **at, "by": by, "text": text, **_verdict(row)})
        elif event.kind == "model.answered":
            said = {"model": event.detail.get("model"), "text": _payload(row).get("text")}
            problem = event.detail.get("problem") or event.detail.get("error")
            if said["text"] or problem:
                items.append({"type": "model", **at, **said, **({"problem": problem} if problem else {})})
        elif event.kind in OTHER_KINDS:
            items.append({"type": "event", **at, "kind": event.kind, "entry": event.entry, **_verdict(row)})
    return items


def _calls(
    actions: Sequence[Action], rows: Sequence[Row], answers: Mapping[str, Row], problems: Sequence[Finding]
) -> list[Json]:
    by_seq = {row.seq: row for row in rows}
    items = []
    for action in actions:
        views = sorted(action.views, key=lambda view: view.seq)
        decided = [by_seq[view.seq] for view in views if by_seq[view.seq].event.kind == "call.asked"]
        result = next((answers[view.uid] for view in views if view.uid in answers), None)
        item: Json = {
            "type": "call",
            "seq": views[0].seq,
            "time": views[0].time,
            "name": decided[0].event.tool if decided else views[0].name.strip(),
            "server": decided[0].event.server if decided else "",
            "entry": decided[0].event.entry if decided else "",
            "views": [{"channel": view.channel, "seq": view.seq, "name": view.name.strip()} for view in views],
            "method": action.method,
            "confidence": action.confidence if action.method else None,
            "ambiguous": action.ambiguous,
            **(_verdict(decided[-1]) if decided else {}),
        }
        if decided and (arguments := _payload(decided[0])):
            item["arguments"] = arguments
        if result is not None:
            said = result.event.detail
            item["result"] = {name: said[name] for name in ("ms", "bytes", "error") if name in said}
        item["findings"] = [_finding(one) for one in problems if one.view in views]
        items.append(item)
    return items


def _verdict(row: Row) -> Json:
    event = row.event
    said = {"effect": event.effect, "rule": event.rule, "reason": event.reason, "mode": event.mode}
    return {name: value for name, value in said.items() if value}


def _finding(one: Finding) -> Json:
    return {"kind": one.kind, "severity": one.severity, "reason": one.reason, "seq": one.view.seq}


def _payload(row: Row) -> Json:
    """What was kept, as an object; its text where it was cut in the middle."""
    if row.payload is None:
        return {}
    try:
        return _of(json.loads(row.payload))
    except ValueError:
        return {"text": row.payload + "…", "prompt": row.payload + "…"}


def _of(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> int:
    return value if type(value) is int else 0
