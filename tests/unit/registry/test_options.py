"""policy/options.json: strict for who signs it, patient for a machine that is older than it."""

from __future__ import annotations

import pytest
from callgate.model.errors import RegistryError
from callgate.registry import options


def test_what_is_not_named_has_its_default() -> None:
    assert options.read(b"{}", "x") == options.Options()
    assert options.read(b'{"soft_stale_hours": 1.5}', "x").soft_stale_hours == 1.5


def test_an_unknown_option_is_an_error_for_who_signs_and_passed_over_by_a_machine() -> None:
    assert options.read(b'{"of_tomorrow": 1}', "x") == options.Options()
    with pytest.raises(RegistryError, match="of_tomorrow"):
        options.read(b'{"of_tomorrow": 1}', "x", strict=True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"soft_stale_hours": "1"}',
        b'{"soft_stale_hours": true}',
        b'{"hard_stale_hours": -1}',
        b'{"hard_stale_hours": 1e300}',
        b'{"hard_stale_hours": NaN}',
    ],
)
def test_what_makes_no_sense_is_refused_and_named(data: bytes) -> None:
    with pytest.raises(RegistryError, match="where"):
        options.read(data, "where")
