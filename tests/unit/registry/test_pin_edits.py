"""Pins put into the document, what a signer is told of it, and the options for pins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.identity import ServerIdentity
from callgate.model.pin import Kind, Pin, PinRules
from callgate.registry import bundle, changes, options, roles

FILES = ServerIdentity("npm", "files")
A, B = "a" * 64, "b" * 64


def document() -> dict[str, Any]:
    made = bundle.with_effect(bundle.empty(), "test", FILES, None, Effect.ALLOW)
    return bundle.with_effect(made, "test", ServerIdentity("npm", "other"), None, Effect.ALLOW)


def lines(old: object, new: object) -> list[str]:
    return changes.between(*({roles.SERVERS: json.dumps(one).encode()} for one in (old, new)))


def test_pins_replace_those_of_the_named_entries_and_touch_nothing_else() -> None:
    first = bundle.with_pins(document(), "test", "npm:files", {Kind.TOOL: {"a": Pin(A, A), "b": Pin(A, A)}})
    second = bundle.with_pins(first, "test", "local/files", {Kind.TOOL: {"a": Pin(B, A), "c": Pin(A, A)}})
    assert bundle.rules(second, "test").pins(FILES, Kind.TOOL) == [{"a": Pin(B, A), "c": Pin(A, A)}]
    assert first["servers"][1] == second["servers"][1] == document()["servers"][1]
    assert lines(document(), first) == ["~ local/files: pins no tools -> 2 tools"]
    assert lines(first, second) == [
        "~ local/files: tool b is no longer pinned",
        "~ local/files: tool c is pinned",
        "~ local/files: tool a is pinned anew",
    ]


def test_a_server_that_is_on_no_entry_cannot_be_pinned() -> None:
    with pytest.raises(RegistryError, match="on no entry"):
        bundle.with_pins(document(), "test", "npm:unknown", {})


def test_the_registry_says_what_changes_may_do() -> None:
    found = options.read(b'{"pins": {"text": "ask", "widening": "allow"}}', "test", strict=True)
    assert found.pins == PinRules(text=Effect.ASK, widening=Effect.ALLOW)
    assert options.read(b"{}", "test").pins is None
    assert options.read(b'{"pins": {"newer": "deny"}}', "test").pins == PinRules()


@pytest.mark.parametrize("said", ['{"pins": []}', '{"pins": {"text": "maybe"}}', '{"pins": {"text": 7}}'])
def test_bad_options_for_pins_are_refused(said: str) -> None:
    with pytest.raises(RegistryError, match="pins"):
        options.read(said.encode(), "test")
    with pytest.raises(RegistryError, match="unknown class"):
        options.read(b'{"pins": {"newer": "deny"}}', "test", strict=True)
