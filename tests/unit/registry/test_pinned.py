"""Pins in the registry's document."""

from __future__ import annotations

from typing import Any

import pytest
from callgate.model.errors import RegistryError
from callgate.model.identity import ServerIdentity
from callgate.model.pin import Kind, Pin
from callgate.registry import bundle, pinned

A, B, C = "a" * 64, "b" * 64, "c" * 64
PINS = {
    Kind.TOOL: {"read": Pin(A, B, C), "write": Pin(B, B)},
    Kind.TEMPLATE: {"file:///{x}": Pin(A, A)},
    Kind.INSTRUCTIONS: {"": Pin(C, B, A)},
}


def document(pins: object) -> dict[str, Any]:
    stated = {"identities": ["npm:files"], "effect": "allow", "pins": pins}
    return {"servers": [{"server": {"name": "x/files"}, "_meta": {bundle.META: stated}}]}


def test_what_is_written_is_read_again() -> None:
    assert pinned.read(pinned.written(PINS)) == PINS
    rules = bundle.rules(document(pinned.written(PINS)), "test")
    server = ServerIdentity("npm", "files", "1.0.0")
    assert rules.pins(server, Kind.TOOL) == [PINS[Kind.TOOL]]
    assert rules.pins(server, Kind.PROMPT) == [] == rules.pins(ServerIdentity("npm", "other"), Kind.TOOL)


def test_no_pins_are_none_and_no_tools_are_all_tools_unpinned() -> None:
    assert pinned.read(None) == pinned.read({}) == {}
    assert pinned.read({"tools": {}}) == {Kind.TOOL: {}}


@pytest.mark.parametrize(
    "stated",
    [
        [], "x", {"resources": {}}, {"tools": []}, {"tools": {"a": A}}, {"tools": {"a": {}}},
        {"tools": {"a": {"digest": A}}}, {"tools": {"a": {"digest": A, "second": "x"}}},
        {"tools": {"a": {"digest": A.upper(), "second": B}}}, {"tools": {"a": {"digest": A, "second": B, "shape": 7}}},
        {"instructions": {"": {"digest": A, "second": B}}}, {"tools": {"a": {"digest": A + "\n", "second": B}}},
    ],
)  # fmt: skip
def test_a_bad_pin_refuses_the_document(stated: object) -> None:
    with pytest.raises(ValueError, match="pin"):
        pinned.read(stated)
    with pytest.raises(RegistryError, match="x/files"):
        bundle.rules(document(stated), "test")
