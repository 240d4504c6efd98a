"""Pure: compiled Cedar policies: request -> verdict. Together with policy/compiling.py the only user of cedarpy.

A policy may carry `@effect("ask")` (a forbid that asks instead of denying, a permit that only permits asking) or, on a
forbid, `@effect("observe")` (it marks the row and changes nothing). Anything that goes wrong while a request is decided
denies it: no decision, an error in any policy, an exception or a panic inside the engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from callgate.model.call import Effect, Verdict
from callgate.policy.facts import Request, Uid
from callgate.policy.needs import Need
from callgate.policy.schema import BUILTIN, NAMESPACE
from callgate.policy.slices import Scope
from callgate.policy.uses import Uses

if TYPE_CHECKING:
    import cedarpy

OBSERVE = "observe"
NOT_PERMITTED = "policy.none"
"""The rule of a verdict where no policy permits and none forbids."""
PROBLEM_MAX = 500
"""Characters that are told of an error."""
CACHE_MAX = 2048
"""Prepared tools and slices that are kept; when there are more, all are made anew as they are needed."""
KEPT_TEXTS_MAX = 32
"""Texts of one set in what is kept of a verdict."""
NAMED_MAX = 16
"""Policies that are named in one verdict."""

_NUMBERED = re.compile(r"`policy(\d{1,6})`")


SETTLED = frozenset(
    {"agent", "agentProven", "user", "entry", "server", "serverKind", "serverName", "serverVersion", "approval", "tool"}
    | {"labels"}
)
"""Facts that are the same in every call of a tool in one session."""


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
    need: Need | None
    facts: frozenset[str]
    """What it looks at."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the policies say to one request."""

    verdict: Verdict
    policies: tuple[str, ...] = ()
    """The ids of the policies that decided."""
    observed: tuple[str, ...] = ()
    """The ids of the policies that apply and only observe."""


@dataclass(slots=True)
class _Layer:
    """Policies that are evaluated together: some always, others only if a set names one of their texts."""

    always: tuple[Policy, ...]
    sometimes: tuple[Policy, ...]
    triggers: tuple[tuple[str, frozenset[str]], ...]
    sets: dict[bool, cedarpy.PolicySet] = field(default_factory=dict)
    """Parsed when first needed: without and with the ones of `sometimes`."""

    def chosen(self, context: Mapping[str, Any]) -> bool:
        """Are those of `sometimes` needed as well?"""
        return any(not texts.isdisjoint(context[fact]) for fact, texts in self.triggers)

    def policies(self, all_of_them: bool) -> tuple[Policy, ...]:
        """In the order in which Cedar numbers them."""
        return self.always + self.sometimes if all_of_them else self.always


@dataclass(slots=True)
class _Prepared:
    """What all requests with the same principals, resources and action share."""

    entities: cedarpy.Entities
    deciding: _Layer
    """Every permit, and the forbids that deny."""
    aside: _Layer
    """The forbids that ask or observe."""
    facts: tuple[str, ...]
    """All that these look at. Where it is the same, so is the verdict."""


@dataclass(slots=True)
class Policies:
    """A compiled, validated set. Gives the same answer to the same request. Safe to use from several threads."""

    policies: tuple[Policy, ...]
    uses: Uses
    """The facts that the policies look at."""
    schema: cedarpy.Schema
    """With no other facts than these."""
    wanted: frozenset[str] = field(init=False)
    """The names of these facts."""
    _by_id: dict[str, Policy] = field(init=False)
    _prepared: dict[tuple[object, ...], _Prepared] = field(default_factory=dict)
    _sets: dict[tuple[str, ...], cedarpy.PolicySet] = field(default_factory=dict)
    _given: dict[tuple[object, ...], Judged] = field(default_factory=dict)
    """Verdicts by what they follow from: most calls differ in nothing that a policy looks at."""

    def __post_init__(self) -> None:
        self.wanted = frozenset(self.uses.facts)
        self._by_id = {policy.id: policy for policy in self.policies}

    def judge(self, request: Request) -> Judged:
        """The verdict on one request. Never raises; what cannot be decided is denied by the rule `policy.error`."""
        try:
            return self._judge(request)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except _UndecidedError as error:
            return _failed(str(error))
        except BaseException as error:  # noqa: BLE001 - a panic of the engine is no Exception, and must deny as well
            return _failed(f"the engine failed ({type(error).__name__}: {error})"[:PROBLEM_MAX])

    def never(self, request: Request) -> bool:
        """Is a call of this tool by this caller denied whatever its arguments, size and time are? False where that
        cannot be told. `request` is one without arguments. Never raises.

        Only policies that look at nothing but SETTLED facts are asked: of the others a call may decide.
        """
        able = [policy for policy in self.policies if policy.scope.reaches(request)]
        settled = [policy for policy in able if policy.facts <= SETTLED]
        told = [policy for policy in settled if policy.permits or policy.effect == Effect.DENY.word]
        open_end = any(policy.permits and policy not in settled for policy in able)
        if not any(policy.permits for policy in able):
            return True
        if open_end and all(policy.permits for policy in told):
            return False
        key = (request.action, request.principals, request.resources)
        try:
            ready = self._prepared.get(key) or self._prepare(key, request)
            allowed, deciding = self._evaluate(ready, _layer(told, request), self._asked(request), request)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException:  # noqa: BLE001 - as in `judge`; a tool that is shown in vain is refused when it is called
            return False
        return not allowed and (bool(deciding) or not open_end)

    def _judge(self, request: Request) -> Judged:
        key = (request.action, request.principals, request.resources)
        ready = self._prepared.get(key) or self._prepare(key, request)
        same = self._follows_from(key, ready, request)
        given = self._given.get(same) if same else None
        if given is None:
            given = self._decide(ready, request)
            if same:
                if len(self._given) >= CACHE_MAX:
                    self._given.clear()
                self._given[same] = given
        return given

    def _follows_from(self, key: tuple[object, ...], ready: _Prepared, request: Request) -> tuple[object, ...] | None:
        """All that the verdict follows from; None if that is too much to keep."""
        found: list[object] = [key]
        for name in ready.facts:
            value = self.uses.reduced(name, request.context.get(name))
            if isinstance(value, list):
                if len(value) > KEPT_TEXTS_MAX:
                    return None
                value = frozenset(value)
            found.append(value)
        return tuple(found)

    def _decide(self, ready: _Prepared, request: Request) -> Judged:
        """Raises _UndecidedError."""
        asked = self._asked(request)
        allowed, deciding = self._evaluate(ready, ready.deciding, asked, request)
        _, aside = self._evaluate(ready, ready.aside, asked, request)
        observed = tuple(policy.id for policy in aside if policy.effect == OBSERVE)
        asking = [policy for policy in aside if policy.effect != OBSERVE]
        if request.action == BUILTIN and not allowed and not deciding:  # the agent's own tools need no permit
            if asking:
                return _judged(Effect.ASK, asking, "held for an approval by the policy", observed)
            verdict = Verdict(Effect.ALLOW, "builtin", "no policy forbids this tool of the agent's own")
            return Judged(verdict, (), observed)
        return self._weighed(allowed, deciding, asking, observed)

    def _asked(self, request: Request) -> dict[str, Any]:
        """The request as Cedar takes it."""
        wanted = {name: fact for name, fact in request.context.items() if name in self.wanted}
        return {
            "principal": _json_uid(request.principals[0]),
            "action": f'{NAMESPACE}::Action::"{request.action}"',
            "resource": _json_uid(request.resources[0]),
            "context": json.dumps({name: self.uses.reduced(name, fact) for name, fact in wanted.items()}),
        }

    def _evaluate(
        self, ready: _Prepared, layer: _Layer, asked: dict[str, Any], request: Request
    ) -> tuple[bool, list[Policy]]:
        """Whether a layer allows the request, and the policies that say so, in the order of the text. Raises
        _UndecidedError.
        """
        import cedarpy

        needed = layer.chosen(request.context)
        policies = layer.policies(needed)
        if not policies:
            return False, []
        if needed not in layer.sets:
            layer.sets[needed] = self._set(policies)
        answer = cedarpy.is_authorized(asked, layer.sets[needed], ready.entities, self.schema)
        if answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision:
            raise _UndecidedError(_described(answer, policies))
        ids = set(answer.diagnostics.id_annotations_by_reason.values())
        if len(ids) != len(answer.diagnostics.reasons):
            raise _UndecidedError("a policy that decided cannot be named")
        return answer.allowed, sorted((self._by_id[one] for one in ids), key=lambda policy: policy.line)

    def _weighed(
        self, allowed: bool, deciding: Sequence[Policy], asking: Sequence[Policy], observed: tuple[str, ...]
    ) -> Judged:
        """deny > ask > allow."""
        if not allowed and not deciding:
            return Judged(Verdict(Effect.DENY, NOT_PERMITTED, "no policy permits this"), (), observed)
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
        deciding = [policy for policy in able if policy.permits or policy.effect == Effect.DENY.word]
        aside = [policy for policy in able if not policy.permits and policy.effect != Effect.DENY.word]
        entities = cedarpy.Entities.from_json_str(json.dumps(_entities(request)), self.schema)
        facts = tuple(sorted(frozenset[str]().union(*(policy.facts for policy in able))))
        ready = _Prepared(entities, _layer(deciding, request), _layer(aside, request), facts)
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


class _UndecidedError(Exception):
    """The engine gave no answer that could be used."""


def _layer(policies: Sequence[Policy], request: Request) -> _Layer:
    """Leave out what cannot apply to any request with these principals and this resource."""
    always, sometimes = [], []
    for policy in policies:
        if policy.need is None or policy.need.can_hold(request.context):
            always.append(policy)
        elif policy.need.named:
            sometimes.append(policy)
    triggers: dict[str, set[str]] = {}
    for policy in sometimes:
        for fact, texts in policy.need.named if policy.need else ():
            triggers.setdefault(fact, set()).update(texts)
    return _Layer(tuple(always), tuple(sometimes), tuple((fact, frozenset(texts)) for fact, texts in triggers.items()))


def _judged(effect: Effect, policies: Sequence[Policy], otherwise: str, observed: tuple[str, ...]) -> Judged:
    """A verdict that is named after the first policy that decided, with that policy's reason."""
    first = next((policy for policy in policies if policy.reason), policies[0])
    reason = first.reason or f"{otherwise} {first.id}"
    ids = tuple(policy.id for policy in policies[:NAMED_MAX])
    return Judged(Verdict(effect, f"policy:{first.id}", reason), ids, observed)


def _described(answer: cedarpy.AuthzResult, policies: Sequence[Policy]) -> str:
    """What went wrong, with the policies' own names in place of Cedar's numbers."""

    def own(match: re.Match[str]) -> str:
        number = int(match[1])
        return f"`{policies[number].id}`" if number < len(policies) else match[0]

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
