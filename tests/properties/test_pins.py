"""Digests of definitions: no spelling of the same JSON changes one, and every other change does."""

from __future__ import annotations

import json
import random
from typing import Any

from callgate.detect import change, definition, jcs, schema, words
from callgate.detect.definition import Definition
from callgate.model.pin import ChangeClass, Kind
from hypothesis import assume, given
from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
WORDS = st.text(st.characters(categories=["L", "N", "P", "Zs"], exclude_characters=";"), max_size=40)
KEYWORDS = st.sampled_from(
    ["type", "properties", "required", "enum", "items", "anyOf", "minimum", "maxLength", "pattern", "default", "$ref",
     "description", "additionalProperties", "$defs", "not"]
)  # fmt: skip
SCHEMAS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS | TEXTS, inner, max_size=4)
)
MEMBERS = ["description", "inputSchema", "outputSchema", "title", "annotations", "icons", "_meta", "other"]
TOOLS = st.fixed_dictionaries({"name": st.just("t")}, optional=dict.fromkeys(MEMBERS, VALUES))


def read(text: str) -> Definition:
    found = definition.read(Kind.TOOL, jcs.parse(text))
    assert found is not None
    return found


def spelled(value: Any, dice: random.Random) -> str:
    """The same JSON in another spelling: members in any order, white space anywhere, escapes for any letter."""
    gap = "".join(dice.choices(" \t\n\r", k=dice.randrange(3)))
    if isinstance(value, dict):
        pairs = list(value.items())
        dice.shuffle(pairs)
        inner = ("," + gap).join(f"{gap}{spelled(key, dice)}{gap}:{gap}{spelled(one, dice)}" for key, one in pairs)
        return "{" + inner + gap + "}"
    if isinstance(value, list):
        return "[" + f"{gap},{gap}".join(spelled(one, dice) for one in value) + gap + "]"
    if isinstance(value, str):
        plain = json.dumps(value, ensure_ascii=False)[1:-1]
        escaped = json.dumps(value)[1:-1]
        every = "".join(f"\\u{unit:04x}" for unit in units(value))
        return f'"{dice.choice([plain, escaped, every])}"'
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return dice.choice([repr(value), f"{value:.1f}e0", str(int(value))])
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return dice.choice([str(value), f"{value}.0", f"{value}0e-1"])
    return json.dumps(value)


def units(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def plain(value: Any) -> Any:
    """A value by which JSON values are the same or not: numbers as doubles, where those are exact."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return (type(value).__name__, value)
    if isinstance(value, int | float):
        return ("number", float(value) + 0.0)
    if isinstance(value, list):
        return ("list", *(plain(one) for one in value))
    return ("dict", *sorted((key, plain(one)) for key, one in value.items()))


@given(TOOLS, st.randoms(use_true_random=False))
def test_no_spelling_changes_a_digest(tool: dict[str, Any], dice: random.Random) -> None:
    first, second = read(json.dumps(tool)), read(spelled(tool, dice))
    assert (first.pin, first.text) == (second.pin, second.text)
    assert not change.compare(first, second).reasons


@given(TOOLS, TOOLS)
def test_every_other_change_changes_one(old: dict[str, Any], new: dict[str, Any]) -> None:
    first, second = read(json.dumps(old)), read(json.dumps(new))
    same = plain(old) == plain(new)
    assert first.pin.same(second.pin) == same
    assert bool(change.compare(first, second).reasons) != same


@given(VALUES)
def test_what_is_canonical_stays_so_and_says_the_same(value: Any) -> None:
    text = jcs.canonical(jcs.parse(json.dumps(value)))
    assert jcs.canonical(jcs.parse(text)) == text
    assert plain(json.loads(text)) == plain(json.loads(json.dumps(value)))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_so_that_it_is_read_back(value: float) -> None:
    assert float(jcs.number(value)) == value


@given(SCHEMAS, SCHEMAS)
def test_two_schemas_of_whatever_types_can_be_compared(old: Any, new: Any) -> None:
    first, second = (jcs.parse(json.dumps(one)) for one in (old, new))
    found = list(schema.differences(first, second))
    assert all(reason.of in (ChangeClass.NARROWING, ChangeClass.WIDENING) for reason in found)
    assert list(schema.differences(first, first)) == []


@given(st.dictionaries(st.sampled_from("abcd"), st.just({}), min_size=1), st.data())
def test_dropping_a_requirement_always_widens_and_adding_one_never_does(
    properties: dict[str, Any], data: st.DataObject
) -> None:
    names = st.lists(st.sampled_from(sorted(properties)), unique=True)
    more, fewer = data.draw(names), data.draw(names)
    assume(set(fewer) < set(more))
    big, small = ({"properties": properties, "required": required} for required in (more, fewer))
    assert {reason.of for reason in schema.differences(big, small)} == {ChangeClass.WIDENING}
    assert {reason.of for reason in schema.differences(small, big)} == {ChangeClass.NARROWING}


@given(st.lists(st.text(max_size=80), max_size=5))
def test_any_texts_can_be_searched(texts: list[str]) -> None:
    assert words.marks(texts).keys() == words.marks(list(texts)).keys()


@given(WORDS, WORDS)
def test_a_word_to_the_model_is_found_wherever_it_stands(before: str, after: str) -> None:
    assert ("secrecy", "do not tell") in words.marks([f"{before} Do\nnot  TELL {after}"])
