"""JSON that carries a decision: what two readers could take for two things is refused."""

from __future__ import annotations

import json

import pytest
from callgate.model.errors import RegistryError
from callgate.registry import activation, reading, roles


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": {"tool": "deny", "tool": "allow"}}', "'tool' twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e999}', "out of range"),
        (b'{"a": "\xff"}', "UTF-8 .byte 7"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b"[" * 200_000, "deeply"),
        (b'{"a": ', "is not JSON"),
    ],
)
def test_what_two_readers_could_take_for_two_things_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        reading.read(data)


def test_all_else_is_what_json_says_it_is() -> None:
    value = {"servers": [{"a": [1, 2.5, None, True, "\u00e9"]}]}
    assert reading.read(json.dumps(value).encode()) == value
    assert reading.read(b"\xef\xbb\xbf{}") == {}


def test_a_deny_that_a_second_word_hides_is_not_put_in_force() -> None:
    entry = (
        '{"server": {"name": "a/b"}, "_meta": {"dev.callgate/approval": {"identities": ["npm:b"], "effect": "allow",'
        ' "tools": {"push": "deny", "push": "allow"}}}}'
    )
    with pytest.raises(RegistryError, match="'push' twice"):
        activation.compiled({roles.SERVERS: f'{{"servers": [{entry}]}}'.encode()}, "org")
