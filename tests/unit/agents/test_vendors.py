"""Every agent against config files as they are found: one folder per agent in tests/data/agents, one folder per case.

A case holds `home/` and `project/` trees, `expected.json` (what is read) and `wrapped/` (the files after wrapping).
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from callgate.agents import ALL
from callgate.agents.adapter import Agent, Place, expand
from callgate.agents.formats import document
from callgate.agents.shapes import SHAPES, RawEntry
from callgate.model.inventory import Scope, Surroundings, Transport

DATA = Path(__file__).parents[2] / "data" / "agents"
CASES = [
    pytest.param(agent, case, id=f"{agent.id}-{case.name}")
    for agent in ALL
    for case in sorted((DATA / agent.id).glob("*"))
    if case.is_dir()
]
LAUNCHER = "/opt/callgate/launchers/one"


def expected_of(case: Path) -> dict[str, Any]:
    return json.loads((case / "expected.json").read_text())


def found(agent: Agent, case: Path) -> Iterator[tuple[Place, Path]]:
    """The files of the case that the agent's places lead to."""
    expected = expected_of(case)
    env = {name: value.replace("{case}", str(case)) for name, value in expected.get("env", {}).items()}
    around = Surroundings(str(case / "home"), expected["os"], env)
    for place in agent.places:
        for project in (None, str(case / "project")):
            for path in expand(place, around, project):
                for each in glob.glob(path) if place.is_pattern else [path]:  # noqa: PTH207 - absolute patterns
                    if Path(each).is_relative_to(case) and Path(each).is_file():
                        yield place, Path(each)


def shown(raw: RawEntry, place: Place) -> dict[str, object]:
    """An entry as expected.json writes it: what is not said is the default."""
    full = {
        "name": raw.name,
        "argv": list(raw.argv),
        "url": raw.url,
        "env": list(raw.env_names),
        "cwd": raw.cwd,
        "project": raw.project,
        "unwrappable": place.unwrappable or raw.unwrappable,
    }
    short = {key: value for key, value in full.items() if value or key == "name"}
    return short if raw.enabled else {**short, "enabled": False}


@pytest.mark.parametrize(("agent", "case"), CASES)
def test_the_entries_of_a_found_config_are_read(agent: Agent, case: Path) -> None:
    read: dict[str, Any] = {}
    for place, path in found(agent, case):
        reading = SHAPES[place.shape].read(document.parse(path.read_bytes(), place.format))
        entries = [shown(raw, place) for raw in reading.entries]
        file = {"scope": place.scope.value, "entries": entries}
        read[str(path.relative_to(case))] = file | ({"problems": list(reading.problems)} if reading.problems else {})
    assert read == expected_of(case)["files"]


@pytest.mark.parametrize(("agent", "case"), CASES)
def test_wrapping_changes_the_command_and_nothing_else(agent: Agent, case: Path) -> None:
    wrapped = {}
    for place, path in found(agent, case):
        shape, before = SHAPES[place.shape], path.read_bytes()
        raws = shape.read(document.parse(before, place.format)).entries
        edits = [edit for raw in raws if not place.unwrappable for edit in shape.wrap(raw, LAUNCHER)]
        if not edits:
            continue
        after = document.edit(before, place.format, edits)
        wrapped[str(path.relative_to(case))] = after.decode()
        for old, new in zip(raws, shape.read(document.parse(after, place.format)).entries, strict=True):
            local = old.transport is Transport.STDIO and not old.unwrappable
            assert new.argv == ((LAUNCHER, "--", *old.argv) if local else old.argv)
            assert (new.name, new.at, new.url, new.env_names, new.cwd) == (
                old.name,
                old.at,
                old.url,
                old.env_names,
                old.cwd,
            )
    folder = case / "wrapped"
    golden = {str(p.relative_to(folder)): p.read_bytes().decode() for p in folder.rglob("*") if p.is_file()}
    assert wrapped == golden


@pytest.mark.parametrize("agent", ALL, ids=lambda agent: agent.id)
def test_every_place_of_an_agent_has_a_file_in_its_cases(agent: Agent) -> None:
    cases = [case for case in (DATA / agent.id).glob("*") if case.is_dir()]
    seen = {place for case in cases for place, _ in found(agent, case)}
    unseen = [place for place in agent.places if place.scope is not Scope.SYSTEM and place not in seen]
    assert unseen == []
