"""An inventory as plain JSON, as the local API and `callgate discover` give it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callgate.agents import ALL
from callgate.audit.argv import redact_argv, redact_url
from callgate.model.identity import Identified
from callgate.model.inventory import Entry
from callgate.service.worker import Worker

Json = dict[str, Any]


def describe(worker: Worker, verdict: Callable[[Identified, Entry], Json], agent: str | None = None) -> Json:
    """An inventory (of one agent) as the local API gives it; `verdict` says what the registry makes of an entry."""
    found = worker.inventory
    names = {agent.id: agent.name for agent in ALL}
    servers = []
    for entry, state, why in worker.states():
        if agent not in (None, entry.agent):
            continue
        identified = worker.identity(entry)
        servers.append(
            {
                "agent": entry.agent,
                "agent_name": names.get(entry.agent, entry.agent),
                "entry": entry.name,
                "scope": entry.file.scope.value,
                "file": entry.file.path,
                "project": entry.project,
                "transport": entry.transport.value,
                "argv": redact_argv(entry.argv, worker.key),
                "url": redact_url(worker.address(entry) or "", worker.key) or None,
                "enabled": entry.enabled,
                "identity": str(identified.server),
                "short": identified.server.short,
                "evidence": identified.evidence,
                "state": state,
                "why": why,
                **verdict(identified, entry),
            }
        )
    return {
        "agents": [
            {"id": one.id, "name": one.name, "version": one.version, "evidence": list(one.evidence)}
            for one in found.agents
            if agent in (None, one.id)
        ],
        "servers": servers,
        "running": [
            {
                "pid": one.pid,
                "kind": one.kind,
                "what": one.what,
                "argv": redact_argv(one.argv, worker.key),
                "evidence": one.evidence,
                "behind_shim": one.behind_shim,
            }
            for one in found.running
        ],
        "skipped": [
            {"what": one.what, "reason": one.reason, "agent": one.agent}
            for one in found.skipped
            if agent in (None, one.agent)
        ],
        "hooks": [one for one in worker.hooking.states(found, worker.settings) if agent in (None, one["agent"])],
        "blind": [
            {"agent": each.name, "what": each.blind}
            for each in ALL
            if each.blind and agent in (None, each.id) and any(one.id == each.id for one in found.agents)
        ],
    }
