"""A project's file under version control stays as it is: an approved entry is covered by a copy in the user's file."""

import json
from pathlib import Path

import pytest
from callgate.model.inventory import Format, Scope
from callgate.wrap.plan import Why
from callgate.wrap.report import Did

SERVERS = {"db": {"command": "uvx", "args": ["db"], "env": {"K": "${K}"}}, "web": {"command": "npx", "args": ["web"]}}


class Project:
    """A git worktree with a .mcp.json, and the user's state file."""

    def __init__(self, home, approval: dict[str, object]) -> None:
        self.home = home
        self.path = home.path / "work/project"
        (self.path / ".git").mkdir(parents=True)
        state = {"projects": {str(self.path): approval}, "mcpServers": {"own": {"command": "own"}}}
        self.state = home.file(".claude.json", state, shape="claude-state")
        self.file = home.file("work/project/.mcp.json", {"mcpServers": SERVERS}, scope=Scope.PROJECT)
        home.project = str(self.path)

    @property
    def copies(self) -> dict[str, dict[str, object]]:
        return json.loads(self.state.read_text())["projects"][str(self.path)].get("mcpServers", {})

    def plan(self):
        return self.home.wrapper.plan(self.home.look())

    def why(self) -> dict[str, Why]:
        return {left.entry.name: left.why for left in self.plan().left if left.entry.file.path == str(self.file)}


@pytest.fixture
def project(home) -> Project:
    return Project(home, {"enabledMcpjsonServers": ["db", "web"]})


def test_an_approved_entry_gets_a_wrapped_copy_and_the_project_file_stays(project) -> None:
    before, theirs = project.state.read_bytes(), project.file.read_bytes()
    report = project.home.wrap()
    assert {(i.entry, i.done) for i in report.items if i.file == str(project.state)} == {
        ("own", Did.WRAPPED), ("db", Did.WRAPPED), ("web", Did.WRAPPED),
    }  # fmt: skip
    copy = project.copies["db"]
    assert copy["args"] == ["--", "uvx", "db"]
    assert copy["env"] == {"K": "${K}"}
    assert Path(copy["command"]).is_relative_to(project.home.folders.launchers)
    assert project.why() == {"db": Why.SHADOWED, "web": Why.SHADOWED}
    assert project.plan().wrappings == ()
    assert project.file.read_bytes() == theirs
    project.home.unwrap()
    assert project.state.read_bytes() == before
    assert not list(project.home.folders.launchers.rglob("*-*/*"))


def test_unwrapping_after_the_state_was_rewritten_leaves_no_trace_either(project) -> None:
    state = json.loads(project.state.read_text())
    project.home.wrap()
    rewritten = json.loads(project.state.read_text()) | {"numStartups": 3}
    project.state.write_text(json.dumps(rewritten))
    project.home.unwrap()
    assert json.loads(project.state.read_text()) == state | {"numStartups": 3}


@pytest.mark.parametrize(
    "approval",
    [
        {},
        {"enabledMcpjsonServers": ["web"]},
        {"enabledMcpjsonServers": ["db"], "disabledMcpjsonServers": ["db"]},
    ],
)
def test_what_the_user_has_not_approved_is_not_copied(home, approval) -> None:
    project = Project(home, approval)
    home.wrap()
    assert "db" not in project.copies
    left = next(left for left in project.plan().left if left.entry.name == "db")
    assert left.why is Why.VCS
    assert "approved" in left.reason


def test_a_copy_follows_its_original(project) -> None:
    project.home.wrap()
    project.file.write_text(
        json.dumps({"mcpServers": {"db": {"command": "uvx", "args": ["db@2"]}, "web": SERVERS["web"]}})
    )
    assert [(each.entry.name, each.again) for each in project.plan().shadows] == [("db", True)]
    project.home.wrap()
    assert project.copies["db"]["args"] == ["--", "uvx", "db@2"]
    assert "env" not in project.copies["db"]
    assert project.why() == {"db": Why.SHADOWED, "web": Why.SHADOWED}


def test_a_copy_goes_when_its_original_goes_or_is_refused(project) -> None:
    before = project.state.read_bytes()
    project.home.wrap()
    launcher = Path(project.copies["db"]["command"])
    project.file.write_text(json.dumps({"mcpServers": {"web": SERVERS["web"]}}))
    report = project.home.wrap()
    assert [(i.entry, i.done) for i in report.items if i.done is Did.UNWRAPPED] == [("db", Did.UNWRAPPED)]
    assert not launcher.exists()
    assert set(project.copies) == {"web"}
    state = json.loads(project.state.read_text())
    state["projects"][str(project.path)]["disabledMcpjsonServers"] = ["web"]
    project.state.write_text(json.dumps(state))
    project.home.wrap()
    assert project.copies == {}
    del state["projects"][str(project.path)]["disabledMcpjsonServers"]
    project.home.unwrap()
    after = json.loads(project.state.read_text())
    del after["projects"][str(project.path)]["disabledMcpjsonServers"]
    assert after == json.loads(before)


def test_a_copy_goes_when_its_project_goes_but_not_when_discovery_did_not_get_there(project) -> None:
    project.home.wrap()
    seen = project.home.files.pop()
    assert project.plan().shadows == ()
    project.file.unlink()
    assert [each.value for each in project.plan().shadows] == [None, None]
    project.home.wrap()
    assert project.copies == {}
    project.home.files.append(seen)


def test_an_entry_of_the_users_own_is_never_replaced(home) -> None:
    project = Project(home, {"enableAllProjectMcpServers": True, "mcpServers": {"db": {"command": "mine"}}})
    home.wrap()
    assert project.copies["db"]["args"] == ["--", "mine"]
    assert project.why() == {"db": Why.VCS, "web": Why.SHADOWED}


def test_a_copy_that_its_user_edited_is_left_to_them(project) -> None:
    project.home.wrap()
    state = json.loads(project.state.read_text())
    state["projects"][str(project.path)]["mcpServers"]["db"]["env"] = {"K": "other"}
    project.state.write_text(json.dumps(state))
    assert project.plan().shadows == ()
    project.home.unwrap()
    assert project.copies == {"db": {"command": "uvx", "args": ["db"], "env": {"K": "other"}}}


def test_without_a_state_file_nothing_is_made(project) -> None:
    project.state.unlink()
    project.home.wrap()
    assert not project.state.exists()
    assert project.why() == {"db": Why.VCS, "web": Why.VCS}


def test_a_project_outside_version_control_is_wrapped_in_place(project) -> None:
    (project.path / ".git").rmdir()
    before = project.file.read_bytes()
    project.home.wrap()
    assert project.copies == {}
    assert project.home.argv("db")[1:] == ("--", "uvx", "db")
    project.home.unwrap()
    assert project.file.read_bytes() == before


def test_codex_toml_and_other_agents_have_no_machine_side_scope(home) -> None:
    (home.path / "p/.git").mkdir(parents=True)
    path = home.file(
        "p/.codex/config.toml", "[mcp_servers.x]\ncommand = 'x'\n", shape="codex", agent="codex", format=Format.TOML,
        scope=Scope.PROJECT,
    )  # fmt: skip
    before = path.read_bytes()
    assert [item.code for item in home.wrap().items] == [Why.VCS]
    assert path.read_bytes() == before
