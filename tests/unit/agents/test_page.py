"""The page of supported agents says what the code does."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from callgate.agents import ALL
from callgate.agents.adapter import Agent
from callgate.agents.page import render

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_is_what_the_vendor_files_say() -> None:
    assert (DOCS / "agents.md").read_text() == render(), "run: python -m callgate.agents.page > docs/agents.md"


@pytest.mark.parametrize("agent", ALL, ids=lambda agent: agent.id)
def test_an_agent_has_its_section_with_all_its_files(agent: Agent) -> None:
    page = render([agent])
    assert f"## {agent.name}\n" in page
    for place in agent.places:
        for template in place.paths.linux + place.paths.macos + place.paths.windows:
            assert f"`{template.replace('{project}', '<project>')}`" in page


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    lines = [0 if line[:1] != "|" else len(re.findall(r"(?<!\\)\|", line)) for line in render().splitlines()]
    assert set(lines) == {0, 5, 6}
    assert all(0 in pair or len(set(pair)) == 1 for pair in itertools.pairwise(lines))


def test_an_agent_with_hooks_says_where_they_are_and_what_happens_when_they_fail() -> None:
    for agent in ALL:
        if agent.hooks is not None:
            assert f"Hooks: in `{agent.hooks.spot.path}`" in render([agent])
            assert f"When the hook itself fails: {agent.hooks.fails}." in render([agent])
