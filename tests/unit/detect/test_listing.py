"""Listings: every definition of an answer is found, and what cannot be one is told."""

from __future__ import annotations

import json

import pytest
from callgate.detect import listing
from callgate.model.pin import Kind


def read(result: object, kind: Kind = Kind.TOOL) -> listing.Listing:
    return listing.read(kind, json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}))


def test_definitions_come_in_the_order_of_the_answer_and_twins_both_count() -> None:
    found = read({"tools": [{"name": "b"}, {"name": "a"}, {"name": "b", "description": "another"}]})
    assert found.names == ["b", "a", "b"] and not found.more
    assert found.definitions[0].pin != found.definitions[2].pin


def test_further_pages_are_announced_by_a_cursor_of_any_kind() -> None:
    assert read({"tools": [], "nextCursor": "x"}).more and read({"tools": [], "nextCursor": ""}).more
    assert not read({"tools": [], "nextCursor": None}).more


def test_what_has_no_proper_name_is_told_as_it_stands_in_the_answer() -> None:
    found = read({"tools": [{"name": 7.0}, {"name": ["a", 1.5]}, {"x": 1}, 5, {"name": "a"}]})
    assert found.names == ["a"] and found.nameless == (7, ["a", 1.5], None, None)


def test_a_list_of_names_is_a_list_of_definitions_that_nobody_read() -> None:
    found = listing.of_names(Kind.TOOL, ["a", None, "b"])
    assert found.names == ["a", "b"] and found.nameless == (None,)
    assert all(one.unread == listing.TOO_LARGE for one in found.definitions)


def test_an_opening_always_shows_instructions_even_if_there_are_none() -> None:
    assert read({"instructions": "Be brief."}, Kind.INSTRUCTIONS).definitions[0].value == {"instructions": "Be brief."}
    assert read({"capabilities": {}}, Kind.INSTRUCTIONS).names == [""]


@pytest.mark.parametrize("message", ["", "[]", "7", "{", '"text"', "[" * 100_000])
def test_what_is_no_json_object_is_an_error(message: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        listing.read(Kind.TOOL, message)
