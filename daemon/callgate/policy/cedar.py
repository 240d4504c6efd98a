"""Pure: compiled Cedar policies: request -> verdict. Together with policy/compiling.py the only user of cedarpy.

A policy may carry `@effect("ask")` (a forbid that asks instead of denying, a permit that only permits asking) or, on a
forbid, `@effect("observe")` (it marks the row and changes nothing). Anything that goes wrong while a request is decided
denies it: no decision, an error in any policy, an exception or a panic inside the engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from callgate.model.call import Effect, Verdict
from callgate.policy.facts import Request, Uid
from callgate.policy.schema import NAMESPACE
from callgate.policy.slices import Scope

if TYPE_CHECKING:
    import cedarpy

OBSERVE = "observe"
PROBLEM_MAX = 500
"""Characters that are told of an error."""
CACHE_MAX = 2048
"""Prepared tools and slices that are kept; when there are more, all are made anew as they are needed."""
NAMED_MAX = 16
"""Policies that are named in one verdict."""

_NUMBERED = re.compile(r"`policy(\d{1,6})`")


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy of a set."""

    id: str
    permits: bool
    effect: str
    """What it does when it applies: allow, ask, deny or observe."""
    reason: str
    line: int
    text: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Judged:
    """What the policies say to one request."""

    verdict: Verdict
    policies: tuple[str, ...] = ()
    """The ids of the policies that decided."""
    observed: tuple[str, ...] = ()
    """The ids of the policies that apply and only observe."""


@dataclass(slots=True)
class _Prepared:
    """What all requests with the same principals, resources and action share."""

    entities: cedarpy.Entities
    deciding: cedarpy.PolicySet
    """Every permit, and the forbids that deny."""
    asking: cedarpy.PolicySet | None
    """The forbids that ask or observe; None if none can apply."""
    ids: tuple[tuple[str, ...], tuple[str, ...]]
    """The ids of both, in Cedar's order."""


@dataclass(slots=True)
class Policies:
    """A compiled, validated set. Gives the same answer to the same request. Safe to use from several threads."""

    policies: tuple[Policy, ...]
    wanted: frozenset[str]
    """The facts that the policies look at."""
    schema: cedarpy.Schema
    _by_id: dict[str, Policy] = field(init=False)
    _prepared: dict[tuple[object, ...], _Prepared] = field(default_factory=dict)
    _sets: dict[tuple[str, ...], cedarpy.PolicySet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_id = {policy.id: policy for policy in self.policies}

    def judge(self, request: Request) -> Judged:
        """The verdict on one request. Never raises; what cannot be decided is denied by the rule `policy.error`."""
        try:
            return self._judge(request)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a panic of the engine is no Exception, and must deny as well
            return _failed(f"the engine failed ({type(error).__name__}: {error})"[:PROBLEM_MAX])

    def _judge(self, request: Request) -> Judged:
        import cedarpy

        key = (request.action, request.principals, request.resources)
        ready = self._prepared.get(key) or self._prepare(key, request)
        asked = {
            "principal": _json_uid(request.principals[0]),
            "action": f'{NAMESPACE}::Action::"{request.action}"',
            "resource": _json_uid(request.resources[0]),
            "context": json.dumps(request.context),
        }
        found = cedarpy.is_authorized(asked, ready.deciding, ready.entities, self.schema)
        marks = None
        if ready.asking is not None:
            marks = cedarpy.is_authorized(asked, ready.asking, ready.entities, self.schema)
        for answer, ids in zip((found, marks), ready.ids, strict=True):
            if answer is not None and (answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision):
                return _failed(_described(answer, ids))
        applying = self._named(marks) if marks is not None else []
        observed = tuple(policy.id for policy in applying if policy.effect == OBSERVE)
        asking = [policy for policy in applying if policy.effect != OBSERVE]
        return self._weighed(found.allowed, self._named(found), asking, observed)

    def _weighed(
        self, allowed: bool, deciding: Sequence[Policy], asking: Sequence[Policy], observed: tuple[str, ...]
    ) -> Judged:
        """deny > ask > allow."""
        if not allowed and not deciding:
            return Judged(Verdict(Effect.DENY, "policy.none", "no policy permits this"), (), observed)
        if not allowed:
            return _judged(Effect.DENY, deciding, "denied by the policy", observed)
        if asking:
            return _judged(Effect.ASK, asking, "held for an approval by the policy", observed)
        plain = [policy for policy in deciding if policy.effect == Effect.ALLOW.word]
        if plain:
            return _judged(Effect.ALLOW, plain, "permitted by the policy", observed)
        return _judged(Effect.ASK, deciding, "permitted only with an approval by the policy", observed)

    def _prepare(self, key: tuple[object, ...], request: Request) -> _Prepared:
        """Take in the policies that can apply, and the entities that they may ask about."""
        import cedarpy

        able = [policy for policy in self.policies if policy.scope.reaches(request)]
        aside = [policy for policy in able if not policy.permits and policy.effect != Effect.DENY.word]
        deciding = [policy for policy in able if policy not in aside]
        entities = cedarpy.Entities.from_json_str(json.dumps(_entities(request)), self.schema)
        ids = tuple(one.id for one in deciding), tuple(one.id for one in aside)
        ready = _Prepared(entities, self._set(deciding), self._set(aside) if aside else None, ids)
        if len(self._prepared) >= CACHE_MAX:
            self._prepared.clear()
        self._prepared[key] = ready
        return ready

    def _set(self, policies: Sequence[Policy]) -> cedarpy.PolicySet:
        import cedarpy

        key = tuple(policy.id for policy in policies)
        found = self._sets.get(key)
        if found is None:
            if len(self._sets) >= CACHE_MAX:
                self._sets.clear()
            found = self._sets[key] = cedarpy.PolicySet.from_str("\n".join(policy.text for policy in policies))
        return found

    def _named(self, answer: cedarpy.AuthzResult) -> list[Policy]:
        """The policies that determined an answer, in the order of the text."""
        ids = set(answer.diagnostics.id_annotations_by_reason.values())
        if len(ids) != len(answer.diagnostics.reasons):
            raise ValueError("a policy that decided cannot be named")
        return sorted((self._by_id[one] for one in ids), key=lambda policy: policy.line)


def _judged(effect: Effect, policies: Sequence[Policy], otherwise: str, observed: tuple[str, ...]) -> Judged:
    """A verdict that is named after the first policy that decided, with that policy's reason."""
    first = next((policy for policy in policies if policy.reason), policies[0])
    reason = first.reason or f"{otherwise} {first.id}"
    ids = tuple(policy.id for policy in policies[:NAMED_MAX])
    return Judged(Verdict(effect, f"policy:{first.id}", reason), ids, observed)


def _described(answer: cedarpy.AuthzResult, ids: Sequence[str]) -> str:
    """What went wrong, with the policies' own names in place of Cedar's numbers."""

    def own(match: re.Match[str]) -> str:
        number = int(match[1])
        return f"`{ids[number]}`" if number < len(ids) else match[0]

    said = "; ".join(str(error) for error in answer.diagnostics.errors[:3])
    return _NUMBERED.sub(own, said)[:PROBLEM_MAX] or "it gave no decision"


def _failed(why: str) -> Judged:
    return Judged(Verdict(Effect.DENY, "policy.error", f"the policy could not be evaluated: {why}"))


def _entities(request: Request) -> list[dict[str, Any]]:
    """The agent below its user, the user below the groups; the tool below the server, and that in every version."""
    agent, user, *groups = dict.fromkeys(request.principals)
    made = [_entity(agent, [user]), _entity(user, groups), *(_entity(group, []) for group in groups)]
    resources = list(dict.fromkeys(request.resources))
    return made + [_entity(one, resources[number:]) for number, one in enumerate(resources, 1)]


def _entity(uid: Uid, above: Sequence[Uid]) -> dict[str, Any]:
    return {"uid": _json_uid(uid), "attrs": {}, "parents": [_json_uid(one) for one in above]}


def _json_uid(uid: Uid) -> dict[str, str]:
    return {"type": uid[0], "id": uid[1]}
