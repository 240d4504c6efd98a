"""Who asked the local API for a change: the user, or an agent that runs as the user. The log says which."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from callgate.discovery.live import agent_of
from callgate.server.door import PEER


def asked_by(peer: ContextVar[int] = PEER) -> dict[str, Any]:
    """For the detail of an event: the process that asked, and the agent among its ancestors, if there is one.

    A program below an agent may still be the user's own (a terminal inside an editor), so it is recorded, not refused.
    """
    pid = peer.get()
    agent = agent_of(pid) if pid else None
    if agent is None:
        return {"by": "user", "pid": pid}
    return {"by": f"a program started by {agent.id}", "pid": pid, "evidence": agent.evidence}
