"""The page of the agents' own controls says what the vendor files say."""

from __future__ import annotations

import re
from pathlib import Path

from callgate.agents.native.control import Control
from callgate.agents.native.page import render
from callgate.agents.native.table import NATIVES

DOCS = Path(__file__).parents[4] / "docs"


def test_the_page_is_what_the_vendor_files_say() -> None:
    command = "python -m callgate.agents.native.page > docs/native.md"
    assert (DOCS / "native.md").read_text() == render(), f"run: {command}"


def test_every_row_of_the_table_has_a_cell_for_each_control() -> None:
    rows = [line for line in render().splitlines() if line.startswith("|")]
    assert len(rows) == len(NATIVES) + 2
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {len(Control) + 3}


def test_each_agent_has_a_section_with_its_files() -> None:
    page = render()
    for one in NATIVES:
        assert f"## {one.name}\n" in page
        for path in (*one.place.linux, *one.place.macos, *one.place.windows):
            assert f"`{path}`" in page
