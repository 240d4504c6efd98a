"""What is looked at before a start, and again right after it: a real package in an npx cache, and its approval."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from callgate.discovery.examine import Examiner
from callgate.discovery.identify import Identifier
from callgate.model.call import Effect, Mode
from callgate.model.identity import Launch
from callgate.policy import ladder
from npx_home import SPEC, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_package_runs_while_its_files_are_those_that_were_approved(machine: Machine) -> None:
    machine.approve()
    assert machine.verdict()[0] == "allow"
    machine.main.write_text("// evil\n")
    rule, why = machine.verdict()
    assert rule == "server.digest" and f"{machine.main} was changed" in why
    machine.main.write_text("// notes\n")
    assert machine.verdict()[0] == "allow"
    machine.main.unlink()
    assert "is missing" in machine.verdict()[1]


def test_what_is_added_or_linked_into_a_pinned_package_is_named(machine: Machine) -> None:
    machine.approve()
    added = machine.package / "index.json"
    added.write_text("{}")
    assert f"{added} was added" in machine.verdict()[1]
    added.unlink()
    added.symlink_to("/etc/passwd")
    assert f"{added} is a link" in machine.verdict()[1]
    added.unlink()
    programs = machine.package.parent / ".bin"
    programs.mkdir()
    (programs / "mcp-notes").symlink_to("/bin/true")
    assert "is no program of mcp-notes" in machine.verdict()[1]


def test_a_pinned_package_that_is_not_installed_is_refused_with_the_command_that_installs_it(machine: Machine) -> None:
    machine.approve()
    machine.main.unlink()
    (machine.package / "package.json").unlink()
    rule, why = machine.verdict()
    assert rule == "server.digest" and "npx --yes --package=mcp-notes@1.0.0 true" in why


def test_a_floating_version_becomes_the_approved_one_with_all_its_terms(machine: Machine) -> None:
    machine.approve(arguments=(("--root", "/srv/*"),))
    session = machine.meet("npx", "-y", "mcp-notes", "--root", "/srv/a")
    verdict = ladder.judge_launch(machine.rules, session.server, Effect.DENY, 0.0, session.startup)
    assert verdict.effect is Effect.ALLOW and verdict.program == str(machine.npx)
    assert verdict.argv == ("npx", "-y", SPEC, "--root", "/srv/a")
    observed = ladder.applied(verdict, Mode.OBSERVE)
    assert (observed.effect, observed.argv, observed.program) == (Effect.ALLOW, (), "")
    assert machine.verdict("npx", "-y", "mcp-notes", "--root", "/etc")[0] == "server.arguments"
    machine.main.write_text("// evil\n")
    assert machine.verdict("npx", "-y", "mcp-notes", "--root", "/srv/a")[0] == "server.digest"
    assert machine.verdict("npx", "-y", "mcp-notes@2.0.0")[0] == "server.version"


def test_only_approved_variables_may_be_set_by_the_entry_or_the_command_line(machine: Machine) -> None:
    machine.approve(environment=("LOG_*",))
    examiner = Examiner(Identifier(home=str(machine.home)))
    env = machine.home / ".local/bin/env"
    env.write_text("#!/bin/sh\n")
    env.chmod(0o755)

    def refusal(variables: tuple[str, ...] | None, *before: str) -> str:
        launch = Launch((*before, "npx", "-y", SPEC), "/", str(machine.npx.parent))
        _, startup = examiner.examine(launch, machine.rules, variables)
        assert startup is not None
        return startup.refusal.reason if startup.refusal else ""

    assert refusal(()) == refusal(("LOG_LEVEL",)) == refusal((), "env", "LOG_LEVEL=1") == ""
    assert "'API_URL'" in refusal(("LOG_LEVEL", "API_URL"))
    assert "'API_URL'" in refusal((), "env", "API_URL=http://evil")
    assert "cannot be told" in refusal(None)


def test_a_verdict_under_other_rules_than_those_it_was_looked_at_under_is_none(machine: Machine) -> None:
    machine.approve()
    session = machine.meet()
    machine.approve()
    verdict = ladder.judge_launch(machine.rules, session.server, Effect.DENY, 0.0, session.startup)
    assert verdict.rule == "server.unexamined"


@pytest.mark.parametrize("put_back", [False, True])
def test_a_file_that_is_swapped_between_look_and_start_is_found_even_if_it_is_put_back(
    machine: Machine, put_back: bool
) -> None:
    machine.approve()
    session = machine.meet()
    assert machine.survey.again(machine.hello(), session) is None
    before = machine.main.stat()
    machine.main.rename(machine.main.with_suffix(".good"))
    machine.main.write_text("// evil\n")
    if put_back:
        machine.main.with_suffix(".good").replace(machine.main)
        os.utime(machine.main, ns=(before.st_atime_ns, before.st_mtime_ns))
    verdict = machine.survey.again(machine.hello(), session)
    assert verdict is not None and verdict.rule == "server.digest" and str(machine.main) in verdict.reason
