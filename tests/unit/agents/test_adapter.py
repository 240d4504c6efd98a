"""Path templates become paths of one home on one system, or nothing at all."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from callgate.agents import ALL
from callgate.agents.adapter import Agent, Paths, Place, app_data, expand, same
from callgate.agents.shapes import SHAPES
from callgate.model.inventory import Format, Scope, Surroundings


def place(*templates: str) -> Place:
    return Place(Scope.USER, same(*templates), Format.JSONC, "claude")


LINUX = Surroundings("/home/ana", "linux")
WINDOWS = Surroundings("C:\\Users\\ana", "windows")


def test_a_tilde_is_the_home() -> None:
    assert expand(place("~/.x/y.json"), LINUX) == ("/home/ana/.x/y.json",)


def test_a_variable_that_is_set_moves_the_file() -> None:
    around = Surroundings("/home/ana", "linux", {"X_HOME": "/srv/x/"})
    assert expand(place("${X_HOME:-~/.x}/y.json"), around) == ("/srv/x/y.json",)


@pytest.mark.parametrize("env", [{}, {"X_HOME": ""}])
def test_a_variable_that_is_not_set_leaves_the_default(env: dict[str, str]) -> None:
    assert expand(place("${X_HOME:-~/.x}/y.json"), Surroundings("/home/ana", "linux", env)) == ("/home/ana/.x/y.json",)


def test_a_variable_without_default_that_is_not_set_names_no_file() -> None:
    assert expand(place("${X_CONFIG}"), LINUX) == ()


def test_a_variable_may_name_a_file_below_the_home() -> None:
    around = Surroundings("/home/ana", "linux", {"X_CONFIG": "~/x.json"})
    assert expand(place("${X_CONFIG}"), around) == ("/home/ana/x.json",)


def test_a_variable_with_a_relative_path_names_no_file() -> None:
    assert expand(place("${X_HOME:-~/.x}/y.json"), Surroundings("/home/ana", "linux", {"X_HOME": "here"})) == ()


def test_a_variable_that_is_the_root_gives_an_absolute_path() -> None:
    assert expand(place("${X_HOME:-~}/y.json"), Surroundings("/home/ana", "linux", {"X_HOME": "/"})) == ("/y.json",)


def test_windows_paths_have_backslashes_and_variables_of_any_case() -> None:
    around = Surroundings("C:\\Users\\ana", "windows", {"AppData": "D:\\Roaming"})
    assert expand(place("${APPDATA:-~/AppData/Roaming}/X/y.json"), around) == ("D:\\Roaming\\X\\y.json",)
    assert expand(place("${APPDATA:-~/AppData/Roaming}/X/y.json"), WINDOWS) == (
        "C:\\Users\\ana\\AppData\\Roaming\\X\\y.json",
    )


def test_with_a_project_only_its_own_files_are_named() -> None:
    mixed = place("~/y.json", "{project}/.x/y.json")
    assert expand(mixed, LINUX) == ("/home/ana/y.json",)
    assert expand(mixed, LINUX, "/work/shop") == ("/work/shop/.x/y.json",)


def test_a_home_or_project_with_glob_characters_is_escaped_in_patterns_only() -> None:
    around = Surroundings("/home/a[n]a*", "linux")
    assert expand(place("~/p/*/y.json"), around) == ("/home/a[[]n]a[*]/p/*/y.json",)
    assert expand(place("~/y.json"), around) == ("/home/a[n]a*/y.json",)
    assert expand(place("{project}/*.json"), LINUX, "/work/{~}?") == ("/work/{~}[?]/*.json",)


def test_the_names_of_its_files_are_known_to_whoever_watches() -> None:
    around = Surroundings("/home/ana", "linux", {"X_CONFIG": "/srv/mine.json"})
    assert place("~/a/b.json", "{project}/*.json", "${X_CONFIG}").names(around) == {"b.json", "*.json", "mine.json"}
    assert place("~/a/b.json").names(WINDOWS) == {"b.json"}


def test_an_unknown_system_has_no_files() -> None:
    assert expand(place("~/y.json"), Surroundings("/home/ana", "plan9")) == ()


def test_two_templates_that_meet_give_one_path() -> None:
    assert expand(place("${A:-~/x}", "${B:-~/x}"), LINUX) == ("/home/ana/x",)


def test_app_data_is_where_desktop_apps_keep_their_state() -> None:
    paths = app_data("User/mcp.json", "Thing")
    assert paths.linux == ("${XDG_CONFIG_HOME:-~/.config}/Thing/User/mcp.json",)
    assert paths.macos == ("~/Library/Application Support/Thing/User/mcp.json",)
    assert paths.windows == ("${APPDATA:-~/AppData/Roaming}/Thing/User/mcp.json",)


def test_ids_are_unique() -> None:
    assert len({agent.id for agent in ALL}) == len(ALL)


@pytest.mark.parametrize("agent", ALL, ids=lambda agent: agent.id)
def test_an_agent_is_complete(agent: Agent) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", agent.id)
    assert agent.docs.startswith("https://")
    assert agent.places
    assert not agent.blind or agent.blind.endswith(".")
    assert any(agent.evidence.on(os) for os in ("linux", "macos", "windows"))
    for each in agent.places:
        assert each.shape in SHAPES
        assert (each.unwrappable is not None) == (
            each.scope in (Scope.SYSTEM, Scope.PLUGIN) or "container" in str(each)
        )


@pytest.mark.parametrize("around", [LINUX, Surroundings("/Users/ana", "macos"), WINDOWS], ids=lambda around: around.os)
@pytest.mark.parametrize("agent", ALL, ids=lambda agent: agent.id)
def test_all_templates_of_an_agent_can_be_filled_in(agent: Agent, around: Surroundings) -> None:
    project = around.home + ("\\work" if around.os == "windows" else "/work")
    templates = [template for each in agent.places for template in each.paths.on(around.os)]
    paths = [path for each in agent.places for on in (None, project) for path in expand(each, around, on)]
    named = [name for name in templates if re.match(r"\$\{\w+\}", name)]
    assert len(paths) == len(templates) - len(named)
    assert not [path for path in (*paths, *agent.signs(around)) if re.search(r"[{}$~]", path)]


def test_evidence_without_patterns_can_be_looked_up_directly() -> None:
    every = [template for agent in ALL for os in ("linux", "macos", "windows") for template in agent.evidence.on(os)]
    assert not [template for template in every if "*" in template or "{project}" in template]
    assert Paths().on("linux") == ()


def test_every_vendor_file_is_listed_and_kept_apart() -> None:
    root = Path(__file__).parents[3]
    vendors = {path.stem for path in (root / "daemon/callgate/agents").glob("*.py") if "\nAGENT = " in path.read_text()}
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    apart = next(each["modules"] for each in contracts if each["name"].startswith("Vendor files"))
    assert set(apart) == {f"callgate.agents.{name}" for name in vendors}
    assert len(ALL) == len(vendors)
