"""Files that must not be written are seen before they are, and say why."""

import os
from pathlib import Path

import pytest
from callgate.model.inventory import ConfigFile, Format, Scope
from callgate.wrap.look import in_use, look
from callgate.wrap.plan import Seen, Why
from callgate.wrap.report import Did

TEXT = '{"mcpServers": {"x": {"command": "x"}}}'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "home/.agent/mcp.json"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    return path


def seen(path: Path, home: Path, limit: int = 1 << 20) -> Seen:
    return look(ConfigFile("a", Scope.USER, str(path), Format.JSON, "claude"), home, limit)


def why(path: Path, home: Path) -> Why | None:
    obstacle = seen(path, home).obstacle
    return obstacle[0] if obstacle else None


def test_a_plain_file_may_be_changed(config: Path) -> None:
    found = seen(config, config.parents[1])
    assert found == Seen(str(config), TEXT.encode())


def test_a_link_within_the_home_is_followed(config: Path) -> None:
    home = config.parents[1]
    (home / "dotfiles").mkdir()
    target = config.rename(home / "dotfiles/mcp.json")
    config.symlink_to("../dotfiles/mcp.json")
    assert seen(config, home) == Seen(str(target), TEXT.encode())


@pytest.mark.parametrize("folder", [False, True])
def test_a_link_out_of_the_home_is_not(config: Path, tmp_path: Path, folder: bool) -> None:
    (tmp_path / "else").mkdir()
    if folder:
        config.parent.rename(tmp_path / "else/agent")
        config.parent.symlink_to(tmp_path / "else/agent")
    else:
        config.rename(tmp_path / "else/x")
        config.symlink_to(tmp_path / "else/x")
    found = seen(config, config.parents[1])
    assert found.obstacle is not None
    assert found.obstacle[0] is Why.PLACE
    assert "out of the home" in found.obstacle[1]


def test_a_home_that_is_itself_a_link_is_a_home(config: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "home")
    assert why(tmp_path / "link/.agent/mcp.json", tmp_path / "link") is None


def test_links_in_a_circle_and_into_nothing_are_said(config: Path) -> None:
    config.unlink()
    config.symlink_to(config.name)
    assert why(config, config.parents[1]) is Why.CHANGED
    config.unlink()
    config.symlink_to("nothing")
    assert why(config, config.parents[1]) is Why.CHANGED


def test_a_read_only_file_or_folder_stays_as_it_is(config: Path) -> None:
    config.chmod(0o444)
    assert why(config, config.parents[1]) is Why.PLACE
    config.chmod(0o644)
    config.parent.chmod(0o555)
    try:
        assert why(config, config.parents[1]) is Why.PLACE
    finally:
        config.parent.chmod(0o755)


def test_a_file_with_a_second_name_stays_as_it_is(config: Path) -> None:
    os.link(config, config.with_name("other"))
    assert why(config, config.parents[1]) is Why.PLACE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_someone_else_stays_as_it_is(config: Path) -> None:
    os.chown(config, 12345, 12345)
    assert why(config, config.parents[1]) is Why.PLACE


@pytest.mark.parametrize("kind", ["folder", "pipe", "large"])
def test_what_is_no_config_file_is_not_opened(config: Path, kind: str) -> None:
    config.unlink()
    if kind == "folder":
        config.mkdir()
    elif kind == "pipe":
        os.mkfifo(config)
    else:
        with config.open("wb") as file:
            file.truncate(50 * 1024 * 1024)
    assert why(config, config.parents[1]) is Why.UNREADABLE


@pytest.mark.parametrize("name", ["mcp.json.lock", ".mcp.json.lock", ".mcp-writer.lock"])
def test_a_fresh_lock_means_that_the_file_is_in_use(config: Path, name: str) -> None:
    assert in_use(config) is None
    lock = config.with_name(name)
    lock.mkdir()
    assert in_use(config) == str(lock)
    os.utime(lock, (1, 1))
    assert in_use(config) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe{\0}\0",
        b'{"mcpServers": {"x": {"command": "\xff"}}}',
        b"[" * 200_000,
    ],
)
def test_a_file_that_is_no_config_is_left_byte_for_byte(home, data: bytes) -> None:
    path = home.file(".claude.json", TEXT)
    inventory = home.look()
    path.write_bytes(data)
    report = home.wrapper.wrap(home.wrapper.plan(inventory))
    assert [item.done for item in report.items] == [Did.LEFT]
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.replace("{", "{\r\n").encode(),
        b'// mine\n{"mcpServers": {"x": {"command": "x", /* y */ "args": ["a",],},}, "z": 1e300}',
    ],
)
def test_marks_comments_and_line_ends_stay_and_come_back(home, data: bytes) -> None:
    path = home.file(".claude.json", data)
    home.wrap()
    wrapped = path.read_bytes()
    assert b"launchers" in wrapped
    assert (data[:3], b"// mine" in data, b"/* y */" in data) == (
        wrapped[:3],
        b"// mine" in wrapped,
        b"/* y */" in wrapped,
    )
    assert b"\r" not in data or wrapped.count(b"\r") == wrapped.count(b"\n")
    home.unwrap()
    assert path.read_bytes() == data


def test_a_link_stays_a_link_and_its_target_keeps_its_mode(home) -> None:
    path = home.file("dotfiles/mcp.json", TEXT)
    path.chmod(0o640)
    link = home.path / ".claude.json"
    link.symlink_to("dotfiles/mcp.json")
    home.files[0] = ConfigFile("claude-code", Scope.USER, str(link), Format.JSON, "claude")
    home.wrap()
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert b"launchers" in path.read_bytes()
    home.unwrap()
    assert link.is_symlink()
    assert path.read_text() == TEXT


def test_one_bad_file_does_not_keep_the_others_open(home) -> None:
    good = home.file(".claude.json", TEXT)
    bad = home.file(".cursor/mcp.json", TEXT, agent="cursor")
    bad.chmod(0o444)
    report = home.wrap()
    assert {(item.agent, item.done, item.code) for item in report.items} == {
        ("claude-code", Did.WRAPPED, ""), ("cursor", Did.LEFT, Why.PLACE),
    }  # fmt: skip
    assert b"launchers" in good.read_bytes()
    assert bad.read_text() == TEXT


def test_a_tracked_file_of_the_users_is_left_but_unwrapped_if_it_came_under_control_later(home) -> None:
    path = home.file(".claude.json", TEXT)
    home.wrap()
    (home.path / ".git").mkdir()
    (home.path / ".git/index").write_bytes(b"in doubt")
    home.unwrap()
    assert path.read_text() == TEXT
    assert [item.code for item in home.wrap().items] == [Why.VCS]
    assert path.read_text() == TEXT


def test_a_locked_file_is_left_for_later(home) -> None:
    path = home.file(".claude.json", TEXT)
    path.with_name(".claude.json.lock").mkdir()
    report = home.wrap()
    assert [item.code for item in report.items] == [Why.BUSY]
    assert "lock" in report.items[0].why
    assert path.read_text() == TEXT


def test_one_agent_can_be_unwrapped_alone(home) -> None:
    first = home.file(".claude.json", TEXT)
    second = home.file(".cursor/mcp.json", TEXT, agent="cursor")
    home.wrap()
    report = home.unwrap("cursor")
    assert [item.agent for item in report.items] == ["cursor"]
    assert second.read_text() == TEXT
    assert b"launchers" in first.read_bytes()
    assert [each.file.agent for each in home.wrapper.owned()] == ["claude-code"]


def test_a_preview_says_the_same_and_changes_nothing(home) -> None:
    path = home.file(".claude.json", TEXT)
    plan = home.wrapper.plan(home.look())
    shown = home.wrapper.preview(plan)
    assert path.read_text() == TEXT
    assert not home.folders.shim.exists()
    done = home.wrapper.wrap(plan)
    assert shown == done
    assert shown.changed
    assert [(i.entry, i.done) for i in home.wrapper.preview_unwrap().items] == [("x", Did.UNWRAPPED)]
    assert b"launchers" in path.read_bytes()
