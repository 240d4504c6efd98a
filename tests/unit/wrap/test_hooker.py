"""Hooks installed in real files of a scratch home, kept there, and taken out again."""

import json
from pathlib import Path

import pytest
from callgate.agents import ALL
from callgate.model.inventory import Surroundings
from callgate.system.paths import Folders
from callgate.wrap.hooker import Hooker
from callgate.wrap.report import Did

ALL_AGENTS = [agent.id for agent in ALL if agent.hooks is not None]


class Home:
    def __init__(self, root: Path) -> None:
        self.path = root / "home"
        self.path.mkdir()
        self.folders = Folders(root / "config", root / "data", root / "run")
        self.folders.make()
        self.hooker = Hooker(self.folders, Surroundings(str(self.path), "linux", {}))

    def files(self) -> dict[str, bytes | None]:
        return {
            str(path.relative_to(self.path)): path.read_bytes() if path.is_file() else None
            for path in self.path.rglob("*")
        }

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize("agent", ALL_AGENTS)
def test_what_is_installed_is_seen_and_removed_without_a_trace(home: Home, agent: str) -> None:
    items = home.hooker.install([agent])
    assert items and {item.done for item in items} == {Did.HOOKED}
    assert {one["state"] for one in home.hooker.states([agent])} == {"installed"}
    launcher = home.folders.data / "hooks" / agent
    assert any(str(launcher) in (text or b"").decode() for text in home.files().values())
    assert launcher.stat().st_mode & 0o777 == 0o700
    assert home.hooker.install([agent]) == []
    assert {item.done for item in home.hooker.remove()} == {Did.UNHOOKED}
    assert home.files() == {}
    assert "lets everything pass" in launcher.read_text()


def test_a_preview_names_what_would_be_done_and_does_nothing(home: Home) -> None:
    (would,) = home.hooker.preview(["claude-code"])
    assert (would.done, would.file) == (Did.HOOKED, str(home.path / ".claude" / "settings.json"))
    assert home.hooker.preview_removal() == [] and home.files() == {}
    home.hooker.install(["claude-code"])
    assert home.hooker.preview(["claude-code"]) == []
    before = home.files()
    (would,) = home.hooker.preview_removal("claude-code")
    assert would.done is Did.UNHOOKED and home.files() == before


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("claude-code", ".claude/settings.json"),
        ("gemini-cli", ".gemini/settings.json"),
        ("qwen-code", ".qwen/settings.json"),
        ("cursor", ".cursor/hooks.json"),
    ],
)
def test_a_file_of_the_users_comes_back_to_the_byte(home: Home, agent: str, name: str) -> None:
    path = home.write(name, '{ "a":1,\n"hooks" : {"PreToolUse":[ {"hooks":[]} ] , "BeforeTool": []}}')
    before = path.read_bytes()
    path.chmod(0o640)
    home.hooker.install([agent])
    assert path.read_bytes() != before and path.stat().st_mode & 0o777 == 0o640
    home.hooker.remove(agent)
    assert path.read_bytes() == before


def test_what_others_changed_since_is_kept(home: Home) -> None:
    path = home.write(".claude/settings.json", '{"model": "x"}')
    home.hooker.install(["claude-code"])
    value = json.loads(path.read_text())
    value["hooks"]["PreToolUse"].append({"hooks": [{"type": "command", "command": "mine"}]})
    path.write_text(json.dumps(value | {"model": "y"}))
    home.hooker.remove()
    left = {"model": "y", "hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "mine"}]}]}}
    assert json.loads(path.read_text()) == left


def test_hooks_that_a_neighbour_removed_are_missed_and_put_back(home: Home) -> None:
    path = home.write(".claude/settings.json", "{}")
    home.hooker.install(["claude-code"])
    path.write_text('{"model": "z"}')
    assert home.hooker.missing(["claude-code"]) == ["claude-code"]
    home.hooker.install(["claude-code"])
    assert home.hooker.missing(["claude-code"]) == []
    home.hooker.remove()
    assert path.read_text() == '{"model": "z"}'


def test_a_file_that_does_not_parse_is_left_alone(home: Home) -> None:
    path = home.write(".claude/settings.json", "{oops")
    (item,) = home.hooker.install(["claude-code"])
    assert item.done is Did.FAILED and path.read_text() == "{oops"


def test_a_program_of_the_users_is_not_replaced(home: Home) -> None:
    path = home.write(".cline/hooks/PreToolUse", "#!/bin/sh\nmine\n")
    items = home.hooker.install(["cline"])
    assert [item.done for item in items if item.file == str(path)] == [Did.LEFT]
    home.hooker.remove()
    assert path.read_text() == "#!/bin/sh\nmine\n"


def test_a_link_stays_a_link(home: Home) -> None:
    target = home.write("dotfiles/settings.json", "{}")
    link = home.path / ".claude" / "settings.json"
    link.parent.mkdir()
    link.symlink_to(target)
    home.hooker.install(["claude-code"])
    assert link.is_symlink() and "PreToolUse" in target.read_text()
    home.hooker.remove()
    assert link.is_symlink() and target.read_text() == "{}"


def test_hooks_that_the_agent_would_not_read_are_not_installed(home: Home) -> None:
    home.write(".factory/hooks.json", "{}")
    (item,) = home.hooker.install(["droid"])
    assert item.done is Did.LEFT and "hooks.json" in item.why


def test_another_home_keeps_its_hooks(home: Home) -> None:
    home.hooker.install(["claude-code"])
    other = home.path.parent / "other"
    other.mkdir()
    assert Hooker(home.folders, Surroundings(str(other), "linux", {})).remove() == []
    assert home.hooker.missing(["claude-code"]) == []
    assert Hooker(home.folders, Surroundings(str(other), "linux", {})).remove(whole=True)


def test_one_agent_that_cannot_be_hooked_does_not_stop_the_others(home: Home) -> None:
    home.write(".claude/settings.json", "{oops")
    items = home.hooker.install(["claude-code", "copilot-cli"])
    assert {item.agent: item.done for item in items} == {"claude-code": Did.FAILED, "copilot-cli": Did.HOOKED}
