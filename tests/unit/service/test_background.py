"""The daemon as a process: one at a time, up again after any end, and gone when it was told to go."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from callgate.audit.store import Reader
from callgate.model.call import Mode
from callgate.model.errors import CallgateError, SettingsError
from callgate.service import background
from callgate.service.quiet import BURST, Quiet
from frame_client import FrameClient
from installation import Installation
from until import until

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # a daemon outlives us


@pytest.fixture
def place() -> Iterator[Installation]:
    with Installation() as place:
        yield place


def daemons(place: Installation) -> list[int]:
    """The daemons of these folders, by what they were started with."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            env, argv = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"CALLGATE_HOME={place.root}/s".encode() in env and b"callgate.service" in argv:
            found.append(int(folder.name))
    return found


def greets(place: Installation) -> bool:
    with FrameClient(place.folders.gate_socket) as shim:
        shim.greet()
        return True


def test_a_daemon_is_started_once_and_ended_without_a_trace(place: Installation) -> None:
    assert place.start() and not place.start()
    assert daemons(place) == [place.pid] and greets(place)
    for path in (place.folders.gate_socket, place.folders.api_socket):
        assert path.stat().st_mode & 0o777 == 0o600
    assert background.stop(place.folders) and not background.stop(place.folders)
    assert daemons(place) == []
    assert list(place.folders.runtime.iterdir()) == []
    kinds = [row.event.kind for row in Reader(place.folders.audit).recent("daemon.stopped")]
    assert kinds == ["daemon.stopped"] and Reader(place.folders.audit).verify().ok


def test_two_starts_at_the_same_moment_give_one_daemon_and_no_complaint(place: Installation) -> None:
    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(lambda _: place.start(), range(4)))
    assert any(started)
    until(lambda: len(daemons(place)) == 1, "one daemon to be left")
    assert greets(place)


def test_a_second_daemon_says_in_one_line_that_one_runs(place: Installation) -> None:
    place.start()
    command = [sys.executable, "-I", "-m", "callgate.service"]
    second = subprocess.run(command, env=place.env, capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert second.stderr.strip().splitlines() == ["callgate: callgate daemon: runs already; `callgate status` shows it"]
    assert greets(place)


def test_after_a_kill_it_comes_up_over_what_was_left_behind(place: Installation) -> None:
    place.start()
    place.signal(signal.SIGKILL)
    assert place.folders.gate_socket.exists() and place.folders.pid_file.exists()
    assert not place.client.running()
    assert place.start() and greets(place)
    place.signal(signal.SIGKILL)
    until(lambda: not background.stop(place.folders), "nothing to be there that could be stopped")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(place: Installation, number: int) -> None:
    place.start()
    os.kill(place.pid, number)
    until(lambda: not daemons(place), "its end", 20)
    assert list(place.folders.runtime.iterdir()) == []
    assert list(Reader(place.folders.audit).recent("daemon.stopped"))


@pytest.mark.parametrize("name", ["gate_socket", "api_socket"])
def test_a_socket_that_is_removed_is_made_anew_and_the_log_says_so(place: Installation, name: str) -> None:
    place.start()
    path: Path = getattr(place.folders, name)
    path.unlink()
    assert not place.start() or name != "api_socket", "the same daemon goes on"
    until(path.exists, "the socket")
    assert greets(place)
    until(lambda: place.rows(kind="daemon.disturbed"), "the row")
    assert any("socket" in problem for problem in place.client.status()["problems"])


def test_a_socket_that_another_program_put_in_place_of_ours_is_taken_back(place: Installation) -> None:
    place.start()
    path = place.folders.gate_socket
    path.unlink()
    with socket.socket(socket.AF_UNIX) as thief:
        thief.bind(str(path))
        thief.listen(1)
        stolen = path.stat().st_ino
        until(lambda: path.exists() and path.stat().st_ino != stolen, "our own socket")
    assert greets(place)


def test_a_runtime_folder_that_is_removed_is_made_anew(place: Installation) -> None:
    place.start()
    for path in place.folders.runtime.iterdir():
        path.unlink()
    place.folders.runtime.rmdir()
    assert not place.start()
    until(lambda: place.folders.gate_socket.exists(), "the gate")
    assert greets(place) and len(daemons(place)) == 1


def test_a_log_that_is_removed_is_begun_anew_and_told(place: Installation) -> None:
    place.start()
    for path in place.folders.data.glob("audit.db*"):
        path.unlink()
    until(lambda: place.folders.audit.exists(), "a new log")

    def told() -> bool:
        try:
            return bool(place.rows(kind="daemon.disturbed"))
        except CallgateError:  # it is being made
            return False

    until(told, "the row that says so")
    assert greets(place)
    assert place.rows(kind="server.launched") and place.client.verify()["ok"]
    assert "removed or replaced" in str(place.client.status()["problems"])


def test_a_daemon_that_does_not_answer_is_replaced(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.client.ALIVE", 0.3)
    monkeypatch.setattr(background, "MUTE_TIME", 0.5)
    monkeypatch.setattr(background, "STOP_TIME", 1.0)
    place.start()
    stuck = place.pid
    place.signal(signal.SIGSTOP)
    monkeypatch.setattr("callgate.client.Client._ask.__defaults__", (0.3,))
    assert place.start() and place.pid != stuck
    assert daemons(place) == [place.pid] and greets(place)


def test_an_interrupted_start_leaves_no_daemon_behind(place: Installation) -> None:
    code = (
        "import os,sys; from callgate.service import background; from callgate.system.paths import folders\n"
        "print('go', flush=True); background.ensure(folders(os.environ), os.environ, None)"
    )
    for delay in (0.0, 0.15, 0.4):
        starting = subprocess.Popen(
            [sys.executable, "-c", code], env=place.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert starting.stdout and starting.stdout.readline()
        end = time.monotonic() + delay
        until(lambda end=end: time.monotonic() >= end, "the moment")
        starting.send_signal(signal.SIGINT)
        starting.wait(30)
        starting.stdout.close()
        if starting.returncode:
            until(lambda: not daemons(place), "the end of what was begun")
        else:
            background.stop(place.folders)


def test_a_daemon_that_cannot_start_says_why(place: Installation) -> None:
    place.folders.make()
    place.folders.gate_socket.mkdir()
    with pytest.raises(CallgateError, match=r"did not start: .*gate.sock: is in the way"):
        place.start()
    assert daemons(place) == []


def test_broken_settings_are_said_before_anything_is_started(place: Installation) -> None:
    place.settle("mode = 'fierce'")
    with pytest.raises(SettingsError, match="mode must be one of"):
        place.start()
    assert daemons(place) == []


def test_the_mode_is_changed_without_touching_anything_else_in_the_file(place: Installation) -> None:
    place.settle('# mine\non_doubt = "allow"   # trust\n\n[audit]\npayload = "none"\n')
    background.set_mode(place.folders, Mode.ENFORCE)
    text = place.folders.settings.read_text()
    assert text.startswith('# mine\non_doubt = "allow"   # trust\n') and 'mode = "enforce"' in text
    assert text.index("mode =") < text.index("[audit]")


def test_a_long_daemon_log_is_set_aside(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LOG_MAX", 1000)
    place.folders.make()
    place.folders.daemon_log.write_text("x" * 2000)
    place.start()
    assert "ready" in place.folders.daemon_log.read_text() and "xxx" not in place.folders.daemon_log.read_text()
    assert (place.folders.data / "daemon.log.old").read_text() == "x" * 2000


def test_the_daemon_log_cannot_be_flooded(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    quiet, moment = Quiet(), [1000.0]
    monkeypatch.setattr("callgate.service.quiet.time.monotonic", lambda: moment[0])

    def line() -> logging.LogRecord:
        return logging.LogRecord("x", logging.WARNING, "", 0, "pid %d", (1,), None)

    assert sum(quiet.filter(line()) for _ in range(BURST * 10)) == BURST
    moment[0] += 61
    last = line()
    assert quiet.filter(last) and last.getMessage() == f"[{BURST * 9} lines were left out] pid 1"


def test_a_daemon_under_a_low_limit_of_open_files_raises_it(place: Installation) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("the hard limit is too low")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        place.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limits = Path(f"/proc/{place.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
    assert int(line.split()[3]) >= 2048


def test_calls_during_an_end_are_answered_or_hung_up_on_and_never_left(place: Installation) -> None:
    place.start()
    stop = threading.Event()
    answered = [0]

    def load() -> None:
        while not stop.is_set():
            try:
                with FrameClient(place.folders.gate_socket) as shim:
                    shim.greet(os.urandom(8).hex())
                    while not stop.is_set():
                        shim.ask()
                        answered[0] += 1
            except (OSError, AssertionError):
                return

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: answered[0] > 100, "some load")
    assert background.stop(place.folders)
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    found = Reader(place.folders.audit)
    assert found.verify().ok
    assert found.counts()["effects"]["deny"] >= answered[0]
