"""Where Callgate's own state lives."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest
from callgate.model.errors import SettingsError
from callgate.system.paths import SOCKET_PATH_MAX, folders, home_of, surroundings


def test_callgate_home_moves_everything_into_one_folder(tmp_path: Path) -> None:
    found = folders({"CALLGATE_HOME": str(tmp_path), "HOME": "/nonexistent", "XDG_DATA_HOME": "/elsewhere"})
    for path in (found.settings, found.registry, found.audit, found.journal, found.launchers, found.shim, found.spool):
        assert path.is_relative_to(tmp_path)
    assert found.pid_file.is_relative_to(tmp_path) and found.daemon_log.is_relative_to(tmp_path)


@pytest.mark.parametrize("given", [".", "x", "./a/b"])
def test_a_relative_callgate_home_becomes_absolute(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert folders({"CALLGATE_HOME": given}).data == tmp_path / given / "data"


def test_a_tilde_is_the_home_of_the_given_environment() -> None:
    assert folders({"CALLGATE_HOME": "~/x", "HOME": "/home/u"}).data == Path("/home/u/x/data")
    assert folders({"CALLGATE_HOME": "~", "HOME": "/home/u"}).data == Path("/home/u/data")


def test_the_xdg_folders_are_obeyed_where_they_are_absolute() -> None:
    env = {"HOME": "/home/nobody-here", "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "relative"}
    found = folders(env)
    assert (found.config, found.data) == (Path("/c/callgate"), Path("/home/nobody-here/.local/share/callgate"))


def test_another_home_does_not_share_the_sockets_of_the_account(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    account = pwd.getpwuid(os.getuid()).pw_dir
    assert folders({"HOME": account, "XDG_RUNTIME_DIR": str(runtime)}).runtime == runtime / "callgate"
    other = folders({"HOME": "/h", "XDG_RUNTIME_DIR": str(runtime)})
    assert other.runtime == Path("/h/.local/share/callgate/run")


def test_the_lock_lies_with_the_data_that_it_guards(tmp_path: Path) -> None:
    account = pwd.getpwuid(os.getuid()).pw_dir
    one = folders({"HOME": account, "XDG_RUNTIME_DIR": str(tmp_path)})
    two = folders({"HOME": account, "XDG_RUNTIME_DIR": "/nonexistent"})
    assert one.pid_file == two.pid_file


def test_a_socket_path_is_never_too_long_and_stays_the_same(tmp_path: Path) -> None:
    long = {"CALLGATE_HOME": str(tmp_path / ("x" * 120))}
    found = folders(long)
    assert len(os.fsencode(found.gate_socket)) <= SOCKET_PATH_MAX
    assert found == folders(long) != folders({"CALLGATE_HOME": str(tmp_path / ("y" * 120))})
    assert found.data.is_relative_to(tmp_path)


def test_folders_are_made_private(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data").chmod(0o755)
    found = folders({"CALLGATE_HOME": str(tmp_path)})
    found.make()
    found.make()
    for folder in (found.config, found.data, found.runtime, found.launchers, found.journal, found.spool):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(SettingsError, match="data: cannot be made"):
        folders({"CALLGATE_HOME": str(tmp_path)}).make()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    os.chown(tmp_path / "run", 12345, 12345)
    with pytest.raises(SettingsError, match="belongs to user 12345"):
        folders({"CALLGATE_HOME": str(tmp_path)}).make()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_a_link_of_someone_else_is_refused_and_its_target_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    target.chmod(0o755)
    (tmp_path / "run").symlink_to(target)
    os.lchown(tmp_path / "run", 12345, 12345)
    with pytest.raises(SettingsError, match="someone else's link"):
        folders({"CALLGATE_HOME": str(tmp_path)}).make()
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


def test_without_home_the_account_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/this/process")
    account = Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert home_of({}) == home_of({"HOME": ""}) == account
    assert home_of({"HOME": "/home/u"}) == Path("/home/u")


def test_a_relative_home_is_an_error_with_a_next_step() -> None:
    with pytest.raises(SettingsError, match="set HOME or CALLGATE_HOME"):
        home_of({"HOME": "relative"})


def test_a_given_home_stands_alone() -> None:
    env = {"HOME": "/home/u", "CODEX_HOME": "/elsewhere"}
    assert surroundings(env).env == env
    given = surroundings(env, Path("/other"))
    assert (given.home, dict(given.env)) == ("/other", {})
