"""Pure: what changed between two looks at the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callgate.model.inventory import AgentFound, Entry, Inventory, KeyPath


@dataclass(frozen=True, slots=True)
class Drift:
    """One change: `kind` is agent.found, agent.gone, entry.added, entry.removed or entry.changed."""

    kind: str
    agent: str
    before: Entry | AgentFound | None = None
    after: Entry | AgentFound | None = None


def drift(before: Inventory, after: Inventory) -> list[Drift]:
    """All changes of agents and entries, in a stable order."""
    changes = []
    old_agents, new_agents = _agents(before), _agents(after)
    changes += [Drift("agent.gone", id, old_agents[id]) for id in sorted(set(old_agents) - set(new_agents))]
    changes += [Drift("agent.found", id, None, new_agents[id]) for id in sorted(set(new_agents) - set(old_agents))]
    old, new = _entries(before), _entries(after)
    for key in sorted(set(old) | set(new), key=repr):
        was, now = old.get(key), new.get(key)
        if was is None and now is not None:
            changes.append(Drift("entry.added", now.agent, None, now))
        elif now is None and was is not None:
            changes.append(Drift("entry.removed", was.agent, was))
        elif was is not None and now is not None and was != now:
            changes.append(Drift("entry.changed", now.agent, was, now))
    return changes


def _agents(inventory: Inventory) -> Mapping[str, AgentFound]:
    return {found.id: found for found in inventory.agents}


def _entries(inventory: Inventory) -> Mapping[tuple[str, str, KeyPath], Entry]:
    return {(entry.agent, entry.file.path, entry.at): entry for entry in inventory.entries}
