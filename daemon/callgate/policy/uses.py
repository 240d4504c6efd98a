"""Pure: which facts a policy looks at, and how: what no policy looks at is neither searched for nor given to Cedar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from callgate.policy.schema import ALL_FACTS

_PROBES = {"contains": "right", "containsAny": "both", "containsAll": "right"}
"""Operators that ask a set for given texts, and on which side these may stand."""


@dataclass(slots=True)
class Uses:
    """Collected over all policies of a set."""

    facts: set[str] = field(default_factory=set)
    """Those that are looked at."""
    whole: set[str] = field(default_factory=set)
    """Those that are looked at other than by asking a set for given texts."""
    probes: set[str] = field(default_factory=set)
    """The texts that sets are asked for: what else a set holds makes no difference."""

    def add(self, policy: Mapping[str, Any]) -> frozenset[str]:
        """Take in a policy in Cedar's JSON form: the facts that it looks at. What is not understood counts as a look at
        everything.
        """
        before, self.facts = self.facts, set()
        self._walk([clause.get("body") for clause in policy.get("conditions") or ()])
        own = frozenset(self.facts)
        self.facts |= before
        return own

    def reduced(self, fact: str, value: object) -> object:
        """The value without what makes no difference."""
        if isinstance(value, list) and fact not in self.whole:
            return [text for text in value if text in self.probes]
        return value

    def _walk(self, part: object) -> None:
        if isinstance(part, list):
            for item in part:
                self._walk(item)
        elif isinstance(part, dict):
            if part.get("Var") == "context":
                self._see(ALL_FACTS)
            for operator, operands in part.items():
                self._operator(operator, operands)

    def _operator(self, operator: str, operands: object) -> None:
        if isinstance(operands, dict):
            if operator in (".", "has") and operands.get("left") == {"Var": "context"}:
                attribute = operands.get("attr")
                self._see({attribute} if isinstance(attribute, str) else ALL_FACTS)
                return
            if operator in _PROBES and self._probe(_PROBES[operator], operands):
                return
        self._walk(operands)

    def _probe(self, side: str, operands: Mapping[str, Any]) -> bool:
        """Take in `context.fact.contains("text")` and the like; False if it is not one of them."""
        pairs = [(operands.get("left"), operands.get("right"))]
        if side == "both":
            pairs.append((operands.get("right"), operands.get("left")))
        for asked, given in pairs:
            fact, texts = fact_of(asked), texts_of(given)
            if fact is not None and texts is not None:
                self.facts.add(fact)
                self.probes |= texts
                return True
        return False

    def _see(self, facts: set[str] | frozenset[str]) -> None:
        self.facts |= facts
        self.whole |= facts


def fact_of(part: object) -> str | None:
    """The name of the fact, if this part of an expression is `context.fact` and nothing else."""
    if not isinstance(part, dict) or part.keys() != {"."}:
        return None
    access = part["."]
    return str(access["attr"]) if access.get("left") == {"Var": "context"} else None


def texts_of(part: object) -> frozenset[str] | None:
    """The texts, if this part of an expression is a text or a set of texts as they are written."""
    if not isinstance(part, dict) or len(part) != 1:
        return None
    values = part["Set"] if isinstance(part.get("Set"), list) else [part]
    texts = [value.get("Value") if isinstance(value, dict) else None for value in values]
    return (
        frozenset(text for text in texts if isinstance(text, str)) if all(isinstance(t, str) for t in texts) else None
    )
