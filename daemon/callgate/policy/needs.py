"""Pure: what must hold, at least, for a policy to apply: told from its first condition, without Cedar.

Of hundreds of policies most name a host, a folder or a tool that a call does not name. Those need not be evaluated.
Sound because only what Cedar evaluates first counts: where it is false Cedar stops there, before anything could fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callgate.policy.schema import FACTS
from callgate.policy.uses import fact_of, texts_of

SETS = frozenset(name for facts in FACTS.values() for name, kind in facts.items() if kind == "Set<String>")
FIXED = frozenset({"agent", "user", "server", "serverKind", "serverName", "tool"})
"""Facts that follow from the principal and the resource."""


@dataclass(frozen=True, slots=True)
class Need:
    """The policy cannot apply unless one of these holds."""

    fixed: tuple[tuple[str, tuple[str | None, ...]], ...] = ()
    """A fixed fact has this form: texts, and None for any text."""
    named: tuple[tuple[str, frozenset[str]], ...] = ()
    """A set has one of these texts."""

    def can_hold(self, context: Mapping[str, Any]) -> bool:
        """Does one of the `fixed` ones hold?"""
        return any(_like(context[fact], form) for fact, form in self.fixed if fact in context)


def need(policy: Mapping[str, Any]) -> Need | None:
    """The need of a policy in Cedar's JSON form; None: nothing that could be told."""
    conditions = policy.get("conditions") or ()
    if not conditions or conditions[0].get("kind") != "when":
        return None
    return _need(conditions[0].get("body"))


def _need(part: object) -> Need | None:
    if not isinstance(part, dict) or len(part) != 1:
        return None
    ((operator, operands),) = part.items()
    if operator == "&&":
        return _need(operands["left"])
    if operator == "||":
        one, other = _need(operands["left"]), _need(operands["right"])
        return Need(one.fixed + other.fixed, one.named + other.named) if one and other else None
    if operator == "contains":
        return _one_of(operands["left"], operands["right"])
    if operator == "containsAny":
        return _one_of(operands["left"], operands["right"]) or _one_of(operands["right"], operands["left"])
    if operator == "like":
        form = [None if piece == "Wildcard" else piece.get("Literal") for piece in operands["pattern"]]
        return _of_form(operands["left"], form)
    if operator == "==":
        for fact, value in ((operands["left"], operands["right"]), (operands["right"], operands["left"])):
            if isinstance(text := value.get("Value"), str):
                return _of_form(fact, [text])
    return None


def _one_of(asked: object, given: object) -> Need | None:
    fact, texts = fact_of(asked), texts_of(given)
    return Need(named=((fact, texts),)) if fact in SETS and fact is not None and texts is not None else None


def _of_form(asked: object, form: Sequence[str | None]) -> Need | None:
    fact = fact_of(asked)
    return Need(fixed=((fact, tuple(form)),)) if fact in FIXED and fact is not None else None


def _like(text: str, form: Sequence[str | None]) -> bool:
    """Does the text have this form? In linear steps, however many wildcards there are."""
    parts = [""]
    for piece in form:
        if piece is None:
            parts.append("")
        else:
            parts[-1] += piece
    first, *rest = parts
    if not rest:
        return text == first
    *middle, last = rest
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
