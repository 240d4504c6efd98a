"""Pure: which policies can apply to a request at all, told from their scopes alone, so that Cedar evaluates only those.

Sound because a policy whose scope names another action, another principal or another resource cannot be satisfied, and
evaluating a scope cannot fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callgate.policy.facts import Request, Uid

Parsed = Mapping[str, Any]
"""A policy, or a part of one, in Cedar's JSON form."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a policy's head asks for; None: anything."""

    actions: frozenset[str] | None
    principal: Uid | None
    resource: Uid | None

    def concerns(self, action: str) -> bool:
        """Can a policy with this scope apply to that action?"""
        return self.actions is None or action in self.actions

    def reaches(self, request: Request) -> bool:
        """Can a policy with this scope apply to `request`?"""
        return (
            self.concerns(request.action)
            and (self.principal is None or self.principal in request.principals)
            and (self.resource is None or self.resource in request.resources)
        )


def scope(policy: Parsed) -> Scope:
    """The scope of a policy in Cedar's JSON form. What is not understood narrows nothing."""
    action = policy.get("action", {})
    named = [*action.get("entities", ()), *([action["entity"]] if "entity" in action else ())]
    actions = frozenset(uid[1] for uid in map(_uid, named) if uid)
    return Scope(actions or None, _entity(policy.get("principal", {})), _entity(policy.get("resource", {})))


def _entity(part: Parsed) -> Uid | None:
    holder = part.get("in", part) if part.get("op") == "is" else part
    return _uid(holder["entity"]) if isinstance(holder, dict) and "entity" in holder else None


def _uid(entity: Parsed) -> Uid | None:
    entity = entity.get("__entity", entity)
    kind, name = entity.get("type"), entity.get("id")
    return (kind, name) if isinstance(kind, str) and isinstance(name, str) else None
