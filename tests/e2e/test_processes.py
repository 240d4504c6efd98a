"""An agent's processes in a real daemon: their tree and rows, and ordinary work that is no finding."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_process import AgentProcess
from callgate.system import processes
from installation import Installation
from until import until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="what is seen is seen in /proc"),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

WORK = """
set -e
git init -q . && git config user.email a@b && git config user.name a
for i in 1 2 3; do echo $i >f$i; git add -A; git commit -qm "$i"; done
git log --oneline | cat >/dev/null
printf 'def test_x():\\n    assert True\\n' >test_x.py
PYTHONHOME= %(python)s -I -m pytest -q -p no:cacheprovider test_x.py >/dev/null
printf 'all: %%s\\n%%s:\\n\\t@sh -c "sleep 0.01"; true\\n' "$(echo t{1..200})" "$(echo t{1..200})" >Makefile
if command -v make >/dev/null; then make -sj4; else for i in {1..300}; do sh -c true; done; fi
if command -v npm >/dev/null; then npm init -y >/dev/null; fi
(echo one; echo two) | sort | tail -1 >done
"""


@pytest.fixture
def site() -> Iterator[Installation]:
    with Installation() as made:
        made.start()
        yield made


@pytest.fixture
def agent(site: Installation) -> Iterator[AgentProcess]:
    made = AgentProcess(site)
    yield made
    made.end()


def session(site: Installation, pid: int) -> dict[str, Any]:
    """The tree of that agent."""

    def look() -> dict[str, Any] | None:
        return next((one for one in site.client.tree()["sessions"] if one["pid"] == pid), None)

    return until(look, "the session", 30)


def test_the_tree_shows_what_runs_and_the_log_what_ran(site: Installation, agent: AgentProcess) -> None:
    pid = agent.start("sh", "-c", "sleep 77; true")

    def sleeper() -> dict[str, Any] | None:
        found = session(site, agent.pid)["processes"]
        return next((one for one in found if one["argv"] == ["sleep", "77"]), None)

    found = until(sleeper, "the process", 30)
    assert found["parent"] == pid and found["cause"] == "agent" and found["tie"] == "child"
    only = session(site, agent.pid)["session"]
    assert [one["session"] for one in site.client.tree(only)["sessions"]] == [only]
    assert site.client.tree("another")["sessions"] == []
    os.kill(found["pid"], signal.SIGKILL)
    ended = until(lambda: site.rows(kind="process.ended"), "its end", 30)
    started = {row["detail"]["pid"]: row for row in site.rows(kind="process.started")}
    assert {row["detail"]["pid"] for row in ended} <= set(started)
    assert started[found["pid"]]["session"] == only and started[found["pid"]]["agent"] == "claude-code"


def test_what_an_agent_leaves_behind_is_still_shown(site: Installation, agent: AgentProcess) -> None:
    pid = agent.start("sleep", "78", own=True)
    start = processes.start_time(pid)
    session(site, agent.pid)
    until(lambda: len(session(site, agent.pid)["processes"]) == 2, "the process", 30)
    agent.end()
    until(lambda: not session(site, agent.pid)["running"], "the end of the agent", 30)
    assert [one["pid"] for one in session(site, agent.pid)["processes"]] == [pid]
    assert processes.is_same(pid, start)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_ordinary_work_gives_no_finding(site: Installation, agent: AgentProcess, tmp_path: Path) -> None:
    script = tmp_path / "work.sh"
    script.write_text(WORK % {"python": sys.executable})
    agent.start("bash", str(script), stdio="pipe")
    until((agent.project / "done").exists, "the end of the work", 120)
    counts = session(site, agent.pid)
    assert counts["seen"] + counts["short"] > 20
    last = agent.start("sleep", "5", stdio="pipe")  # all looks at what there was are over when it is gone
    until(lambda: f'"pid": {last},' in json.dumps(session(site, agent.pid)), "the last one to be seen", 60)
    until(lambda: f'"pid": {last},' not in json.dumps(session(site, agent.pid)), "its end to be seen", 60)
    assert site.client.findings()["findings"] == []
    assert len(site.rows(kind="process.started")) <= 220


def test_findings_and_trees_are_shown_on_a_terminal(site: Installation, agent: AgentProcess) -> None:
    session(site, agent.pid)
    command = [str(Path(sys.executable).with_name("callgate"))]
    shown = {
        name: subprocess.run([*command, name], env=site.env, capture_output=True, text=True, check=True).stdout
        for name in ("tree", "findings", "status")
    }
    assert "claude-code" in shown["tree"] and str(agent.pid) in shown["tree"]
    assert "nothing was found" in shown["findings"] and "findings" not in shown["status"]
