"""Pure: the difference between two JSON Schemas of a tool's input: what it takes less, what it takes more.

Not a proof of containment: keywords are compared one by one, and whatever is not understood counts as widening.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from callgate.detect.definition import TABLES, WORDS
from callgate.detect.jcs import Real, canonical
from callgate.model.pin import ChangeClass, Reason

SILENT = WORDS | {"$schema", "$id", "$anchor", "deprecated", "readOnly", "writeOnly", "contentMediaType"}
"""Keywords that change nothing of what is taken; those of WORDS are compared as texts."""
AT_LEAST = frozenset(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"))
AT_MOST = frozenset(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"))
LIMITS = frozenset(
    ("pattern", "format", "const", "multipleOf", "uniqueItems", "contentEncoding", "not", "dependentRequired")
)
"""Keywords that only ever forbid: one more narrows, one less widens, another one may do either."""
CHOICES = ("anyOf", "oneOf")
INNER = frozenset(
    ("items", "additionalProperties", "additionalItems", "contains", "propertyNames", "unevaluatedProperties")
)
"""Keywords whose value is a schema; left out they take everything, and `false` takes nothing."""

Differences = Iterator[Reason]


def differences(old: Any, new: Any, where: str = "") -> Differences:
    """What differs from `old` to `new`, at any depth; `where` names the place for people. Wording is left out."""
    if canonical(old) == canonical(new):
        return
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield from _by_switch(old, new, where)
        return
    before, after = _taken(old), _taken(new)
    for key in sorted(before.keys() | after.keys()):
        if key not in SILENT and canonical(before.get(key, ABSENT)) != canonical(after.get(key, ABSENT)):
            yield from RULES.get(key, _other)(before, after, key, where)


def _taken(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what is understood when it is not said."""
    return {"required": [], "properties": {}} | schema


def _properties(old: dict[str, Any], new: dict[str, Any], key: str, where: str) -> Differences:
    before, after = _table(old.get(key)), _table(new.get(key))
    required = _set(new.get("required"))
    for name in sorted(before.keys() - after.keys()):
        yield Reason(ChangeClass.NARROWING, f"{_named(where, name)} is gone")
    for name in sorted(after.keys() - before.keys()):
        extra = ", and required" if canonical(name) in required else ""
        yield Reason(ChangeClass.WIDENING, f"{_named(where, name)} is a new parameter{extra}")
    for name in sorted(before.keys() & after.keys()):
        yield from differences(before[name], after[name], _at(where, name))


def _required(old: dict[str, Any], new: dict[str, Any], key: str, where: str) -> Differences:
    before, after = _set(old.get(key)), _set(new.get(key))
    known = {canonical(name) for name in _table(old.get("properties"))}
    gone = known - {canonical(name) for name in _table(new.get("properties"))}
    for name in sorted(before - after - gone):
        yield Reason(ChangeClass.WIDENING, f"{_named(where, name.strip(QUOTE))} is no longer required")
    for name in sorted((after - before) & known):
        yield Reason(ChangeClass.NARROWING, f"{_named(where, name.strip(QUOTE))} is now required")


def _tables(old: dict[str, Any], new: dict[str, Any], key: str, where: str) -> Differences:
    before, after = _table(old.get(key)), _table(new.get(key))
    for name in sorted(before.keys() & after.keys()):
        yield from differences(before[name], after[name], _at(where, f"{key}/{name}"))
    if key in ("patternProperties", "dependentSchemas") and before.keys() != after.keys():
        yield Reason(ChangeClass.WIDENING, f"{_here(where)} has other `{key}`")


def _options(old: dict[str, Any], new: dict[str, Any], key: str, where: str) -> Differences:
    """`enum` and `type`: any of several; left out: everything."""
    before = _set(old[key]) if key in old else None
    after = _set(new[key]) if key in new else None
    what = "values" if key == "enum" else "types"
    if before is None or (after is not None and after < before):
        yield Reason(ChangeClass.NARROWING, f"{_here(where)} takes fewer {what}")
    elif after is None:
        yield Reason(ChangeClass.WIDENING, f"{_here(where)} takes {what} of any kind")
    elif extra := after - before:
        yield Reason(ChangeClass.WIDENING, f"{_here(where)} takes more {what}", _some(extra))


def _bounds(old: dict[str, Any], new: dict[str, Any], key: str, where: str) -> Differences:
    before, after = _float(old.get(key)), _float(new.get(key))
    if key in old and key in new and (before is None or after is None):
        yield from _other(old, new, key, where)
        return
    lower = before is not None and (after is None or (after < before) is (key in AT_LEAST))
    which, change = (ChangeClass.WIDENING, "wider") if lower else (ChangeClass.NARROWING, "narrower")
    yield Reason(which, f"{_here(where)} has a {change} `{key}`")


def _limits(old: dict[str, Any], new: dict[str, Any], key: str, where: str) -> Differences:
    if key not in old:
        yield Reason(ChangeClass.NARROWING, f"{_here(where)} must now keep to a `{key}`")
    elif key not in new:
        yield Reason(ChangeClass.WIDENING, f"{_here(where)} need no longer keep to its `{key}`")
    else:
        yield Reason(ChangeClass.WIDENING, f"{_here(where)} must keep to another `{key}`")


def _choices(old: dict[str, Any], new: dict[str, Any], key: str, where: str) -> Differences:
    before, after = old.get(key), new.get(key)
    if before is None or after is None or not isinstance(before, list) or not isinstance(after, list):
        yield Reason(ChangeClass.WIDENING, f"{_here(where)} takes its `{key}` from other schemas")
        return
    left, right = [canonical(one) for one in before], [canonical(one) for one in after]
    gone = [one for one, text in zip(before, left, strict=True) if text not in right]
    come = [one for one, text in zip(after, right, strict=True) if text not in left]
    if len(gone) == len(come):
        for first, second in zip(gone, come, strict=True):
            yield from differences(first, second, _at(where, key))
    elif come:
        yield Reason(ChangeClass.WIDENING, f"{_here(where)} takes more kinds of values (`{key}`)")
    else:
        yield Reason(ChangeClass.NARROWING, f"{_here(where)} takes fewer kinds of values (`{key}`)")


def _inner(old: dict[str, Any], new: dict[str, Any], key: str, where: str) -> Differences:
    yield from differences(old.get(key, True), new.get(key, True), _at(where, key))


def _other(old: dict[str, Any], new: dict[str, Any], key: str, where: str) -> Differences:
    yield Reason(ChangeClass.WIDENING, f"{called(key, 'a keyword')} of {_here(where)} is different")


def _by_switch(old: Any, new: Any, where: str) -> Differences:
    """Where one of the two is `true`, `false` or no schema at all."""
    if old is False or new is True or new == {}:
        yield Reason(ChangeClass.WIDENING, f"{_here(where)} takes more than before")
    elif old is True or old == {} or new is False:
        yield Reason(ChangeClass.NARROWING, f"{_here(where)} takes less than before")
    else:
        yield Reason(ChangeClass.WIDENING, f"{_here(where)} is no longer described in the same way")


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _set(value: Any) -> set[str]:
    """The members of a list in canonical form; of anything else, itself."""
    return {canonical(one) for one in (value if isinstance(value, list) else [] if value is None else [value])}


def _float(value: Any) -> float | None:
    if isinstance(value, Real):
        return value.value
    return float(value) if type(value) is int and abs(value) < 2**1000 else None


def _some(texts: set[str]) -> str:
    shown = [text[:40] for text in sorted(texts)[:3]]
    return ", ".join(shown) + (" ..." if len(texts) > 3 else "")


def called(name: str, otherwise: str) -> str:
    """A name from a hostile definition for one of our sentences: a whole sentence can be a name."""
    return f"`{name}`" if PLAIN.fullmatch(name) else f"{otherwise} of an odd name"


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _named(where: str, name: str) -> str:
    return called(_at(where, name), "a parameter")


def _here(where: str) -> str:
    return called(where, "a parameter") if where else "the input"


PLAIN = re.compile(r"[A-Za-z0-9_$./*-]{1,80}")
"""No spaces: no sentences. Who reads `ignore_all_previous_instructions` reads a name."""
ABSENT = "\0absent"
QUOTE = '"'
Rule = Callable[[dict[str, Any], dict[str, Any], str, str], Differences]
RULES: dict[str, Rule] = {
    **dict.fromkeys(TABLES, _tables),
    **dict.fromkeys(AT_LEAST | AT_MOST, _bounds),
    **dict.fromkeys(LIMITS, _limits),
    **dict.fromkeys(CHOICES, _choices),
    **dict.fromkeys(INNER, _inner),
    "properties": _properties,
    "required": _required,
    "enum": _options,
    "type": _options,
}
