"""Files under version control are told from free ones without running git."""

import os
import subprocess
from pathlib import Path

import pytest
from callgate.model.inventory import Scope
from callgate.wrap.gitindex import may_track
from callgate.wrap.vcs import under_version_control


def git(folder: Path, *words: str) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@x", *words],
        cwd=folder, env=env, check=True, capture_output=True, timeout=30,
    )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / ".codex" / "deep er").mkdir(parents=True)
    for name in ("config.toml", "auth.json", "deep er/ä.json"):
        (home / ".codex" / name).write_text("x")
    return home


def reason(path: Path, home: Path, scope: Scope = Scope.USER) -> str | None:
    return under_version_control(path, scope, home)


def test_a_file_outside_any_worktree_is_free(home: Path) -> None:
    assert reason(home / ".codex/config.toml", home) is None
    assert reason(home / ".codex/config.toml", home, Scope.PROJECT) is None


@pytest.mark.parametrize("marker", [".git", ".hg", ".svn", ".jj"])
def test_a_project_file_in_a_worktree_is_not_touched(home: Path, marker: str) -> None:
    (home / marker).mkdir()
    assert marker in (reason(home / ".codex/config.toml", home, Scope.PROJECT) or "")


def test_a_project_file_in_a_linked_worktree_is_not_touched(home: Path) -> None:
    (home / ".git").write_text("gitdir: /nowhere\n")
    assert reason(home / ".codex/config.toml", home, Scope.PROJECT) is not None


@pytest.mark.parametrize("version", ["2", "4"])
@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_a_users_file_is_free_until_it_is_tracked(home: Path, version: str, kind: str) -> None:
    git(home, "init", "-q", f"--object-format={kind}")
    git(home, "update-index", "--index-version", version)
    for number in range(40):
        (home / ".codex" / f"config.toml{number}").write_text("x")
    git(home, "add", ".codex/auth.json", *(f".codex/config.toml{n}" for n in range(40)))
    assert reason(home / ".codex/config.toml", home) is None
    assert reason(home / ".codex/deep er/ä.json", home) is None
    assert reason(home / ".codex/auth.json", home) is not None
    git(home, "add", ".codex/deep er")
    assert reason(home / ".codex/deep er/ä.json", home) is not None
    assert reason(home / ".codex/config.toml", home) is None


def test_an_intent_to_add_makes_a_version_3_index_that_is_read(home: Path) -> None:
    git(home, "init", "-q")
    git(home, "add", "-N", ".codex/auth.json")
    index = (home / ".git/index").read_bytes()
    assert index[7] == 3
    assert may_track(index, b".codex/auth.json")
    assert not may_track(index, b".codex/config.toml")


def test_a_linked_worktree_and_a_submodule_have_their_own_index(home: Path, tmp_path: Path) -> None:
    git(home, "init", "-q")
    git(home, "add", ".codex/config.toml")
    git(home, "commit", "-qm", "x")
    linked = tmp_path / "linked"
    git(home, "worktree", "add", "-q", str(linked))
    (linked / "free.json").write_text("x")
    assert reason(linked / ".codex/config.toml", linked) is not None
    assert reason(linked / "free.json", linked) is None


def test_a_split_index_counts_as_tracking(home: Path) -> None:
    git(home, "init", "-q")
    git(home, "add", ".codex/auth.json")
    git(home, "update-index", "--split-index")
    assert reason(home / ".codex/config.toml", home) is not None


def test_a_repository_without_an_index_tracks_nothing(home: Path) -> None:
    git(home, "init", "-q")
    assert reason(home / ".codex/config.toml", home) is None


def test_a_bare_dotfile_repository_in_the_home_is_seen(home: Path) -> None:
    bare = home / ".cfg"
    git(home, "init", "-q", "--bare", str(bare))
    git(home, f"--git-dir={bare}", f"--work-tree={home}", "add", ".codex/config.toml")
    assert reason(home / ".codex/config.toml", home) is not None
    assert reason(home / ".codex/auth.json", home) is None


def test_doubt_counts_as_tracked(home: Path) -> None:
    (home / ".git").mkdir()
    index = home / ".git/index"
    for junk in (b"", b"DIRC", b"DIRC\0\0\0\x02\xff\xff\xff\xff" + bytes(64), b"DIRC\0\0\0\x09" + bytes(64)):
        index.write_bytes(junk)
        assert reason(home / ".codex/config.toml", home) is not None, junk
    index.unlink()
    os.mkfifo(index)
    assert reason(home / ".codex/config.toml", home) is not None
    index.unlink()
    (home / ".git").rmdir()
    os.mkfifo(home / ".git")
    assert reason(home / ".codex/config.toml", home) is not None
    (home / ".git").unlink()
    (home / ".git").write_text("gitdir: /nowhere\n")
    assert reason(home / ".codex/config.toml", home) is not None


def test_a_damaged_index_never_hides_a_tracked_file(home: Path) -> None:
    git(home, "init", "-q")
    git(home, "add", ".codex")
    index = (home / ".git/index").read_bytes()
    for cut in range(len(index)):
        assert may_track(index[:cut], b".codex/config.toml")
