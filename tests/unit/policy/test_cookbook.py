"""The docs' cookbook: every policy in it is valid, and does what the table below it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from callgate.policy import table
from callgate.policy.cedar import Policies
from callgate.policy.compiling import compile_policies
from callgate.policy.schema import ALL_FACTS

PAGE = (Path(__file__).parents[3] / "docs" / "policy.md").read_text()
EXAMPLES = re.findall(r"^### ([^\n]+)\n(?:(?!^#).)*?```cedar\n(.*?)```\n\n```csv\n(.*?)```", PAGE, re.M | re.S)


def test_the_cookbook_has_its_examples() -> None:
    assert len(EXAMPLES) == PAGE.count("```cedar") == PAGE.count("```csv") >= 8


@pytest.mark.parametrize(("title", "policy", "cases"), EXAMPLES, ids=[title for title, _, _ in EXAMPLES])
def test_an_example_does_what_its_table_says(title: str, policy: str, cases: str) -> None:
    compiled = compile_policies(policy)
    assert isinstance(compiled, Policies), compiled
    found, mistakes = table.parse(cases)
    assert mistakes == []
    assert table.failures(compiled, found) == []


def test_every_fact_of_the_schema_is_described_and_no_other() -> None:
    facts = PAGE.split("## Facts", 1)[1].split("\n## ", 1)[0]
    described = {name for row in re.findall(r"^\| (`[^|]+) \|", facts, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert described == ALL_FACTS


def test_every_column_of_a_table_is_described() -> None:
    page = PAGE.split("## Table tests", 1)[1].split("\n## ", 1)[0]
    assert [name for name in table.COLUMNS if f"`{name}`" not in page] == []
