"""Managed settings on a machine: written without touching what others wrote, compared, and put into files of others."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from callgate.model.errors import CallgateError, DocumentError, RegistryError
from callgate.service.native import Ask, diff, render
from command import Cli
from installation import Installation

CLAUDE = "etc/claude-code/managed-settings.d/50-callgate.json"
CODEX = "etc/codex/requirements.toml"


@pytest.fixture(scope="module")
def place() -> Iterator[Installation]:
    """A home whose two agents have a server each, wrapped, the first of them approved; no daemon."""
    with Installation() as made:
        server = made.home / "server"
        server.write_text("#!/bin/sh\nexit 0\n")
        server.chmod(0o755)
        entries = {
            "good": {"command": str(server)},
            "key": {"command": str(server), "args": ["--api-key", "s3cr3t-4711"]},
        }
        (made.home / ".claude.json").write_text(json.dumps({"mcpServers": entries}))
        (made.home / ".codex").mkdir()
        (made.home / ".codex/config.toml").write_text('[mcp_servers.other]\ncommand = "npx"\nargs = ["-y", "other"]\n')
        cli = Cli(made)
        cli.good("up")
        cli.good("allow", "good")
        made.kill()
        yield made


def files(done: dict[str, Any], key: str = "done") -> dict[str, str]:
    return {one["agent"]: one[key] for one in done["files"]}


def test_the_agents_of_the_machine_get_their_files_and_a_page_says_what_they_do(
    place: Installation, tmp_path: Path
) -> None:
    done = render(Ask(place.env), tmp_path)
    assert files(done) == {"claude-code": "written", "codex": "written"}
    (allowed,) = json.loads((tmp_path / CLAUDE).read_text())["allowedMcpServers"]
    launcher = allowed["serverCommand"][0]
    assert launcher == json.loads((place.home / ".claude.json").read_text())["mcpServers"]["good"]["command"]
    assert allowed["serverCommand"][1:] == ["--", str(place.home / "server")]
    assert (tmp_path / CODEX).read_text() == "[mcp_servers]\n"
    page = (tmp_path / "README.md").read_text()
    assert CLAUDE in page and "'other'" in page
    for path in (tmp_path / CLAUDE, tmp_path / CODEX):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


def test_a_secret_of_a_command_line_is_in_no_file(place: Installation, tmp_path: Path) -> None:
    done = render(Ask(place.env), tmp_path)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"s3cr3t" not in path.read_bytes()
    assert "s3cr3t" not in json.dumps(done)
    assert any("looks like a secret" in line for line in done["remarks"]["claude-code"])


def test_rendering_again_changes_nothing(place: Installation, tmp_path: Path) -> None:
    render(Ask(place.env), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(files(render(Ask(place.env), tmp_path)).values()) == {"unchanged"}
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_file_of_the_organisation_is_kept_unless_we_are_told(place: Installation, tmp_path: Path) -> None:
    theirs = b'# ours since 2025\nallowed_sandbox_modes = ["read-only"]\n'
    (tmp_path / CODEX).parent.mkdir(parents=True)
    (tmp_path / CODEX).write_bytes(theirs)
    assert files(render(Ask(place.env), tmp_path))["codex"] == "kept"
    assert (tmp_path / CODEX).read_bytes() == theirs
    assert files(render(Ask(place.env), tmp_path, merge=True))["codex"] == "merged"
    assert (tmp_path / CODEX).read_bytes().startswith(theirs)
    assert files(diff(Ask(place.env), tmp_path), "status")["codex"] == "same"
    assert files(render(Ask(place.env), tmp_path, merge=True))["codex"] == "unchanged"
    assert files(render(Ask(place.env), tmp_path, replace=True))["codex"] == "written"
    assert b"ours since" not in (tmp_path / CODEX).read_bytes()


def test_a_file_that_does_not_parse_is_not_merged_and_says_so(place: Installation, tmp_path: Path) -> None:
    (tmp_path / CODEX).parent.mkdir(parents=True)
    (tmp_path / CODEX).write_bytes(b"[[[")
    with pytest.raises(DocumentError, match=r"requirements\.toml: cannot take our keys in"):
        render(Ask(place.env, agent="codex"), tmp_path, merge=True)
    assert (tmp_path / CODEX).read_bytes() == b"[[["


def test_a_machine_without_the_files_has_drifted_and_with_them_has_not(place: Installation, tmp_path: Path) -> None:
    found = diff(Ask(place.env), tmp_path)
    assert found["drift"] and set(files(found, "status").values()) == {"missing"}
    render(Ask(place.env), tmp_path)
    found = diff(Ask(place.env), tmp_path)
    assert not found["drift"] and set(files(found, "status").values()) == {"same"}


def test_what_somebody_allowed_besides_is_found(place: Installation, tmp_path: Path) -> None:
    render(Ask(place.env), tmp_path)
    document = json.loads((tmp_path / CLAUDE).read_text())
    document["allowedMcpServers"].append({"serverName": "mine"})
    document["env"] = {"A": "b"}
    (tmp_path / CLAUDE).write_text(json.dumps(document))
    (tmp_path / CLAUDE).with_name("90-mine.json").write_text('{"allowedMcpServers": [{"serverName": "mine"}]}')
    (tmp_path / CLAUDE).with_name("10-other.json").write_text('{"model": "x"}')
    found = diff(Ask(place.env), tmp_path)
    (one,) = [one for one in found["files"] if one["agent"] == "claude-code"]
    assert found["drift"] and one["status"] == "differs"
    assert one["differences"] == ["allowedMcpServers has {'serverName': 'mine'} too many"]
    assert one["foreign"] == ["env"]
    assert [(Path(each["path"]).name, each["keys"]) for each in one["beside"]] == [
        ("90-mine.json", ["allowedMcpServers"])
    ]


def test_something_else_in_the_place_of_a_file_is_drift_and_no_crash(place: Installation, tmp_path: Path) -> None:
    (tmp_path / CLAUDE).mkdir(parents=True)
    found = diff(Ask(place.env, agent="claude-code"), tmp_path)
    assert found["drift"] and found["files"][0]["status"] == "differs"
    with pytest.raises(CallgateError):
        render(Ask(place.env, agent="claude-code"), tmp_path)


def test_where_callgate_was_never_set_up_nothing_is_made(tmp_path: Path) -> None:
    with Installation() as made:
        with pytest.raises(CallgateError, match="never set up"):
            render(Ask(made.env), tmp_path)
        assert not made.folders.data.exists() and not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can stand in for another user")
def test_an_administrator_renders_for_a_user_and_leaves_nothing_in_the_users_folders(tmp_path: Path) -> None:
    with Installation() as made:
        (made.home / ".claude.json").write_text('{"mcpServers": {"x": {"command": "npx", "args": ["-y", "x"]}}}')
        cli = Cli(made)
        cli.good("up")
        cli.good("allow", "x")
        made.kill()
        everything = [made.root, *made.root.rglob("*")]
        for path in everything:
            os.chown(path, 65534, 65534, follow_symlinks=False)
        assert files(render(Ask(made.env), tmp_path)) == {"claude-code": "written"}
        assert len(json.loads((tmp_path / CLAUDE).read_text())["allowedMcpServers"]) == 1
        assert sorted(made.root.rglob("*")) == sorted(everything[1:])
        assert {path.lstat().st_uid for path in made.root.rglob("*")} == {65534}


def test_one_agent_is_rendered_also_where_it_is_not(place: Installation, tmp_path: Path) -> None:
    assert files(render(Ask(place.env, agent="amp"), tmp_path)) == {"amp": "written"}


def test_another_system_means_a_fleet(place: Installation, tmp_path: Path) -> None:
    done = render(Ask(place.env, os="windows"), tmp_path)
    assert done["fleet"] and done["os"] == "windows"
    assert (tmp_path / "C/ProgramData/ampcode/managed-settings.json").is_file()
    assert not list(tmp_path.rglob("50-callgate.json"))


@pytest.mark.parametrize(("more", "says"), [({"agent": "nobody"}, "nobody"), ({"os": "plan9"}, "plan9")])
def test_what_is_not_known_is_one_clear_error(
    place: Installation, tmp_path: Path, more: dict[str, str], says: str
) -> None:
    with pytest.raises(CallgateError, match=says):
        render(Ask(place.env, **more), tmp_path)  # type: ignore[arg-type]


def test_without_rules_nothing_is_rendered_as_if_nothing_were_allowed(tmp_path: Path) -> None:
    with Installation() as made:
        made.settle('[registry]\nurl = "http://127.0.0.1:9/"\nroot = "root.json"\n')
        Cli(made).good("discover")
        with pytest.raises(RegistryError):
            render(Ask(made.env), tmp_path)
        assert not list(tmp_path.iterdir())
