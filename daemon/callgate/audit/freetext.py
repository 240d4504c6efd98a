"""Pure: an event whose free text, what people, agents, servers and models have written, is without secrets."""

from __future__ import annotations

from dataclasses import replace

from callgate.audit.redact import redact, redact_text
from callgate.model.event import Event

NAMES = frozenset(
    (
        "asked",
        "client",
        "cwd",
        "error",
        "findings",
        "noise",
        "problem",
        "problems",
        "reasons",
        "refused",
        "unread",
        "why",
    )
)
"""Fields of a row's detail that hold sentences or names which others have chosen. Digests, ids and signed notes must
stay as they are, and are none of these."""
ROOM = 64 * 1024
"""Bytes of one such field that are looked at; a row holds no more of it."""


def redact_event(event: Event, key: bytes, *, people: bool = True) -> Event:
    """`event` with reason and free text redacted; the same object where there is nothing to redact."""
    reason = redact_text(event.reason, key, people=people) if event.reason else ""
    detail = event.detail
    if not NAMES.isdisjoint(detail):
        changed = {name: redact(detail[name], key, ROOM, people=people)[0] for name in NAMES.intersection(detail)}
        if any(detail[name] != value for name, value in changed.items()):
            detail = {**detail, **changed}
    if reason == event.reason and detail is event.detail:
        return event
    return replace(event, reason=reason, detail=detail)
