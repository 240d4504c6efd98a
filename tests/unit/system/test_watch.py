"""Watching folders: each change is told soon, none is lost, and what does not matter is not told."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from callgate.system.watch import SETTLE, Watch
from until import until


class Bell:
    """Counts how often it was rung."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Event()

    def ring(self) -> None:
        self.count += 1
        self._changed.set()

    def heard(self) -> bool:
        """Wait for the next ring."""
        rung = self._changed.wait(5)
        self._changed.clear()
        return rung

    def silent(self) -> bool:
        """Is it not rung for a while in which it would have been?"""
        rung = self._changed.wait(SETTLE * 3)
        self._changed.clear()
        return not rung


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def watch(bell: Bell, tmp_path: Path) -> Iterator[Watch]:
    watch = Watch(bell.ring)
    assert watch.look_at([str(tmp_path)], ["config.json", "*.toml"]) == []
    assert bell.heard()
    yield watch
    watch.stop()


def write_beside_and_rename(path: Path) -> None:
    new = path.with_name("scratch")
    new.write_text("new")
    new.rename(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text("new"),
        write_beside_and_rename,
        lambda path: path.unlink(),
        lambda path: path.rename(path.with_name("moved away")),
        lambda path: path.chmod(0o600),
    ],
    ids=["written", "replaced", "removed", "renamed", "made private"],
)
def test_a_change_is_told(watch: Watch, bell: Bell, tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "config.json"
    path.write_text("old")
    assert bell.heard()
    assert bell.silent()
    change(path)
    assert bell.heard()


def test_a_name_that_matches_a_pattern_matters_and_others_do_not(watch: Watch, bell: Bell, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "config.json").write_text("x")
    assert bell.silent()
    (tmp_path / "any.toml").write_text("x")
    assert bell.heard()
    (tmp_path / "any.toml").read_text()
    assert bell.silent(), "reading is no change"


def test_a_burst_is_told_in_few_calls_and_its_end_is_never_missed(watch: Watch, bell: Bell, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    seen = [""]
    watch._changed = lambda: (seen.__setitem__(0, path.read_text()), bell.ring())  # type: ignore[assignment]
    for number in range(2000):
        path.write_text(str(number))
    until(lambda: seen[0] == "1999", "the last change to be seen", 5)
    assert bell.count < 200


def test_a_change_while_the_last_one_is_being_looked_at_is_told_too(tmp_path: Path) -> None:
    path, calls, go = tmp_path / "config.json", [0], threading.Event()

    def look() -> None:
        calls[0] += 1
        if calls[0] == 1:
            path.write_text("changed while we look")
            go.wait(2)

    watch = Watch(look)
    watch.look_at([str(tmp_path)], ["config.json"])
    until(lambda: calls[0] == 1, "the first call")
    until(lambda: calls[0] >= 2, "the second call", 5)
    go.set()
    watch.stop()


def test_folders_come_and_go(watch: Watch, bell: Bell, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert watch.look_at([str(one), str(tmp_path / "none")], ["config.json"]) == [str(tmp_path / "none")]
    assert bell.heard(), "what was written before it was watched is to be looked at"
    (tmp_path / "config.json").write_text("x")
    assert bell.silent(), "this folder is watched no more"
    (one / "config.json").write_text("x")
    assert bell.heard()
    watch.look_at([str(other), str(one)], ["config.json"])
    assert bell.heard()
    watch.look_at([str(other), str(one)], ["config.json"])
    assert bell.silent(), "nothing is new"
    (other / "config.json").write_text("x")
    assert bell.heard()


def test_a_folder_that_was_removed_and_made_again_is_watched_again(watch: Watch, bell: Bell, tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    folder.mkdir()
    watch.look_at([str(folder)], ["config.json"])
    assert bell.heard()
    shutil.rmtree(folder)
    folder.mkdir()
    assert bell.heard()
    watch.look_at([str(folder)], ["config.json"])
    assert bell.heard()
    (folder / "config.json").write_text("x")
    assert bell.heard()


def test_a_folder_behind_a_link_is_watched(watch: Watch, bell: Bell, tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "agent").symlink_to("dotfiles")
    watch.look_at([str(tmp_path / "agent")], ["config.json"])
    assert bell.heard()
    (tmp_path / "dotfiles" / "config.json").write_text("x")
    assert bell.heard()


def test_strange_names_and_folders_do_no_harm(watch: Watch, bell: Bell, tmp_path: Path) -> None:
    (tmp_path / "\udcff\n\x1b").write_text("x")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    refused = watch.look_at([str(loop), str(tmp_path), "/dev/null/x"], ["config.json"])
    assert "/dev/null/x" in refused
    (tmp_path / "config.json").write_text("x")
    assert bell.heard()
