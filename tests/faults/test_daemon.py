"""Attacks on a running daemon, and ends at the worst moment: others are served, and each answered call has its row."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from callgate.audit.store import Filter, Reader
from callgate.client import Client
from callgate.model.errors import CallgateError
from callgate.service import background
from callgate.shim import frames
from callgate.shim.spool import Spool
from callgate.wrap.launcher import interpreter
from frame_client import Answer, FrameClient, ask, hello
from installation import Installation
from shimmed import Shimmed, peer
from until import until

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


@pytest.fixture(scope="module")
def daemon() -> Iterator[Installation]:
    """A daemon that one attack after the other is made on."""
    with Installation() as place:
        place.start()
        yield place


@pytest.fixture
def place() -> Iterator[Installation]:
    with Installation() as place:
        yield place


def serves(place: Installation) -> bool:
    """Is a new shim answered, and the local API too?"""
    with FrameClient(place.folders.gate_socket) as shim:
        shim.greet(os.urandom(8).hex())
        shim.ask()
    return bool(place.client.status())


class Load:
    """Shims that ask all the time, and remember what was answered."""

    def __init__(self, place: Installation, shims: int = 4) -> None:
        self._place = place
        self._stop = threading.Event()
        self.answered: set[str] = set()
        self._threads = [threading.Thread(target=self._run, args=(f"{number:016x}",)) for number in range(shims)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        until(lambda: len(self.answered) > 50, "some load")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def _run(self, uid: str) -> None:
        serial = 0
        while not self._stop.is_set():
            try:
                with FrameClient(self._place.folders.gate_socket) as shim:
                    shim.greet(uid, resumed=bool(serial))
                    while not self._stop.is_set():
                        serial += 1
                        shim.ask(serial=serial)
                        self.answered.add(f"{uid}-{serial}")
            except (OSError, AssertionError):
                self._stop.wait(0.01)

    def check(self) -> None:
        """Each call that was answered has exactly one row, and the log verifies."""
        reader = Reader(self._place.folders.audit)
        assert reader.verify().ok
        rows = [row.event.uid for row in reader.rows(Filter(kind="call.asked"))]
        assert len(rows) == len(set(rows))
        assert self.answered <= set(rows)


# Hostile processes on the sockets


def test_a_hundred_idle_connections_and_garbage_disturb_nobody(daemon: Installation) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(100):
            one = stack.enter_context(FrameClient(daemon.folders.gate_socket))
            one.raw(frames.pack(frames.HELLO, 1, json.dumps(hello()).encode())[: number % 20])
        for _ in range(20):
            with FrameClient(daemon.folders.gate_socket) as garbage, contextlib.suppress(OSError):
                garbage.raw(os.urandom(100_000))
        assert serves(daemon)
    assert serves(daemon)


def test_a_flood_of_questions_leaves_others_their_answers(daemon: Installation) -> None:
    stop = threading.Event()
    flood = b"".join(frames.pack(frames.ASK, n, ask()) for n in range(200))

    def attack() -> None:
        with FrameClient(daemon.folders.gate_socket) as hostile, contextlib.suppress(OSError):
            hostile.greet(os.urandom(8).hex())
            while not stop.is_set():
                hostile.raw(flood)
                for _ in range(200):
                    hostile.answer()

    threads = [threading.Thread(target=attack) for _ in range(3)]
    for thread in threads:
        thread.start()
    with FrameClient(daemon.folders.gate_socket) as honest:
        honest.greet(os.urandom(8).hex())
        slowest = 0.0
        for _ in range(50):
            started = time.monotonic()
            honest.ask()
            slowest = max(slowest, time.monotonic() - started)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert slowest < 2, f"an honest call waited {slowest:.1f} s"
    assert serves(daemon)


API_ATTACKS = [
    b"GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET /v1/status HTTP/1.1\r\nHost: callgate\r\nOrigin: https://evil.example\r\n\r\n",
    b"POST /v1/stop HTTP/1.1\r\nHost: callgate\r\nReferer: https://evil.example/\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /v1/nothing HTTP/1.1\r\nHost: callgate\r\n\r\n",
    b"DELETE /v1/status HTTP/1.1\r\nHost: callgate\r\n\r\n",
    b"GET /v1/events?after=99999999999999999999999999 HTTP/1.1\r\nHost: callgate\r\n\r\n",
    b"GET /v1/events?after=-1&limit=x HTTP/1.1\r\nHost: callgate\r\n\r\n",
    b"GET /v1/events?frob=1 HTTP/1.1\r\nHost: callgate\r\n\r\n",
    b"GET /v1/events/%00%ff%1b HTTP/1.1\r\nHost: callgate\r\n\r\n",
    b"GET /v1/servers/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: callgate\r\n\r\n",
    b"POST /v1/rule HTTP/1.1\r\nHost: callgate\r\nContent-Length: 1\r\n\r\n{",
    b"POST /v1/rule HTTP/1.1\r\nHost: callgate\r\nContent-Length: 2\r\n\r\n[]",
    b'POST /v1/rule HTTP/1.1\r\nHost: callgate\r\nContent-Length: 32\r\n\r\n{"server":"npm:x","effect":"xx"}',
    b'POST /v1/rule HTTP/1.1\r\nHost: callgate\r\nContent-Length: 12\r\n\r\n{"server":7}',
    b"POST /v1/rule HTTP/1.1\r\nHost: callgate\r\nContent-Length: 20000\r\n\r\n" + b"[" * 20_000,
    b"POST /v1/rule HTTP/1.1\r\nHost: callgate\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 100_000,
    b"\0" * 100 + b"\r\n\r\n",
]


@pytest.mark.parametrize("request_", API_ATTACKS, ids=lambda text: repr(text[:40]))
def test_no_request_to_the_local_api_does_more_than_be_refused(daemon: Installation, request_: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(daemon.folders.api_socket))
        answer = b""
        with contextlib.suppress(OSError):
            connection.sendall(request_)
        with contextlib.suppress(OSError):
            while b"\r\n" not in answer and (part := connection.recv(65536)):
                answer += part
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer[:200]
    assert serves(daemon)


def test_half_requests_hold_no_one_up(daemon: Installation) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            one = stack.enter_context(socket.socket(socket.AF_UNIX))
            one.connect(str(daemon.folders.api_socket))
            one.sendall(b"POST /v1/rule HTTP/1.1\r\nHost: callgate\r\nContent-Length: 100\r\n\r\n{")
        assert serves(daemon)


# What is done to its files while it runs


def test_a_config_folder_that_is_removed_takes_the_rules_along_but_neither_mode_nor_daemon(
    place: Installation,
) -> None:
    place.settle('mode = "enforce"\n')
    place.start()
    for path in sorted(place.folders.config.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    place.folders.config.rmdir()
    with FrameClient(place.folders.gate_socket) as shim:
        assert not shim.greet().allowed and not shim.ask().allowed
    assert place.client.status()["mode"] == "enforce"


def test_spooled_decisions_are_taken_in_while_it_runs_too(place: Installation) -> None:
    place.start()
    about = {"uid": "0123456789abcdef", "argv": ["cat"], "launcher": "", "entry": "late"}
    Spool(str(place.folders.spool), "0123456789abcdef", "observe", json.dumps(about).encode()).record(
        {"call": "0123456789abcdef-9", "tool": "t", "effect": "allow", "reason": "away"}
    )
    until(lambda: place.rows(kind="call.asked", uid="0123456789abcdef-9"), "the row")
    assert list(place.folders.spool.iterdir()) == []


@pytest.fixture
def small_disk(place: Installation) -> Iterator[Installation]:
    """An installation whose data lie on a disk of a few megabytes."""
    place.folders.make()
    for folder in sorted(place.folders.data.iterdir()):
        folder.rmdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "callgate-test", str(place.folders.data)]
    done = subprocess.run(mount, capture_output=True, text=True, timeout=20)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield place
        place.kill()
    finally:
        subprocess.run(["umount", "-l", str(place.folders.data)], check=True, timeout=20)


def test_a_full_disk_lets_doubt_decide_and_the_log_goes_on_when_there_is_room(small_disk: Installation) -> None:
    place = small_disk
    place.settle('mode = "enforce"\n')
    place.start()
    with FrameClient(place.folders.gate_socket) as shim:
        shim.greet(argv=["/bin/cat"])
        place.client.rule(place.rows(kind="server.launched")[0]["server"], None, "allow")
        assert shim.ask("before").allowed
        ballast = place.folders.data / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)

        def refusal() -> Answer | None:
            answer = shim.ask("full", {"x": "y" * 4000})
            return None if answer.allowed else answer

        refused = until(refusal, "the disk to matter")
        assert refused is not None
        assert "cannot be written" in refused.said["reason"] and "on_doubt" in refused.said["reason"]
        assert not shim.ask("full still", {"x": "y" * 4000}).allowed
        ballast.unlink()
        assert until(lambda: shim.ask("after").allowed, "the log to be written again")
    rows = place.rows()
    (gap,) = [row for row in rows if row["kind"] == "log.gap"]
    assert gap["detail"]["rows"] >= 2
    assert not [row for row in rows if row.get("tool") == "full still"]
    assert [row for row in rows if row.get("tool") == "after"]
    assert place.client.verify()["ok"]


# Ends at the worst moment


def test_killed_under_load_it_loses_no_row_of_an_answered_call(place: Installation) -> None:
    place.start()
    with Load(place) as load:
        for _ in range(3):
            before = len(load.answered)
            place.signal(signal.SIGKILL)
            assert place.start()
            until(lambda before=before: len(load.answered) > before + 50, "calls to be answered again")
    background.stop(place.folders)
    load.check()


def test_ended_under_load_it_answers_or_hangs_up_and_loses_nothing(place: Installation) -> None:
    place.start()
    with Load(place) as load:
        place.signal(signal.SIGTERM)
        assert not place.folders.gate_socket.exists()
        place.start()
        before = len(load.answered)
        until(lambda: len(load.answered) > before + 50, "calls to be answered again")
    background.stop(place.folders)
    load.check()
    kinds = [row.event.kind for row in Reader(place.folders.audit).rows(Filter(kind="daemon.stopped"))]
    assert len(kinds) == 2


def test_sockets_removed_under_load_break_no_session(place: Installation) -> None:
    place.start()
    with Load(place) as load:
        place.folders.gate_socket.unlink()
        place.folders.api_socket.unlink()
        before = len(load.answered)
        until(lambda: len(load.answered) > before + 100, "calls to be answered")
        until(lambda: place.folders.gate_socket.exists() and place.client.running(), "the sockets")
    assert serves(place)
    background.stop(place.folders)
    load.check()


def test_while_it_is_stopped_doubt_decides_in_time_and_afterwards_all_is_in_the_log(place: Installation) -> None:
    place.settle('mode = "observe"\ndeadline = 1.0\n')
    place.start()
    command = [interpreter(), "-I", "-S", "-E", str(place.folders.shim / "run.py"), "--launcher", "", "--entry", "e"]
    with Shimmed([*command, "--", *peer()], env=place.env) as shim:
        assert "result" in shim.call(1, "echo")
        place.signal(signal.SIGSTOP)
        began = time.monotonic()
        assert not shim.call(2, "echo")["result"].get("isError")
        assert time.monotonic() - began < 5
        place.signal(signal.SIGCONT)
        until(lambda: len(place.rows(kind="call.asked", entry="e")) >= 2, "the spool to be taken in", 20)
        assert "result" in shim.call(3, "echo")
        shim.close()
        assert shim.ended() == 0
    until(lambda: not list(place.folders.spool.iterdir()), "an empty spool", 20)
    rows = place.rows(kind="call.asked")
    assert len({row["uid"] for row in rows if row.get("tool") == "echo"}) == 3
    assert place.client.verify()["ok"]


def test_what_shims_decided_while_it_was_killed_is_in_the_log_afterwards(place: Installation) -> None:
    place.start()
    place.signal(signal.SIGKILL)
    for number in range(5):
        uid = f"{number:016x}"
        spool = Spool(str(place.folders.spool), uid, "enforce", json.dumps({"uid": uid, "argv": ["cat"]}).encode())
        for call in range(20):
            assert spool.record({"call": f"{uid}-{call}", "tool": "t", "effect": "deny", "reason": "away"})
    place.start()
    uids = [row["uid"] for row in place.rows(kind="call.asked")]
    assert len(uids) == len(set(uids)) == 100
    assert list(place.folders.spool.iterdir()) == [] and place.client.verify()["ok"]


def test_a_client_is_told_when_something_else_answers_on_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(5)
        for said in (b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{", b""):

            def answer(said: bytes = said) -> None:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(said)

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises(CallgateError, match=r"is not running|does not answer sensibly"):
                Client(path).status()
            thread.join(10)
    with pytest.raises(CallgateError, match="is not running"):
        Client(path).status()
