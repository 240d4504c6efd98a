"""Trees of real processes, by comparing pids and by the kernel's news."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from callgate.evidence.following import Follower
from callgate.evidence.tree import Node, Tie
from callgate.system.forks import Forks
from callgate.system.processes import Process, is_same, start_time
from until import until

pytestmark = pytest.mark.skipif(sys.platform != "linux" or not shutil.which("setsid"), reason="needs Linux and setsid")

WAIT = "read x"
"""A shell that waits until its standard input ends."""


class Scene:
    """An agent, which is a copy of bash in a folder of its own, and who follows it."""

    def __init__(self, folder: Path) -> None:
        self.exe = str(folder / "some-agent")
        shutil.copy(str(shutil.which("bash")), self.exe)
        self.follower = Follower(self.named)
        self.follower.look()
        self.started: list[subprocess.Popen[bytes]] = []

    def named(self, seen: Process) -> tuple[str, str] | None:
        return ("some", "its executable") if seen.exe == self.exe else None

    def agent(self, script: str) -> int:
        self.started.append(
            subprocess.Popen([self.exe, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        )
        return self.started[-1].pid

    def end(self) -> None:
        for node in self.follower.tree.nodes.values():
            if is_same(node.pid, node.start):
                os.kill(node.pid, signal.SIGKILL)
        for one in self.started:
            one.kill()
            one.communicate()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.end()


def seen(scene: Scene, fits: Callable[[Node], bool]) -> Node:
    """The followed process that fits, once pids were compared often enough."""

    def look() -> Node | None:
        scene.follower.look()
        return next((node for node in scene.follower.tree.nodes.values() if fits(node)), None)

    return until(look, "a followed process")


def runs(*argv: str) -> Callable[[Node], bool]:
    return lambda node: node.argv == argv


def test_what_an_agent_starts_is_followed_and_its_end_is_seen(scene: Scene) -> None:
    pid = scene.agent(f"bash -c 'sleep 97; true'; {WAIT}")
    found = seen(scene, runs("sleep", "97"))
    above = list(scene.follower.tree.above(found.pid))
    assert [node.pid for node in above][-1] == pid and above[-1].agent
    assert found.root.pid == pid and found.tie is Tie.CHILD and found.start == start_time(found.pid)
    os.kill(found.pid, signal.SIGKILL)
    until(lambda: [one for one in scene.follower.look().ended if one.pid == found.pid], "its end")


def test_a_process_that_was_seen_once_is_followed_when_its_parent_ends(scene: Scene) -> None:
    scene.agent(f"bash -c 'sleep 96 & {WAIT}' ; sleep 95")
    found = seen(scene, runs("sleep", "96"))
    os.kill(found.parent, signal.SIGKILL)
    seen(scene, runs("sleep", "95"))
    assert scene.follower.tree.nodes[found.pid].root == found.root


def test_an_orphan_is_found_by_the_session_that_a_followed_process_led(scene: Scene) -> None:
    scene.agent(f"setsid bash -c '{WAIT}; (sleep 94 & ); sleep 93'; true")
    seen(scene, lambda node: node.argv[:1] == ("bash",) and node.argv[-1].endswith("sleep 93"))
    scene.follower.look()
    assert scene.started[0].stdin
    scene.started[0].stdin.write(b"\n")
    scene.started[0].stdin.flush()
    assert seen(scene, runs("sleep", "94")).tie in (Tie.GROUP, Tie.CHILD)


def test_a_name_alone_makes_no_agent(scene: Scene) -> None:
    scene.started.append(
        subprocess.Popen(["bash", "-c", f"exec -a {scene.exe} sleep 92"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    )
    scene.agent("sleep 91; true")
    seen(scene, runs("sleep", "91"))
    assert scene.started[0].pid not in scene.follower.tree.nodes


def test_a_pid_that_is_used_again_is_another_process(scene: Scene) -> None:
    scene.agent("sleep 90; true")
    found = seen(scene, runs("sleep", "90"))
    node = scene.follower.tree.nodes[found.pid]
    scene.follower.tree.nodes[found.pid] = Node(
        node.pid, node.start - 1, node.parent, node.root, node.tie, node.exe, node.argv, node.uid, node.born
    )
    changes = scene.follower.look()
    assert [one.start for one in changes.ended] == [node.start - 1]
    assert seen(scene, runs("sleep", "90")).start == node.start


def test_a_process_that_becomes_an_agent_later_is_found(scene: Scene) -> None:
    scene.started.append(
        subprocess.Popen(["bash", "-c", f"{WAIT}; exec {scene.exe} -c 'sleep 89; true'"], stdin=subprocess.PIPE)
    )
    pid = scene.started[0].pid
    scene.follower.look()
    assert pid not in scene.follower.tree.nodes
    stdin = scene.started[0].stdin
    assert stdin
    stdin.write(b"\n")
    stdin.flush()
    assert seen(scene, lambda node: node.pid == pid).tie is Tie.ROOT


@pytest.fixture
def forks() -> Iterator[Forks]:
    opened = Forks.open()
    if isinstance(opened, str):
        pytest.skip(opened)
    yield opened
    opened.close()


def test_the_kernel_tells_of_double_forks_and_of_what_was_too_short(scene: Scene, forks: Forks) -> None:
    pid = scene.agent(f"(setsid bash -c 'sleep 88 & sleep 87 &') ; for i in 1 2 3; do (true); done; sleep 86; {WAIT}")

    def heard() -> bool:
        scene.follower.hear(forks.read()[0])
        running = {node.argv for node in scene.follower.tree.nodes.values()}
        return {("sleep", "88"), ("sleep", "87"), ("sleep", "86")} <= running

    until(heard, "the news")
    nodes = {node.argv: node for node in scene.follower.tree.nodes.values()}
    assert nodes["sleep", "88"].root.pid == nodes["sleep", "86"].root.pid == pid
    counts = scene.follower.tree.counts[nodes["sleep", "88"].root]
    assert counts.seen + counts.short >= 7


def test_all_that_an_agent_forks_is_seen_or_counted(scene: Scene, forks: Forks) -> None:
    scene.agent(f"for i in {{1..50}}; do (true); done; sleep 85; {WAIT}")

    def heard() -> bool:
        scene.follower.hear(forks.read()[0])
        return any(node.argv == ("sleep", "85") for node in scene.follower.tree.nodes.values())

    until(heard, "the news")
    (counts,) = scene.follower.tree.counts.values()
    assert counts.seen + counts.short >= 51
