"""What the gate's desk is told about the world when a hook asks."""

from __future__ import annotations

from collections.abc import Sequence

from callgate.model.call import Caller
from callgate.server.hook_server import Entry
from callgate.service.hooking import Hooking
from callgate.service.survey import Survey
from callgate.system.sockets import Peer


class AroundHooks:
    """See server.hooks.Around."""

    def __init__(self, survey: Survey, hooking: Hooking) -> None:
        self._survey = survey
        self._hooking = hooking

    def caller(self, peer: Peer, claimed: str = "") -> Caller:
        """Who is at the other end, as the operating system says."""
        return self._survey.caller(peer, claimed)

    def entries(self, agent: str) -> Sequence[Entry]:
        """The servers in the configs of an agent, as of the last look."""
        return self._hooking.entries(agent)
