"""What the system says about processes, asked of real ones."""

from __future__ import annotations

import itertools
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from callgate.system import processes

READY = "import sys; print('ready', flush=True); "


@contextmanager
def child(code: str, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A Python child that said it is ready; killed and reaped at the end."""
    started = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, **options)  # type: ignore[call-overload]
    assert started.stdout is not None
    readable, _, _ = select.select([started.stdout], [], [], 20)
    assert readable, "the child did not start"
    started.stdout.readline()
    try:
        yield started
    finally:
        started.kill()
        started.wait(10)
        started.stdout.close()
        started.stdin.close()


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end, "did not happen within 10 s"
        time.sleep(0.01)


def test_the_boot_id_stays_the_same() -> None:
    assert processes.boot_id() == processes.boot_id() != ""


def test_a_process_is_seen_with_file_arguments_user_and_start() -> None:
    with child(READY + "sys.stdin.read()") as one:
        seen = processes.process(one.pid)
        assert seen is not None
        assert seen.exe == os.path.realpath(sys.executable)
        assert seen.argv[1:] == ("-c", READY + "sys.stdin.read()")
        assert (seen.ppid, seen.uid) == (os.getpid(), os.getuid())
        assert seen.start == processes.start_time(one.pid)


def test_arguments_that_are_empty_or_not_text_survive() -> None:
    arguments = ["", "b\udcff", "a b"]
    started = subprocess.Popen([sys.executable, "-c", READY + "sys.stdin.read()", *arguments], stdin=-1, stdout=-1)
    try:
        assert started.stdout is not None and started.stdout.readline()
        seen = processes.process(started.pid)
        assert seen is not None and list(seen.argv[3:]) == arguments
    finally:
        started.kill()
        started.communicate()


def test_a_long_command_line_is_cut() -> None:
    with child(READY + "sys.stdin.read()#" + "x" * 100_000) as one:
        seen = processes.process(one.pid)
        assert seen is not None and sum(map(len, seen.argv)) <= processes.ARGV_MAX


def test_the_ancestry_runs_from_the_pid_to_us_and_beyond() -> None:
    with child(READY + "sys.stdin.read()") as one:
        chain = processes.ancestry(one.pid)
        assert [found.pid for found in chain[:2]] == [one.pid, os.getpid()]
        assert len(chain) <= processes.ANCESTORS_MAX
        assert all(parent.start <= kid.start for kid, parent in itertools.pairwise(chain))


def test_a_name_with_brackets_does_not_confuse_the_ancestry() -> None:
    name = ") R 1 1 1 ("
    code = f"import ctypes; ctypes.CDLL(None).prctl(15, {name.encode()!r}, 0, 0, 0); " + READY + "sys.stdin.read()"
    with child(code) as one:
        seen = processes.process(one.pid)
        assert seen is not None and seen.ppid == os.getpid()


@pytest.mark.parametrize("pid", [-1, 0, 2**22 + 7])
def test_a_process_that_is_not_there_is_no_error(pid: int) -> None:
    assert processes.process(pid) is None
    assert processes.ancestry(pid) == ()
    assert processes.start_time(pid) == 0.0
    assert not processes.is_same(pid, 1)


def test_a_zombie_no_longer_runs() -> None:
    with child(READY + "sys.stdin.read()") as one:
        start = processes.start_time(one.pid)
        assert start and processes.is_same(one.pid, start)
        assert not processes.is_same(one.pid, start + 1)
        one.kill()
        os.waitid(os.P_PID, one.pid, os.WEXITED | os.WNOWAIT)
        assert not processes.is_same(one.pid, start)


def test_our_own_processes_come_first() -> None:
    seen = list(processes.processes())
    assert os.getpid() in [found.pid for found in seen]
    own = [found.uid == os.getuid() for found in seen]
    assert own == sorted(own, reverse=True)


GROUP = """
import os, signal, sys, time
kid = os.fork()
if STUBBORN: signal.signal(signal.SIGTERM, signal.SIG_IGN) if kid == 0 else None
if not kid: print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_group_is_ended_with_its_children(stubborn: bool) -> None:
    with child(GROUP.replace("STUBBORN", str(stubborn)), start_new_session=True) as leader:
        start = processes.start_time(leader.pid)
        until(lambda: len([one for one in processes.processes() if os.getpgid(one.pid) == leader.pid]) == 2)
        assert processes.end_group(leader.pid, start, grace=0.5)
        leader.wait(10)


def test_a_group_whose_leader_began_at_another_time_is_left_alone() -> None:
    with child(READY + "sys.stdin.read()", start_new_session=True) as one:
        start = processes.start_time(one.pid)
        assert not processes.end_group(one.pid, start + 1)
        assert one.poll() is None


def test_a_group_without_its_leader_is_left_alone() -> None:
    with child(READY + "sys.stdin.read()", start_new_session=True) as one:
        start = processes.start_time(one.pid)
        one.send_signal(signal.SIGKILL)
        one.wait(10)
        assert not processes.end_group(one.pid, start)


def test_a_process_that_leads_no_group_is_left_alone() -> None:
    with child(READY + "sys.stdin.read()") as one:
        start = processes.start_time(one.pid)
        assert not processes.end_group(one.pid, start)
        assert one.poll() is None


@pytest.mark.parametrize("group", [-5, 0, 1, os.getpgrp()])
def test_our_own_group_and_the_system_are_never_ended(group: int) -> None:
    assert not processes.end_group(group, processes.start_time(group))
