"""A real shim between real processes, when things go wrong: nothing runs unasked, nothing is lost, nobody is left."""

from __future__ import annotations

import json
import os
import random
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from callgate.shim import frames
from callgate.system.files import locked

sys.path.insert(0, str(Path(__file__).parents[1] / "fakes"))
from gate import ALLOWED, SILENCE, Asked, Gate, Verdict, denied
from shimmed import Place, Shimmed, gone, is_alive, peer, refusal, request

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "clientInfo": {"name": "c", "version": "1"}},
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def gate(place: Place) -> Iterator[Gate]:
    with Gate(place.folders.gate_socket) as gate:
        yield gate


def only_hello(asked: Asked) -> Verdict:
    """A gate that greets and then falls silent."""
    return ALLOWED if asked.kind == frames.HELLO else SILENCE


def pid_of(shim: Shimmed, word: str = "pid ") -> int:
    return int(shim.said(word).split()[-1])


def field(pid: int, file: str, name: str) -> int:
    """A number from /proc."""
    lines = Path(f"/proc/{pid}/{file}").read_text().split("\n")
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def is_blocked(pid: int) -> bool:
    """Has this process written nothing for a while?"""
    before = field(pid, "io", "wchar")
    select.select([], [], [], 0.3)
    return field(pid, "io", "wchar") == before


def until(ready: Callable[[], bool], every: float = 0.01) -> None:
    """Wait, within bounds."""
    end = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < end
        select.select([], [], [], every)


# The whole way


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_a_session_with_the_shim_is_the_session_without_it(place: Place, gate: Gate, mode: str) -> None:
    place.settle(mode)
    lines = [
        INITIALIZE,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
        request(2, "echo", text="é\u2028\U0001f600", n=1.5),
        b' {"id" : "x","method":"tools/call", "params":{"name":"big","arguments":{"size":2000000}}}\r\n',
        [request(3, "echo"), {"id": 4, "method": "ping"}],
        request(5, "nothing"),
        request(6, "log"),
    ]
    said = []
    for command in (peer("banner"), place.command(*peer("banner"))):
        with Shimmed(command) as session:
            session.send(*lines)
            session.close()
            said.append(sorted(session.rest().splitlines()))
            assert session.ended() == 0
    assert said[0] == said[1]
    assert len(said[0]) == 8


def test_the_gate_hears_who_asks_what_was_asked_and_how_it_went(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer()), cwd=place.root, env={**os.environ, "PATH": "/usr/bin"}) as shim:
        shim.send(INITIALIZE)
        shim.message()
        shim.call(1, "echo", a=1)
        shim.close()
        shim.rest()
        pid = pid_of(shim)
        assert shim.ended() == 0
        hello = gate.of(frames.HELLO)[0].json
        gate.wait(lambda gate: gate.notes("ended"))
    assert hello["argv"] == peer()
    assert hello["uid"] == hello["uid"].lower()
    assert (len(hello["uid"]), hello["resumed"], hello["pid"]) == (16, False, shim.process.pid)
    assert (hello["launcher"], hello["entry"]) == ("an-agent", "an entry")
    assert (hello["cwd"], hello["path"], hello["build"]) == (str(place.root), "/usr/bin", place.build)
    asked = gate.of(frames.ASK)[0]
    assert asked.json == request(1, "echo", a=1)
    assert gate.notes("started")[0]["pid"] == pid
    assert gate.notes("said")[0]["client"] == "c"
    assert gate.notes("answered")[0]["call"] == asked.serial
    assert gate.notes("ended") == [{"what": "ended", "code": 0}]


def test_a_refused_call_does_not_reach_the_server(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    gate.decide = lambda asked: denied("no shells") if asked.kind == frames.ASK and b"echo" in asked.body else ALLOWED
    with Shimmed(place.command(*peer())) as shim:
        assert "no shells" in refusal(shim.call(1, "echo"))
        log = shim.call(2, "log")["result"]["content"][0]["text"]
        assert [json.loads(line)["id"] for line in json.loads(log)] == [2]


def test_a_fast_call_overtakes_a_slow_one(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer())) as shim:
        shim.send(request(1, "wait", ms=400), request(2, "echo"))
        assert [shim.message()["id"], shim.message()["id"]] == [2, 1]


def test_a_thousand_pipelined_calls_are_all_answered(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer())) as shim:
        shim.send(b"".join(json.dumps(request(n, "echo", n=n)).encode() + b"\n" for n in range(1000)))
        assert [shim.message()["id"] for _ in range(1000)] == list(range(1000))
    assert len(gate.of(frames.ASK)) == 1000


def test_messages_of_many_megabytes_pass_both_ways(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer())) as shim:
        text = "x" * (20 << 20)
        assert json.loads(shim.call(1, "echo", text=text)["result"]["content"][0]["text"]) == {"text": text}
    asked = gate.of(frames.ASK)[0]
    assert asked.flags == frames.TRUNCATED
    assert asked.json["params"] == {"name": "echo"}


def test_messages_over_the_limit_are_refused_both_ways_and_the_session_goes_on(place: Place, gate: Gate) -> None:
    place.settle("enforce", message_max=100_000)
    with Shimmed(place.command(*peer())) as shim:
        assert "larger than 100,000" in shim.call(1, "echo", text="x" * 200_000)["error"]["message"]
        assert "too large" in shim.call(2, "big", size=300_000)["error"]["message"]
        assert "result" in shim.call(3, "echo")


def test_a_server_whose_line_never_ends_costs_no_memory(place: Place, gate: Gate) -> None:
    place.settle("observe", message_max=1_000_000)
    with Shimmed(place.command(*peer("endless"))) as shim:
        assert shim.message()["error"]["code"] == 413
        until(lambda: field(shim.process.pid, "io", "rchar") > 200_000_000)
        assert field(shim.process.pid, "status", "VmHWM") < 64 * 1024


def test_a_client_that_does_not_read_stops_the_server_and_not_the_memory(place: Place, gate: Gate) -> None:
    place.settle("observe")
    with Shimmed(place.command(*peer("flood"))) as shim:
        first = shim.line()
        read = [-1, 0]

        def stalled() -> bool:
            read.append(field(shim.process.pid, "io", "rchar"))
            return read[-1] > 1 << 20 and read[-1] == read[-2]

        until(stalled, every=0.2)
        assert read[-1] < 4 << 20
        assert shim.line() == first


def test_a_server_that_lists_without_end_is_not_read_while_the_gate_thinks(place: Place, gate: Gate) -> None:
    place.settle("enforce", deadline=20.0)
    gate.decide = only_hello
    with Shimmed(place.command(*peer("listings"))) as shim:
        shim.send({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        gate.wait(lambda gate: len(gate.of(frames.LIST)) > 500)
        pid = pid_of(shim)
        until(lambda: is_blocked(pid))
        assert len(gate.of(frames.LIST)) < 1200  # a megabyte of them, and what one read brings
        assert field(shim.process.pid, "status", "VmHWM") < 40_000


def test_bad_messages_are_answered_and_the_session_goes_on(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    bad = [
        b'{"id":1,"method":"tools/call","method":"ping"}\n',
        b'{"id":1,"method":"tools/call","params":{"name":"echo","x":NaN}}\n',
        b'{"id":1,"method":"tools/call","params":{"name":"\\ud800"}}\n',
        b'{"id":1,"method":"tools/call","params":{"name":"\xff"}}\n',
        b'{"id":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        b"{" * 100_000 + b"\n",
        b'\xef\xbb\xbf{"id":1,"method":"ping"}\n',
    ]
    with Shimmed(place.command(*peer())) as shim:
        for raw in bad:
            shim.send(raw)
            assert shim.message()["error"]["code"] in (-32700, -32600)
        for id in (10**400, 1.5, "x" * 1000, 0, ""):
            assert "result" in shim.call(id, "echo")
    assert len(gate.of(frames.ASK)) == 5


# The gate


def test_in_enforce_mode_the_server_is_not_started_before_it_is_allowed(
    place: Place, gate: Gate, tmp_path: Path
) -> None:
    place.settle("enforce")
    gate.decide = lambda asked: SILENCE
    mark = tmp_path / "started"
    with Shimmed(place.command("/bin/sh", "-c", f"echo > {mark}; exec cat")) as shim:
        shim.send({"id": 1, "method": "ping"})
        hello = gate.wait(lambda gate: gate.of(frames.HELLO))[0]
        assert not mark.exists()
        gate.answer(hello, ALLOWED)
        assert shim.message() == {"id": 1, "method": "ping"}
        assert mark.exists()


def test_a_server_that_is_not_allowed_never_runs_and_the_agent_is_told_why(
    place: Place, gate: Gate, tmp_path: Path
) -> None:
    place.settle("enforce")
    gate.decide = lambda asked: denied("npm:evil is not on the list", "allowlist")
    mark = tmp_path / "started"
    with Shimmed(place.command("/bin/sh", "-c", f"echo > {mark}; exec cat")) as shim:
        shim.send({"id": 1, "method": "server/discover"})
        assert "npm:evil is not on the list" in shim.message()["result"]["instructions"]
        shim.send(INITIALIZE)
        assert "allowlist" in shim.message()["result"]["instructions"]
        shim.close()
        assert shim.ended() == 126
        assert "npm:evil" in shim.complaints()
    assert not mark.exists()


def test_a_server_that_is_revoked_is_ended_and_its_calls_are_refused(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer("stubborn"))) as shim:
        shim.call(1, "echo")
        pid = pid_of(shim)
        gate.close()
        gate.decide = lambda asked: denied("revoked")
        gate.open()
        gate.wait(lambda gate: len(gate.of(frames.HELLO)) > 1)
        assert "revoked" in json.dumps(shim.call(2, "echo"))
        assert gone(pid)
        assert "revoked" in refusal(shim.call(3, "echo"))
        shim.close()
        assert shim.ended() == 126


def test_a_daemon_that_restarts_breaks_no_session_and_is_asked_again(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    gate.decide = only_hello
    with Shimmed(place.command(*peer())) as shim:
        shim.send(request(1, "echo"))
        before = gate.wait(lambda gate: gate.of(frames.ASK))[0]
        gate.close()
        gate.decide = lambda asked: ALLOWED
        gate.open()
        assert shim.message()["id"] == 1
        assert "result" in shim.call(2, "echo")
    first, again, new = gate.of(frames.ASK)
    assert (again.serial, again.flags, again.body) == (before.serial, frames.RETRY, first.body)
    assert new.flags == 0
    hellos = [one.json for one in gate.of(frames.HELLO)]
    assert [one["resumed"] for one in hellos] == [False, True]
    assert hellos[0]["uid"] == hellos[1]["uid"]
    assert hellos[1]["server_pid"] > 0
    assert place.spooled() == []


@pytest.mark.parametrize(
    ("mode", "on_doubt", "passes"),
    [("observe", "deny", True), ("enforce", "allow", True), ("enforce", "deny", False), ("enforce", "ask", False)],
)
def test_without_a_daemon_the_setting_decides_and_the_spool_remembers(
    place: Place, mode: str, on_doubt: str, passes: bool
) -> None:
    place.settle(mode, on_doubt, deadline=0.2)
    with Shimmed(place.command(*peer())) as shim:
        answer = shim.call(1, "echo")
        if passes:
            assert answer["result"]["content"][0]["text"] == "{}"
        else:
            assert "daemon" in refusal(answer)
    entries = place.spooled()
    assert entries[0]["argv"] == peer()
    effects = [(entry["tool"], entry["effect"], entry["mode"]) for entry in entries[1:]]
    launch = [(None, "allow" if passes else on_doubt, mode)] if mode == "enforce" else []
    assert effects == launch + ([("echo", "allow", mode)] if passes else [])
    assert all(abs(entry["t"] - time.time_ns()) < 60e9 for entry in entries[1:])


def test_a_mode_that_changes_holds_for_a_session_that_runs(place: Place) -> None:
    place.settle("observe", deadline=0.1)
    with Shimmed(place.command(*peer())) as shim:
        with Gate(place.folders.gate_socket) as gate:
            gate.wait(lambda gate: gate.of(frames.HELLO))
            assert "result" in shim.call(1, "echo")
        place.settle("enforce", "deny", deadline=0.1)
        assert "on_doubt" in refusal(shim.call(2, "echo"))
        place.folders.shim_conf.unlink()
        assert "on_doubt" in refusal(shim.call(3, "echo"))
        place.settle("observe", deadline=0.1)
        assert not shim.call(4, "echo")["result"].get("isError")
    assert [one["mode"] for one in place.spooled() if "call" in one] == ["enforce", "enforce", "observe"]


def test_nobody_waits_for_a_daemon_that_is_known_to_be_away(place: Place) -> None:
    place.settle("enforce", "allow", deadline=0.5)
    with Shimmed(place.command(*peer())) as shim:
        start = time.monotonic()
        shim.call(1, "echo")
        waited = time.monotonic() - start
        start = time.monotonic()
        for n in range(20):
            shim.call(n, "echo")
        assert time.monotonic() - start < waited + 0.4
        with Gate(place.folders.gate_socket) as gate:
            gate.wait(lambda gate: gate.of(frames.HELLO))
            gate.decide = lambda asked: denied("back again")
            while "back again" not in json.dumps(shim.call(9, "echo")):
                pass


@pytest.mark.parametrize("seed", range(5))
def test_a_daemon_that_comes_and_goes_loses_no_call_and_runs_none_twice(place: Place, gate: Gate, seed: int) -> None:
    place.settle("enforce")
    dice = random.Random(seed)
    calls = 300
    with Shimmed(place.command(*peer())) as shim:
        answered: list[int] = []
        sent = 0
        while len(answered) < calls:
            batch = range(sent, min(sent + dice.randint(1, 20), calls))
            shim.send(*(request(n, "echo") for n in batch))
            sent = batch.stop
            if dice.random() < 0.5:
                gate.close()
                gate.open()
            answered += [shim.message()["id"] for _ in range(dice.randint(0, sent - len(answered)))]
        log = shim.call(calls, "log")["result"]["content"][0]["text"]
    assert sorted(answered) == list(range(calls))
    assert sorted(json.loads(line)["id"] for line in json.loads(log)) == list(range(calls + 1))
    assert {one.json["id"] for one in gate.of(frames.ASK)} == set(range(calls + 1))
    assert place.spooled() == []


def test_a_daemon_that_hangs_is_given_up_after_the_deadline(place: Place, gate: Gate) -> None:
    place.settle("enforce", deadline=0.3)
    gate.decide = only_hello
    with Shimmed(place.command(*peer())) as shim:
        assert "did not answer" in refusal(shim.call(1, "echo"))
        gate.wait(lambda gate: gate.connections > 1)
    assert place.spooled()[1]["effect"] == "deny"


def test_other_traffic_flows_while_the_gate_thinks(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    gate.decide = only_hello
    with Shimmed(place.command(*peer())) as shim:
        shim.send(request(1, "echo"), {"id": 2, "method": "ping"})
        assert shim.message()["id"] == 2
        gate.answer(gate.wait(lambda gate: gate.of(frames.ASK))[0], ALLOWED)
        assert shim.message()["id"] == 1


@pytest.mark.parametrize("bytes_", [b"\xff" * 64, b"\x05\x00\x00\x00\x63\x00\x00\x00\x00", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_stranger_on_the_socket_is_no_gate(place: Place, bytes_: bytes) -> None:
    place.settle("enforce", deadline=0.3)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place.folders.gate_socket))
    listener.listen(16)
    with listener, Shimmed(place.command(*peer())) as shim:
        shim.send(request(1, "echo"))
        connection, _ = listener.accept()
        connection.sendall(bytes_)
        assert "did not answer" in refusal(shim.message())
        connection.close()


@pytest.mark.parametrize("path", ["/nowhere/gate.sock", "x" * 200, "/dev/null", ""])
def test_a_socket_that_cannot_be_reached_is_a_daemon_that_is_away(place: Place, path: str) -> None:
    place.settle("observe", deadline=0.1)
    with place.folders.shim_conf.open("a") as file:
        file.write(f"socket={path}\n")
    with Shimmed(place.command(*peer())) as shim:
        assert "result" in shim.call(1, "echo")


def test_a_spool_file_that_the_daemon_takes_in_is_begun_anew(place: Place) -> None:
    place.settle("observe", deadline=0.05)
    with Shimmed(place.command(*peer())) as shim:
        shim.call(1, "echo")
        (file,) = place.folders.spool.iterdir()
        file.unlink()
        shim.call(2, "echo")
    first, second = place.spooled()
    assert first["argv"] == peer()
    assert second["call"].startswith(first["uid"])


def test_a_spool_file_that_somebody_holds_locked_holds_nobody_up(place: Place) -> None:
    place.settle("observe", deadline=0.05)
    with Shimmed(place.command(*peer())) as shim:
        shim.call(1, "echo")
        (file,) = place.folders.spool.iterdir()
        with locked(file):
            shim.call(2, "echo")
        shim.call(3, "echo")
    spooled = place.spooled()
    assert sorted(one["call"].rpartition("-")[2] for one in spooled if "call" in one) == ["1", "2", "3"]
    assert [one["argv"] for one in spooled if "argv" in one] == [peer(), peer()]


@pytest.mark.parametrize(("mode", "passes"), [("observe", True), ("enforce", False)])
def test_on_a_full_disk_only_observe_mode_goes_on_without_a_daemon(place: Place, mode: str, passes: bool) -> None:
    """RLIMIT_FSIZE: files that may grow no further are a disk without room. Pipes are not files."""
    place.settle(mode, "allow", deadline=0.1)
    with Shimmed(place.command(*peer())) as shim:
        assert "result" in shim.call(0, "echo")
        (file,) = place.folders.spool.iterdir()
        before = file.read_bytes()
        full = (len(before) + 10, resource.RLIM_INFINITY)  # 10: a write that begins well and ends short
        resource.prlimit(shim.process.pid, resource.RLIMIT_FSIZE, full)
        for n in (1, 2):
            answer = shim.call(n, "echo")
            assert passes is not bool(answer["result"].get("isError"))
            if not passes:
                assert "could not be recorded" in refusal(answer)
        assert file.read_bytes() == before
        resource.prlimit(shim.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert not shim.call(3, "echo")["result"].get("isError")
        shim.close()
        assert shim.ended() == 0
    assert [one["effect"] for one in place.spooled() if one.get("tool")] == ["allow", "allow"]


def test_a_spool_that_is_a_link_is_not_followed(place: Place, tmp_path: Path) -> None:
    place.settle("enforce", "allow", deadline=0.05)
    place.folders.spool.rmdir()
    place.folders.spool.symlink_to("/proc/self/nowhere")
    with Shimmed(place.command(*peer())) as shim:
        assert "recorded" in refusal(shim.call(1, "echo"))


# Ends


@pytest.mark.parametrize("code", [0, 1, 77])
def test_the_exit_code_of_the_server_is_ours(place: Place, gate: Gate, code: int) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer())) as shim:
        shim.send(request(1, "die", code=code, text="last words, no newline"))
        assert shim.rest() == b"last words, no newline"
        assert shim.ended() == code
        gate.wait(lambda gate: gate.notes("ended") == [{"what": "ended", "code": code}])


def test_a_slow_reader_gets_all_that_a_dead_server_has_said(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    text = "x" * 1_150_000  # more than we hold: the rest waits in the dead server's pipe
    with Shimmed(place.command(*peer())) as shim:
        pid = pid_of(shim)
        shim.send(request(1, "die", code=4, text=text))
        until(lambda: not is_alive(pid))
        signal.sigtimedwait([], 1.0)
        assert shim.rest() == text.encode()
        assert shim.ended() == 4


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGSEGV, 128 + 11)])
def test_a_server_that_dies_of_a_signal_takes_us_along(place: Place, gate: Gate, number: int, code: int) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer())) as shim:
        shim.send(request(1, "signal", number=number))
        assert shim.ended() == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_server_and_everything_it_started(place: Place, gate: Gate, number: int) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer("grandchild"))) as shim:
        pids = [pid_of(shim), pid_of(shim, "grandchild")]
        shim.call(1, "echo")
        shim.process.send_signal(number)
        assert shim.ended() in (-number, 1, 130)
        assert all(gone(pid) for pid in pids)


def test_a_signal_before_the_server_runs_ends_us(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    gate.decide = lambda asked: SILENCE
    with Shimmed(place.command(*peer())) as shim:
        gate.wait(lambda gate: gate.of(frames.HELLO))
        shim.process.terminate()
        assert shim.ended() == -signal.SIGTERM


@pytest.mark.parametrize("how", ["eof", "signal", "reader"])
def test_a_server_that_ignores_everything_is_dead_in_bounded_time(place: Place, gate: Gate, how: str) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer("stubborn", "grandchild"))) as shim:
        pids = [pid_of(shim), pid_of(shim, "grandchild")]
        shim.call(1, "echo")
        if how == "eof":
            shim.close()
        elif how == "signal":
            shim.process.terminate()
        else:
            assert shim.process.stdout is not None
            shim.process.stdout.close()
            shim.process.stdout = None
        assert shim.ended() == -signal.SIGKILL
        assert all(gone(pid) for pid in pids)


def test_a_server_that_never_reads_is_dead_in_bounded_time(place: Place, gate: Gate) -> None:
    place.settle("observe")
    with Shimmed(place.command(*peer("deaf"))) as shim:
        shim.send(b'{"id":1,"method":"x"}\n' * 20_000)
        shim.close()
        assert shim.ended() == -signal.SIGTERM


def test_a_killed_shim_leaves_nobody_behind(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer("stubborn", "grandchild"))) as shim:
        pids = [pid_of(shim), pid_of(shim, "grandchild")]
        shim.call(1, "echo")
        shim.process.kill()
        assert shim.ended() == -signal.SIGKILL
        assert all(gone(pid) for pid in pids)


def test_what_a_dead_server_left_behind_in_its_group_dies_too(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer("grandchild"))) as shim:
        grandchild = pid_of(shim, "grandchild")
        shim.send(request(1, "die", code=3))
        assert shim.ended() == 3
        assert gone(grandchild)


def test_the_death_of_the_agent_ends_the_session_even_if_its_pipes_live_on(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    reader, writer = os.pipe()
    command = place.command(*peer())
    agent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()",
            *command,
        ],
        stdin=reader,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        shim = gate.wait(lambda gate: gate.of(frames.HELLO))[0].json["pid"]
        server = gate.wait(lambda gate: gate.notes("started"))[0]["pid"]
        agent.kill()
        agent.wait(10)
        assert gone(shim)
        assert gone(server)
    finally:
        agent.kill()
        for pipe in (agent.stdout, agent.stderr):
            if pipe is not None:
                pipe.close()
        os.close(reader)
        os.close(writer)


def test_a_server_that_closes_its_output_is_ended(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*peer("silent"))) as shim:
        assert shim.rest() == b""
        assert shim.ended() == 0


def test_calls_that_wait_at_the_end_of_input_still_run(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    gate.decide = only_hello
    with Shimmed(place.command(*peer())) as shim:
        shim.send(json.dumps(request(1, "echo")).encode())
        shim.close()
        gate.answer(gate.wait(lambda gate: gate.of(frames.ASK))[0], ALLOWED)
        assert shim.message()["id"] == 1
        assert shim.ended() == 0


@pytest.mark.parametrize(
    ("command", "code", "word"),
    [
        (["no-such-command-here"], 127, "command not found: no-such-command-here (PATH="),
        (["/nowhere/at/all"], 127, "command not found: /nowhere/at/all"),
        (["/etc/passwd"], 126, "/etc/passwd is not executable"),
        (["/etc"], 126, "not executable"),
    ],
)
def test_a_command_that_cannot_run_is_named(place: Place, gate: Gate, command: list[str], code: int, word: str) -> None:
    place.settle("enforce")
    with Shimmed(place.command(*command)) as shim:
        assert shim.ended() == code
        assert word in shim.complaints()
    gate.wait(lambda gate: gate.notes("ended") == [{"what": "ended", "code": code}])


def test_a_script_without_a_first_line_runs_as_in_a_shell(place: Place, gate: Gate, tmp_path: Path) -> None:
    place.settle("enforce")
    script = tmp_path / "server with spaces"
    script.write_text('echo "$1"\nexec cat\n')
    script.chmod(0o755)
    with Shimmed(place.command(script.name, "an argument"), env={**os.environ, "PATH": f"/nowhere:{tmp_path}"}) as shim:
        assert shim.line() == b"an argument\n"


def test_the_server_gets_the_agents_folder_environment_and_signals(place: Place, gate: Gate, tmp_path: Path) -> None:
    place.settle("enforce")
    look = "import os,signal;print(os.getcwd(),os.environ['SOME'],signal.getsignal(signal.SIGINT)==signal.SIG_IGN)"
    look += ";print(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:3], signal.pthread_sigmask(0, []))"
    look += ";print(int(open('/proc/self/status').read().split('SigIgn:')[1].split()[0], 16) & (1 << 31) - 1)"
    script = tmp_path / "look.py"
    script.write_text(look)
    said = []
    for command in ([sys.executable, str(script)], place.command(sys.executable, str(script))):
        with Shimmed(command, cwd=tmp_path, env={**os.environ, "SOME": "thing"}) as session:
            said.append(session.rest())
    assert said[0] == said[1]


@pytest.mark.parametrize("locale", [{}, {"LC_CTYPE": "C"}, {"LC_CTYPE": "C.UTF-8"}, {"LANG": "C", "ODD": "\udcff=\n"}])
def test_the_environment_of_the_server_is_the_agents(place: Place, gate: Gate, locale: dict[str, str]) -> None:
    place.settle("enforce")
    said = []
    for command in (["/usr/bin/env", "-0"], place.command("/usr/bin/env", "-0")):
        with Shimmed(command, env=locale) as session:
            said.append(session.rest())
    assert said[0] == said[1]


def test_arguments_of_any_bytes_reach_the_server(place: Place, gate: Gate, tmp_path: Path) -> None:
    place.settle("enforce")
    program = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(program)).symlink_to("/bin/echo")
    environments = [{"PATH": os.fsencode(tmp_path)}, {"PATH": os.fsencode(tmp_path), "LC_ALL": "C"}]
    for env in environments:
        with Shimmed([*place.command("caf\udce9", "\udcff", "é", "", "a b")], env=env) as shim:
            assert shim.rest() == b"\xff \xc3\xa9  a b\n"
    assert gate.of(frames.HELLO)[0].json["argv"] == ["caf\udce9", "\udcff", "é", "", "a b"]


@pytest.mark.parametrize(
    ("env", "told"), [({"PATH": ""}, "."), ({}, "/usr/local/bin:/usr/bin:/bin"), ({"PATH": "/bin:"}, "/bin:")]
)
def test_the_gate_is_told_where_the_program_is_really_looked_for(
    place: Place, gate: Gate, tmp_path: Path, env: dict[str, str], told: str
) -> None:
    place.settle("enforce")
    (tmp_path / "server").symlink_to("/bin/echo")
    with Shimmed(
        ["/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(tmp_path), *place.command("server", "x")], env=env
    ) as shim:
        assert shim.rest() == (b"" if told.startswith("/usr") else b"x\n")
    assert gate.of(frames.HELLO)[0].json["path"] == told


def test_a_folder_that_is_gone_stops_nobody(place: Place, gate: Gate, tmp_path: Path) -> None:
    place.settle("enforce")
    lost = tmp_path / "lost"
    lost.mkdir()
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    with Shimmed(["/bin/sh", "-c", script, "sh", str(lost), *place.command("/bin/echo", "here")]) as shim:
        assert shim.rest() == b"here\n"


def test_our_descriptors_are_left_as_they_were(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        shim = subprocess.Popen(place.command(*peer()), stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        ours.settimeout(10)
        ours.sendall(json.dumps(request(1, "echo")).encode() + b"\n")
        assert b'"id": 1' in ours.recv(65536)
        ours.shutdown(socket.SHUT_WR)
        assert shim.wait(10) == 0
        assert os.get_blocking(theirs.fileno())


def test_descriptors_that_the_agent_left_closed_do_no_harm(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    closed = subprocess.run(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *place.command(*peer())], timeout=20)
    assert closed.returncode == 0
    gate.wait(lambda gate: gate.notes("ended"))


def test_an_idle_shim_uses_no_processor_time(place: Place) -> None:
    place.settle("observe", deadline=0.1)
    with Shimmed(place.command(*peer())) as shim:
        shim.call(1, "echo")  # the daemon is away: the shim looks for it now and then
        stat = Path(f"/proc/{shim.process.pid}/stat")
        before = sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))
        signal.sigtimedwait([], 1.5)
        assert sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13])) - before <= 3
        assert is_alive(shim.process.pid)


# What it costs

ALLOWED_IMPORTS = {
    *("posix", "select", "_socket", "_signal", "_json", "fcntl", "time", "itertools", "sys", "builtins", "__main__"),
    *("callgate", "callgate.shim", "__future__"),
}
"""Beyond what the interpreter has loaded by itself."""


def test_the_shim_imports_nothing_that_is_slow(place: Place, gate: Gate) -> None:
    place.settle("enforce")
    bare = subprocess.run(
        [sys.executable, "-I", "-S", "-E", "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
    )
    with Shimmed(place.command(*peer(), flags=["-X", "importtime"])) as shim:
        shim.call(1, "echo")
        shim.close()
        assert shim.ended() == 0
        lines = [line.split("|") for line in shim.complaints().splitlines() if line.startswith("import time:")]
    loaded = {line[2].strip() for line in lines} - set(bare.stdout.split()) - {"imported package"}
    parts = {f"callgate.shim.{path.stem}" for path in (place.folders.shim / "callgate/shim").glob("*.py")}
    assert loaded <= ALLOWED_IMPORTS | parts
    assert parts - {"callgate.shim.__init__"} <= loaded
