"""Which remote servers want a token made for their own address: asked before their entries are wrapped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from callgate.model.inventory import Entry, Transport
from callgate.wrap.addresses import presents
from callgate.wrap.plan import Plan, Wrapping
from callgate.wrap.routes import Routes


class FirstAsked:
    """Asks each server once in the life of a daemon. One that does not answer in time is known by what it later answers
    to an agent.
    """

    def __init__(self, routes: Routes, challenges: Callable[[Sequence[str]], Mapping[str, str]]) -> None:
        self._routes = routes
        self._challenges = challenges
        self._asked: set[str] = set()

    def learn(self, plan: Plan, entries: Collection[Entry]) -> bool:
        """Ask the servers of those of these entries that are to be wrapped and show their server nothing. Is there one
        whose entry must keep its address?
        """
        bare = [one for one in plan.wrappings if isinstance(one, Wrapping) and not presents(one.raw)]
        remote = [one.entry for one in bare if one.entry.transport is Transport.HTTP and one.entry in entries]
        fresh = {entry.url for entry in remote if entry.url} - self._asked
        self._asked |= fresh
        found = self._challenges(sorted(fresh)) if fresh else {}
        new = [url for url, challenge in found.items() if self._routes.challenged(url, challenge)]
        return bool(new)
