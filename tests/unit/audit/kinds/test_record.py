"""The schema of the log: what is written fits it, and what does not fit is named."""

from __future__ import annotations

import pytest
from callgate.audit.kinds.record import KINDS, problems

ROW = {"seq": 7, "time": 1, "kind": "call.answered", "detail": {"ms": 0.5, "bytes": 9, "error": False}, "hash": "00"}


def test_a_row_of_a_known_kind_fits() -> None:
    assert problems(ROW) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "call.whispered"}, "is no kind of schema"),
        ({"detail": {"ms": 0.5, "bytes": 9, "error": False, "mood": "good"}}, "mood"),
        ({"detail": {"ms": 0.5, "bytes": "many", "error": False}}, "bytes"),
        ({"detail": {}}, "Field required"),
        ({"effect": "perhaps"}, "effect"),
        ({"colour": "red"}, "colour"),
        ({"seq": None}, "seq"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], said: str) -> None:
    found = problems({**ROW, **change})
    assert found
    assert said in " ".join(found)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_and_each_field_of_it_is_explained(name: str) -> None:
    assert KINDS[name].sentence.endswith(".")
    for field, info in KINDS[name].detail.model_fields.items():
        assert info.description, field
