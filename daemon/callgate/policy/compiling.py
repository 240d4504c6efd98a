"""Pure: policy text -> compiled and validated policies, or all the mistakes in it with their lines."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from callgate.model.call import Effect
from callgate.policy.cedar import OBSERVE, Policies, Policy
from callgate.policy.needs import need
from callgate.policy.schema import ACTIONS, BUILTIN, schema
from callgate.policy.slices import scope
from callgate.policy.statements import Mistake, Statement, split
from callgate.policy.uses import Uses

if TYPE_CHECKING:
    import cedarpy

REASON_MAX = 500
"""Characters of a policy's reason: it is a sentence for the agent's user."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_QUOTED = re.compile(r"`([^`]{2,80})`")


def compile_policies(text: str) -> Policies | tuple[Mistake, ...]:
    """The policies of a text, or all that is wrong with it. Takes some 20 ms for 200 policies (and, the first time, 50
    for the engine). A text without any policy is a mistake: it would deny everything.
    """
    import cedarpy

    statements, mistakes = split(text)
    if not mistakes and not statements:
        mistakes = [Mistake(0, "there is no policy in it, so that everything would be denied")]
    if mistakes:
        return tuple(mistakes)
    policies: list[Policy] = []
    uses = Uses()
    for statement in statements:
        parsed, wrong = _parsed(statement)
        if parsed is not None:
            policy, wrong = _policy(statement, parsed, uses.add(parsed))
            policies.append(policy)
        mistakes += wrong
    mistakes += _repeated(policies)
    if not mistakes:
        mistakes = _invalid(statements, cedarpy.Schema.from_str(schema()))
        if not mistakes:
            return Policies(tuple(policies), uses, cedarpy.Schema.from_str(schema(frozenset(uses.facts))))
    return tuple(sorted(mistakes, key=lambda mistake: mistake.line))


NEEDING = tuple(action for action in ACTIONS if action != BUILTIN)
"""Actions that nothing allows but a permit."""


def unpermitted(policies: Policies) -> list[str]:
    """The actions that no policy permits, whatever the request. The agents' own tools need no permit."""
    return [
        action for action in NEEDING if not any(one.permits and one.scope.concerns(action) for one in policies.policies)
    ]


def _parsed(statement: Statement) -> tuple[dict[str, Any] | None, list[Mistake]]:
    """The statement in Cedar's JSON form, if it is one policy."""
    import cedarpy

    try:
        found = json.loads(cedarpy.policies_to_json_str(statement.text))
    except ValueError as error:
        return None, [Mistake(_line_of_error(statement, str(error)), f"{error}")]
    if found["templates"]:
        return None, [Mistake(statement.line, "templates (?principal, ?resource) cannot be used here")]
    policies = list(found["staticPolicies"].values())
    if len(policies) != 1:
        return None, [Mistake(statement.line, f"these are {len(policies)} policies where one was expected")]
    return policies[0], []


def _line_of_error(statement: Statement, problem: str) -> int:
    """The first line up to which the text already has this error. Cedar itself does not say where it was."""
    import cedarpy

    lines = statement.text.rstrip().split("\n")
    low, high = 1, len(lines)
    if "end of input" in problem:  # true of every beginning as well
        low = high
    while low < high:
        middle = (low + high) // 2
        try:
            cedarpy.PolicySet.from_str("\n".join(lines[:middle]))
            same = False
        except ValueError as error:
            same = str(error) == problem
        low, high = (low, middle) if same else (middle + 1, high)
    return statement.line + low - 1


def _policy(statement: Statement, parsed: dict[str, Any], facts: frozenset[str]) -> tuple[Policy, list[Mistake]]:
    """The policy behind a statement, and what is wrong with its annotations."""
    notes = {name: value or "" for name, value in (parsed.get("annotations") or {}).items()}
    permits = parsed["effect"] == "permit"
    wrong = [_unknown(statement, name) for name in notes if name not in ("id", "effect", "reason")]
    name, effect, reason = notes.get("id"), notes.get("effect"), notes.get("reason", "")
    if name is None:
        wrong.append(Mistake(statement.line, '@id("...") is missing: the log names a policy by it'))
    elif not _ID.fullmatch(name):
        problem = f"@id({name!r}) must be 1 to 80 letters, digits, dots, dashes or underscores"
        wrong.append(Mistake(statement.line_of("@id"), problem))
    allowed = ("ask",) if permits else ("ask", OBSERVE)
    if effect is not None and effect not in allowed:
        words = " or ".join(f'"{word}"' for word in allowed)
        line = statement.line_of("@effect")
        wrong.append(Mistake(line, f"@effect({effect!r}) on a {parsed['effect']}: expected {words}"))
    if len(reason) > REASON_MAX or not reason.isprintable():
        wrong.append(
            Mistake(statement.line_of("@reason"), f"@reason must be one line of at most {REASON_MAX} characters")
        )
    word = effect or (Effect.ALLOW.word if permits else Effect.DENY.word)
    known = scope(parsed), need(parsed), facts
    return Policy(name or "", permits, word, reason, statement.line, statement.text, *known), wrong


def _unknown(statement: Statement, name: str) -> Mistake:
    return Mistake(statement.line_of(f"@{name}"), f"@{name} is not known: expected @id, @effect or @reason")


def _repeated(policies: Sequence[Policy]) -> list[Mistake]:
    first: dict[str, int] = {}
    wrong = []
    for policy in policies:
        if policy.id and policy.id in first:
            wrong.append(Mistake(policy.line, f'@id("{policy.id}") is used already in line {first[policy.id]}'))
        first.setdefault(policy.id, policy.line)
    return wrong


def _invalid(statements: Sequence[Statement], whole: cedarpy.Schema) -> list[Mistake]:
    """What does not fit the schema. Cedar numbers policies in the order of the text."""
    import cedarpy

    result = cedarpy.validate_policies("\n".join(statement.text for statement in statements), whole, release_gil=True)
    wrong = []
    for error in result.errors:
        number = error.policy_id.removeprefix("policy")
        statement = statements[int(number)] if number.isdigit() and int(number) < len(statements) else None
        problem = re.sub(r"^for policy `[^`]*`, ", "", error.error)
        line = 0
        if statement is not None:
            words = [word for word in _QUOTED.findall(problem) if word in statement.text]
            line = statement.line_of(words[0]) if words else statement.line
        wrong.append(Mistake(line, problem))
    if not result.validation_passed and not wrong:
        wrong.append(Mistake(0, "it does not fit the schema"))
    return wrong
