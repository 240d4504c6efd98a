"""Pure: where the channels do not agree on what happened, and how severe that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callgate.session.join import Action
from callgate.session.witness import Channel, Seen, Witness, plain

PATIENCE = 60 * 10**9
"""Nanoseconds after which a call that a model asked for, and that nobody saw, counts as never made."""
CODE_TOOLS = frozenset({"exec", "functions_exec", "code_execution", "run_code"})
"""Tools (plain names) in whose code a model calls others: then the model channel shows only the code."""
SEARCHES = frozenset({"toolsearch", "tool_search", "tool_call"})
"""Tools of agents that find or pass on to others, and run within the agent."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement."""

    kind: str
    """`finding.NAME`: also the kind of its row."""
    severity: str
    """`low`, `medium` or `high`."""
    reason: str
    view: Witness
    """What it is about."""


def findings(seen: Seen, actions: Sequence[Action], now: int, *, ended: bool = False) -> list[Finding]:
    """What the channels disagree on, as far as it can be told at `now` (nanoseconds). What a channel that was not seen
    at work did not see is no disagreement.
    """
    code = any(plain(view.name) in CODE_TOOLS for view in seen.witnesses if view.channel is Channel.MODEL)
    begun = min((row.event.time for row in seen.models.values()), default=0)
    found = []
    for action in actions:
        made, asked, hooked = (action.view(channel) for channel in (Channel.MCP, Channel.MODEL, Channel.HOOK))
        if (made or hooked) and asked is None and Channel.MODEL in seen.channels and not action.ambiguous:
            found += _unasked(made or hooked, code, begun)
        if asked is not None and made is None and hooked is None and not action.ambiguous:
            found += _never_made(asked, seen, now, ended)
        if asked is not None and made is not None:
            found += _changed(asked, made)
        if hooked is not None and made is None and not hooked.builtin and not hooked.failed:
            found += _bypassed(hooked, seen, now, ended)
    return found


def _unasked(view: Witness | None, code: bool, begun: int) -> list[Finding]:
    if view is None or code or view.time < begun or not _knowable(view):
        return []
    reason = f"{_said(view)} was called, but no answer of the model in this run asked for it"
    return [Finding("finding.unasked", "high" if not view.builtin else "medium", reason, view)]


def _never_made(asked: Witness, seen: Seen, now: int, ended: bool) -> list[Finding]:
    if not (ended or now - asked.time > PATIENCE) or plain(asked.name) in CODE_TOOLS | SEARCHES:
        return []
    same = {plain(view.name) for view in seen.witnesses if view.channel is not Channel.MODEL}
    if plain(asked.name) not in same:  # that tool never passes a channel of ours: nothing can be said
        return []
    return [Finding("finding.missing", "low", f"the model asked for {_said(asked)}, and nobody saw it called", asked)]


def _changed(asked: Witness, made: Witness) -> list[Finding]:
    wanted = {digest for digest in (asked.digest, asked.inner[1]) if digest}
    if not made.digest or not wanted or made.digest in wanted:
        return []
    reason = f"{_said(made)} was called with other arguments than the model asked for"
    return [Finding("finding.changed", "high", reason, made)]


def _bypassed(hooked: Witness, seen: Seen, now: int, ended: bool) -> list[Finding]:
    if Channel.MCP not in seen.channels or not (ended or now - hooked.time > PATIENCE) or not _knowable(hooked):
        return []
    reason = f"a hook saw {_said(hooked)}, and no shim did: it may have gone round the gate"
    return [Finding("finding.bypassed", "high", reason, hooked)]


def _knowable(view: Witness) -> bool:
    """Has it anything by which another channel's view of the same call would be known?"""
    return bool(view.ids or view.digest)


def _said(view: Witness) -> str:
    return "the tool " + view.name.strip()
