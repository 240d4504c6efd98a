"""Where projects are looked for, and what is said of the places that are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from callgate.agents import ALL
from callgate.discovery import projects
from callgate.discovery.projects import Projects, listed, markers, walk
from callgate.model.inventory import Surroundings
from callgate.settings import Scan


def found_in(home: Path, limits: Scan | None = None) -> Projects:
    return walk(Surroundings(str(home), "linux", {}), limits or Scan(), ALL)


def project(folder: Path, file: str = ".mcp.json") -> str:
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).touch()
    return str(folder)


def test_every_kind_of_project_file_marks_its_folder(tmp_path: Path) -> None:
    around = Surroundings(str(tmp_path), "linux", {})
    made = []
    for number, paths in enumerate(markers(around, ALL).values()):
        made += [project(tmp_path / f"{number}-{at}", path) for at, path in enumerate(paths)]
    assert sorted(found_in(tmp_path).folders) == sorted(made) and len(made) > 20


def test_a_tool_folder_without_its_config_marks_nothing(tmp_path: Path) -> None:
    (tmp_path / "x/.vscode").mkdir(parents=True)
    (tmp_path / "x/.github/workflows").mkdir(parents=True)
    assert found_in(tmp_path).folders == ()


def test_the_home_itself_is_no_project(tmp_path: Path) -> None:
    project(tmp_path)
    assert found_in(tmp_path).folders == ()


def test_near_projects_come_before_far_ones(tmp_path: Path) -> None:
    far, near = project(tmp_path / "a/b/c"), project(tmp_path / "z")
    assert found_in(tmp_path).folders == (near, far)


@pytest.mark.parametrize("place", ["node_modules/x", "a/node_modules/x", ".git/x", ".cache/x", "a/venv/x", "Library/x"])
def test_folders_of_other_peoples_code_are_not_entered(tmp_path: Path, place: str) -> None:
    project(tmp_path / place)
    assert found_in(tmp_path).folders == ()


def test_links_are_not_followed(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir()
    project(outside)
    (home / "link").symlink_to(outside)
    (home / "loop").symlink_to(home)
    assert found_in(home) == Projects(())


def test_what_is_too_deep_is_said(tmp_path: Path) -> None:
    inside = project(tmp_path / "1/2/3/4/5")
    project(tmp_path / "1/2/3/4/5/6")
    project(tmp_path / "1/2/3/4/5/7")
    found = found_in(tmp_path)
    assert found.folders == (inside,)
    assert [(one.what, "deeper than 5" in one.reason) for one in found.skipped] == [("~/1/2/3/4/5/6 and 1 more", True)]


def test_a_limit_on_folders_is_kept_and_said(tmp_path: Path) -> None:
    for number in range(20):
        project(tmp_path / f"{number:02}")
    found = found_in(tmp_path, Scan(folders_max=6))
    assert len(found.folders) == 5  # and the home
    assert [one.what for one in found.skipped] == ["~/05 and 14 more"]
    assert "scan.folders_max" in found.skipped[0].reason


def test_a_limit_on_time_is_kept_and_said(tmp_path: Path) -> None:
    project(tmp_path / "x")
    found = found_in(tmp_path, Scan(seconds=0.0))
    assert found.folders == () and "scan.seconds" in found.skipped[0].reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter everything")
def test_a_closed_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir(mode=0)
    assert [one.what for one in found_in(tmp_path).skipped] == ["~/x"]


def test_a_long_walk_is_not_repeated_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path / "a")
    monkeypatch.setattr(projects, "_CHEAP", -1.0)
    monkeypatch.setattr(projects, "_REST", 1_000_000)
    first = found_in(tmp_path)
    project(tmp_path / "b")
    assert found_in(tmp_path) == first
    assert len(found_in(tmp_path, Scan(depth=4)).folders) == 2, "other limits, another walk"


def test_a_short_walk_sees_new_projects_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "_CHEAP", 60.0)
    assert found_in(tmp_path).folders == ()
    made = project(tmp_path / "a")
    assert found_in(tmp_path).folders == (made,)


@pytest.mark.parametrize(
    ("document", "folders"),
    [
        ({"projects": {"/b": {}, "/a/": {}, "c": {}, "/a\0": {}}}, ["/a", "/b"]),
        ({"projects": ["/a"]}, []),
        ({"projects": {7: {}}}, []),
        ([], []),
        (None, []),
    ],
)
def test_folders_are_taken_from_an_agents_own_list(document: object, folders: list[str]) -> None:
    assert listed(document) == folders


def test_a_huge_list_is_cut() -> None:
    assert len(listed({"projects": {f"/{number}": {} for number in range(10_000)}})) == projects.KNOWN_MAX
