"""The page of events says what the schema says, and leaves the rest of the page alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from callgate.audit.kinds.page import BEGIN, END, render
from callgate.audit.kinds.record import KINDS

PAGE = Path(__file__).parents[4] / "docs" / "events.md"


def test_the_page_is_what_the_schema_says() -> None:
    page = PAGE.read_text()
    assert page == render(page), (
        "run: python -m callgate.audit.kinds.page < docs/events.md > new; mv new docs/events.md"
    )


def test_every_kind_has_its_line() -> None:
    page = PAGE.read_text()
    assert [kind for kind in KINDS if f"| `{kind}` |" not in page] == []


def test_what_stands_around_the_tables_stays() -> None:
    made = render(f"before\n{BEGIN} -->\nold\n{END}\nafter\n")
    assert made.startswith("before\n")
    assert made.endswith(f"{END}\nafter\n")
    assert "\nold\n" not in made


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        render("nothing")
