"""Pure: joins what several channels saw of one call, and says by which method and how surely.

Methods, the surest first: an id that both channels state; the same arguments to the same tool, where that pair is the
only one; the same, several times over, paired in their order. What more than one call could be is left apart and
said to be ambiguous: nothing is merged on likeness alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from callgate.session.witness import Channel, Seen, Witness, plain

WINDOW = 900 * 10**9
"""Nanoseconds that a call may come after the answer that asked for it: a person may have been asked."""
BACK = 2 * 10**9
"""Nanoseconds that a call may come before the end of that answer: some agents start calls while it still streams."""


class Method(StrEnum):
    """How two views were recognised as one call."""

    ID = "id"
    ARGUMENTS = "arguments"
    ORDER = "order"


CONFIDENCE = {Method.ID: 1.0, Method.ARGUMENTS: 0.95, Method.ORDER: 0.8}
"""How sure each method is. Ids can be written by anybody who writes to the channel; arguments are digests."""


@dataclass(frozen=True, slots=True)
class Action:
    """One call, as all channels that saw it tell it."""

    views: tuple[Witness, ...]
    method: Method | None = None
    """The least sure method that joined two of its views; None for a single one."""
    ambiguous: bool = False
    """A view of another channel could be this call, and could be another one."""

    @property
    def confidence(self) -> float:
        """How sure it is that these views are one call."""
        return CONFIDENCE[self.method] if self.method else 1.0

    @property
    def channels(self) -> frozenset[Channel]:
        """Who saw it."""
        return frozenset(view.channel for view in self.views)

    def view(self, channel: Channel) -> Witness | None:
        """What that channel saw of it."""
        return next((view for view in self.views if view.channel is channel), None)

    @property
    def first(self) -> Witness:
        """The view that came first in the log."""
        return min(self.views, key=lambda view: view.seq)


def join(seen: Seen) -> list[Action]:
    """The calls of one run, by the first row of each. Each view is part of exactly one."""
    actions = [Action((view,)) for view in seen.witnesses]
    actions = _by_id(actions)
    for one, other in ((Channel.MODEL, Channel.MCP), (Channel.MODEL, Channel.HOOK), (Channel.HOOK, Channel.MCP)):
        actions = _by_arguments(actions, one, other)
    return sorted(actions, key=lambda action: action.first.seq)


def _by_id(actions: Sequence[Action]) -> list[Action]:
    """Merge the views that state the same id, one of each channel; an id stated twice by one channel joins nothing."""
    stating: dict[str, list[Action]] = defaultdict(list)
    for action in actions:
        for id in action.views[0].ids:
            stating[id].append(action)
    merged: dict[int, Action] = {}
    for group in stating.values():
        channels = [action.views[0].channel for action in group]
        if len(group) < 2:
            continue
        if len(set(channels)) < len(channels):  # a retry, or an id that somebody else has made up
            for action in group:
                merged.setdefault(id_of(action), replace(action, ambiguous=True))
            continue
        whole = Action(tuple(sorted((a.views[0] for a in group), key=lambda view: view.seq)), Method.ID)
        for action in group:
            merged[id_of(action)] = whole
    return _unique(merged.get(id_of(action), action) for action in actions)


def _by_arguments(actions: list[Action], one: Channel, other: Channel) -> list[Action]:
    """Merge actions that only `one` saw (of these two) with those that only `other` saw, by tool and arguments."""
    left: dict[tuple[str, str], list[Action]] = defaultdict(list)
    right: dict[tuple[str, str], list[Action]] = defaultdict(list)
    for action in actions:
        if action.ambiguous or (one in action.channels) == (other in action.channels):
            continue
        for key in _keys(action):
            (left if one in action.channels else right)[key].append(action)
    merged: dict[int, Action] = {}
    for key, before in left.items():
        after = [action for action in right.get(key, []) if id_of(action) not in merged]
        before = [action for action in before if id_of(action) not in merged]
        pairs = [(a, b) for a in before for b in after if _in_time(a, b)]
        if not pairs:
            continue
        alone = len(pairs) == 1
        if not alone and len(before) != len(after):
            for action in (*before, *after):
                merged[id_of(action)] = replace(action, ambiguous=True)
            continue
        for a, b in zip(before, after, strict=True) if not alone else pairs:
            if _in_time(a, b) and _fits(a, b):
                whole = _merge(a, b, Method.ARGUMENTS if alone else Method.ORDER)
                merged[id_of(a)] = merged[id_of(b)] = whole
    return _unique(merged.get(id_of(action), action) for action in actions)


def _keys(action: Action) -> set[tuple[str, str]]:
    """What the action can be recognised by: tool and digest of its arguments. None where these were not seen."""
    found = set()
    for view in action.views:
        for name, digest in ((view.name, view.digest), view.inner):
            if name and digest:
                found.add((plain(name), digest))
    return found


def _in_time(before: Action, after: Action) -> bool:
    gap = after.first.time - before.first.time
    return -BACK <= gap <= WINDOW


def _fits(a: Action, b: Action) -> bool:
    """No channel would be in it twice."""
    return not a.channels & b.channels


def _merge(a: Action, b: Action, method: Method) -> Action:
    views = tuple(sorted((*a.views, *b.views), key=lambda view: view.seq))
    methods = [each for each in (a.method, b.method, method) if each]
    return Action(views, min(methods, key=lambda each: CONFIDENCE[each]))


def id_of(action: Action) -> int:
    """An action as itself: two of them may be equal in all they hold."""
    return id(action)


def _unique(actions: Iterable[Action]) -> list[Action]:
    return list({id_of(action): action for action in actions}.values())
