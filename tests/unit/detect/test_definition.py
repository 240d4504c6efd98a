"""Definitions: what counts, what does not, and what hostile ones become."""

from __future__ import annotations

import json
from typing import Any

import pytest
from callgate.detect import definition, jcs
from callgate.detect.definition import DEPTH_MAX, TEXT_MAX, Definition
from callgate.model.pin import Kind

TOOL = {
    "name": "read",
    "title": "Read",
    "description": "Reads a file.",
    "inputSchema": {"type": "object", "properties": {"path": {"type": "string", "description": "Which"}}},
}


def read(value: object, kind: Kind = Kind.TOOL) -> Definition:
    found = definition.read(kind, jcs.parse(json.dumps(value)))
    assert found is not None
    return found


def test_the_first_digest_is_that_of_the_draft_and_covers_four_members() -> None:
    import hashlib

    tool = {"name": "a", "description": "b", "inputSchema": {}, "outputSchema": {}}
    text = '{"description":"b","inputSchema":{},"name":"a","outputSchema":{}}'
    assert read(tool).pin.digest == hashlib.sha256(text.encode()).hexdigest()
    assert read(tool | {"title": "c", "icons": [], "x": 1}).pin.digest == read(tool).pin.digest


@pytest.mark.parametrize("extra", [{"title": "x"}, {"annotations": {}}, {"icons": []}, {"_meta": {}}, {"x": None}])
def test_the_second_digest_covers_all_the_rest(extra: dict[str, Any]) -> None:
    changed = read(TOOL | extra)
    assert changed.pin.digest == read(TOOL).pin.digest and changed.pin.second != read(TOOL).pin.second


def test_the_shape_is_blind_to_wording_and_to_nothing_else() -> None:
    def with_property(**schema: object) -> Definition:
        return read(TOOL | {"inputSchema": {"type": "object", "properties": {"path": schema}}})

    same = with_property(type="string", description="Another", title="T", examples=["a"])
    assert same.shaped.shape == read(TOOL | {"description": "x"}).shaped.shape == read(TOOL).shaped.shape
    assert with_property(type="number").shaped.shape != read(TOOL).shaped.shape
    named = read(TOOL | {"inputSchema": {"properties": {"description": {"type": "string"}}}})
    assert named.shaped.shape != read(TOOL | {"inputSchema": {"properties": {}}}).shaped.shape  # a parameter's name


@pytest.mark.parametrize("value", [None, 7, "read", [], [TOOL], {}, {"name": None}, {"name": ["read"]}, {"name": 1.5}])
def test_what_has_no_name_is_no_definition(value: object) -> None:
    assert definition.read(Kind.TOOL, jcs.parse(json.dumps(value))) is None


def test_a_name_that_no_call_can_have_is_none() -> None:
    assert definition.read(Kind.TOOL, {"name": "x" * 4097}) is None
    assert read({"name": "x" * 4096}).name == "x" * 4096


@pytest.mark.parametrize("odd", [None, 7, "text", [], [[]], True, {"properties": 5}, {"properties": {"a": None}}])
def test_any_type_may_stand_anywhere(odd: object) -> None:
    found = read({"name": "read", "description": odd, "inputSchema": odd, "annotations": odd, "title": odd})
    assert not found.unread and found.value["description"] == odd


def test_a_definition_that_is_too_large_or_too_deep_is_unread_and_keeps_its_name() -> None:
    large = read(TOOL | {"description": "x" * TEXT_MAX})
    deep: Any = {}
    for _ in range(DEPTH_MAX):
        deep = {"items": deep}
    for found in (large, read(TOOL | {"inputSchema": deep})):
        assert found.name == "read" and found.unread and not found.text and not found.pin.digest
    wide = read(TOOL | {"inputSchema": {"enum": [[]] * 1000}})
    assert not wide.unread


def test_prompts_templates_and_instructions_are_read_too() -> None:
    prompt = read({"name": "p", "arguments": [{"name": "a"}]}, Kind.PROMPT)
    assert prompt.pin.digest != read({"name": "p", "arguments": []}, Kind.PROMPT).pin.digest
    template = read({"uriTemplate": "file:///{a}", "name": "t"}, Kind.TEMPLATE)
    assert template.name == "file:///{a}"
    assert definition.of_instructions("a").pin != definition.of_instructions("b").pin
    assert definition.of_instructions(None) == definition.of_instructions(7) == definition.of_instructions("")
