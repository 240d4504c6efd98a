"""gate.sock under friendly and hostile peers: one answer a question, after its row, and nobody harms another."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from callgate.model.call import Effect, Mode
from callgate.model.errors import CallgateError
from callgate.model.event import Event
from callgate.server import listener
from callgate.server.desk import NOISE_MAX
from callgate.server.questions import TOOLS_MAX
from callgate.settings import CONNECTIONS_MAX, Payload
from callgate.shim import frames
from callgate.system import sockets
from frame_client import FrameClient, ask, hello, listing
from gate_site import Site
from until import until


def uid(number: int) -> str:
    return f"{number:016x}"


def is_fine(site: Site, number: int = 999_999) -> bool:
    """Is a new shim served?"""
    with site.client() as client:
        return client.greet(uid(number)).allowed and client.ask().allowed


def test_a_shim_greets_asks_and_is_answered_after_its_rows(site: Site) -> None:
    with site.client() as shim:
        assert shim.greet().allowed
        assert len(site.rows("server.launched")) == 1
        assert shim.ask("read").allowed
        held, denied = shim.ask("hold"), shim.ask("delete")
        assert (held.effect, denied.effect) == (frames.ASK_USER, frames.DENY)
        assert "'delete'" in denied.said["reason"] and denied.said["rule"] == "tool.deny:cat"
        assert [row.event.effect for row in site.rows()] == ["allow", "ask", "deny"]


def test_a_row_names_the_caller_as_the_system_knows_it_whatever_the_shim_says(site: Site) -> None:
    with site.client() as shim:
        shim.greet(pid=1, uid=uid(5))
        (row,) = site.rows("server.launched")
        assert row.event.detail["pid"] == os.getpid()
        assert f"-{os.getpid()}-" in row.event.session or row.event.agent


def test_what_follows_a_hello_at_once_waits_for_its_answer_and_keeps_its_order(site: Site) -> None:
    with site.client() as shim:
        one_write = frames.pack(frames.HELLO, 1, json.dumps(hello()).encode())
        for serial in range(2, 200):
            one_write += frames.pack(frames.ASK, serial, ask("read"))
        shim.raw(one_write)
        assert [shim.answer().serial for _ in range(199)] == list(range(1, 200))
        assert len(site.rows()) == 198


def test_the_questions_of_many_shims_in_one_turn_are_answered_each_to_its_own(site: Site) -> None:
    shims = [site.client() for _ in range(50)]
    for number, shim in enumerate(shims):
        assert shim.greet(uid(number)).allowed
    blocked, go = threading.Event(), threading.Event()

    def hold() -> None:
        blocked.set()
        go.wait(10)

    site.listener.submit(hold)  # all of what follows is there when the next turn begins
    assert blocked.wait(10)
    serials = [shim.send(frames.ASK, ask("read" if number % 2 else "delete")) for number, shim in enumerate(shims)]
    go.set()
    for number, shim in enumerate(shims):
        answer = shim.answer()
        assert (answer.serial, answer.allowed) == (serials[number], number % 2 == 1)
    assert [row.event.uid.split("-")[0] for row in site.rows()] == sorted(uid(n) for n in range(50))
    for shim in shims:
        shim.close()


@pytest.mark.parametrize(
    "raw",
    [
        frames.pack(frames.ASK, 1, ask()),
        frames.pack(frames.LIST, 1, listing("a")),
        frames.pack(frames.NOTE, 0, b'{"what":"ended","code":0}'),
        frames.pack(frames.HELLO, 1, b"{}"),
        frames.pack(frames.ANSWER, 1, b"\0"),
        frames.pack(0, 1),
        frames.pack(255, 1, b"x" * 100),
        b"GET / HTTP/1.1\r\nHost: callgate\r\n\r\n",
        b"\0" * 100,
        b"\xff" * 100,
        (4).to_bytes(4, "little") + b"\0" * 5,
        (frames.MAX_BODY + 6).to_bytes(4, "little") + b"\0" * 5,
        random.Random(7).randbytes(65536),
    ],
    ids=lambda raw: repr(raw[:9]),
)
def test_a_peer_that_begins_with_anything_but_a_hello_is_hung_up_on(site: Site, raw: bytes) -> None:
    with site.client() as stranger:
        with contextlib.suppress(OSError):
            stranger.raw(raw + b"\xff" * 16)
        assert stranger.is_hung_up()
    assert is_fine(site)
    assert len(site.rows()) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (frames.HELLO, _body)
        for _body in (b"{}", b"[]", b'{"version":1}')
    ]
    + [
        (77, b""),
        (frames.ANSWER, b"\0"),
        (frames.NOTE, b"[]"),
        (frames.NOTE, b'{"what":"never heard of"}'),
        (frames.NOTE, b'{"what":"started"}'),
        (frames.NOTE, b'{"what":"started","pid":"7"}'),
        (frames.NOTE, b'{"what":"started","pid":1}'),
        (frames.NOTE, b'{"what":"started","pid":true}'),
        (frames.NOTE, b'{"what":"started","pid":%d}' % 2**40),
        (frames.LIST, b""),
        (frames.LIST, b"\0[]"),
        (frames.LIST, bytes((frames.OVERSIZE_LIST,)) + b"{}"),
    ],
)  # fmt: skip
def test_a_shim_that_breaks_the_protocol_is_answered_what_it_asked_before_and_then_hung_up_on(
    site: Site, kind: int, body: bytes
) -> None:
    with site.client() as shim:
        shim.greet()
        shim.raw(frames.pack(frames.ASK, 7, ask()) + frames.pack(kind, 8, body))
        assert shim.answer().serial == 7
        assert shim.is_hung_up()
    assert is_fine(site)


HOSTILE_BODIES = [
    b"", b"\0", b"\xff" * 10, b"\0" + b"[" * 200_000, b'\0{"params":{"name":"\\ud800"}}',
    b'\0{"params":{"name":"t","arguments":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}}",
    b'\0{"params":{"name":"t","arguments":{"n":NaN,"i":-Infinity,"x":1e999,"l":' + b"9" * 4000 + b"}}}",
    b'\0{"params":{"name":"' + b"n" * 1_000_000 + b'"}}',
    b'\0{"params":{"name":"t","arguments":{"\\u0000":"\\u0000","\\ud800":"\\udfff"}}}',
    b'\0{"result":{"tools":5}}', b'\0{"result":{"tools":[{"name":{}}]}}', b'\0{"result":[[[]]]}',
    b'\0{"what":"said"}',
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE_BODIES, ids=lambda body: repr(body[:24]))
def test_no_call_listing_or_note_whatsoever_harms_another_shim(site: Site, body: bytes) -> None:
    with site.client() as honest:
        honest.greet(uid(1))
        for kind in (frames.ASK, frames.LIST, frames.NOTE):
            with site.client() as hostile:
                hostile.greet(uid(2))
                with contextlib.suppress(OSError):
                    hostile.send(kind, body if kind != frames.NOTE else body[1:])
                    hostile.note("answered", call=[{"deep": body.decode("latin-1")[:5000]}], ms=float("nan"))
                    hostile.note("said", x=["y"] * 1000)
                assert honest.ask().allowed
    assert is_fine(site)


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (Payload.NONE, "[cut]"),
        (Payload.DIGEST, "[cut]"),
        (Payload.REDACTED, "login with [redacted:github-token:"),
        (Payload.FULL, "login with ghp_"),
    ],
)
def test_what_a_server_says_beside_the_protocol_is_kept_as_the_settings_say(
    site: Site, policy: Payload, kept: str
) -> None:
    site.settle(audit=replace(site.gate.settings.audit, payload=policy))
    with site.client() as shim:
        shim.greet()
        shim.note("said", direction="server", method="", noise="login with ghp_" + "a1B2" * 9 + " " + "x" * 200)
        shim.note("said", direction="client", method="initialize", client="ghp_" + "a1B2" * 9)
        shim.ask()
        server, client = (row.event.detail for row in site.rows("message.seen"))
    assert server["noise"].startswith(kept) and len(server["noise"]) <= NOISE_MAX
    assert ("ghp_" in client["client"]) is (policy is Payload.FULL)


def test_a_server_that_answers_tools_list_with_no_list_gets_an_answer_with_nothing_to_hide(site: Site) -> None:
    with site.client() as shim:
        shim.greet()
        for body in (b'\0{"result":{"tools":5}}', b'\0{"error":{}}', b'\0{"result":null}'):
            shim.send(frames.LIST, body)
            answer = shim.answer()
            assert answer.allowed and answer.said == {"hide": []}


def test_denied_tools_are_named_to_be_hidden_and_the_listing_is_in_the_log(site: Site) -> None:
    with site.client() as shim:
        shim.greet()
        shim.send(frames.LIST, listing("read", "delete", "hold", "x"))
        assert shim.answer().said == {"hide": ["delete", "x"]}
        (row,) = site.rows("tools.listed")
        assert row.event.detail == {"tools": ["read", "delete", "hold", "x"], "denied": ["delete", "x"]}


@pytest.mark.parametrize(("mode", "allowed"), [(Mode.ENFORCE, False), (Mode.OBSERVE, True)])
def test_a_listing_that_cannot_be_decided_is_in_doubt_and_the_session_goes_on(
    site: Site, mode: Mode, allowed: bool
) -> None:
    site.settle(mode=mode)
    with site.client() as shim:
        shim.greet()
        shim.send(frames.LIST, listing(*map(str, range(TOOLS_MAX + 1))))
        assert shim.answer().allowed is allowed
        assert site.rows("tools.listed")[0].event.detail["count"] == TOOLS_MAX + 1
        assert shim.ask().allowed


def test_half_frames_wait_for_their_other_half(site: Site) -> None:
    with site.client() as shim:
        for byte in frames.pack(frames.HELLO, 1, json.dumps(hello()).encode()):
            shim.raw(bytes((byte,)))
        assert shim.answer().allowed
        whole = frames.pack(frames.ASK, 2, ask())
        shim.raw(whole[:5])
        assert is_fine(site)
        shim.raw(whole[5:] + whole[:1])
        assert shim.answer().serial == 2


def test_a_frame_of_the_largest_size_is_taken_and_one_byte_more_is_not(site: Site) -> None:
    with site.client() as shim:
        shim.greet()
        body = ask("read", {"x": "y" * (frames.MAX_BODY - 200)})
        shim.send(frames.ASK, body + b" " * (frames.MAX_BODY - len(body)), 5)
        assert shim.answer().serial == 5
        with contextlib.suppress(OSError):
            shim.raw((frames.MAX_BODY + 6).to_bytes(4, "little") + b"\2" * 9)
        assert shim.is_hung_up()


def test_a_repeated_question_gets_the_recorded_verdict_and_no_second_row_also_after_a_reconnect(site: Site) -> None:
    with site.client() as shim:
        shim.greet()
        assert shim.ask(serial=42).allowed
    site.rules = None
    with site.client() as shim:
        shim.greet(resumed=True)
        assert shim.ask(serial=42, flags=frames.RETRY).allowed
        assert not shim.ask(serial=43).allowed
    assert [row.event.uid for row in site.rows()] == [f"{uid(0x0123456789ABCDEF)}-42", f"{uid(0x0123456789ABCDEF)}-43"]


def test_a_verdict_that_another_shim_was_given_is_not_to_be_had_by_its_uid(site: Site) -> None:
    with site.client() as shim:
        shim.greet(uid(1))
        shim.ask("read", serial=9)
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path; from frame_client import FrameClient\n"
        "c = FrameClient(Path(sys.argv[1])); c.greet('0000000000000001')\n"
        "print(c.ask('delete', flags=1, serial=9).effect)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(site.path), *sys.path], capture_output=True, text=True, timeout=20
    )
    assert done.stdout.strip() == str(frames.DENY), done.stderr
    assert len(site.rows()) == 2


def test_the_uid_of_a_shim_that_is_here_cannot_be_claimed_by_another_process(site: Site) -> None:
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path; from frame_client import FrameClient\n"
        "c = FrameClient(Path(sys.argv[1])); print(c.greet('0000000000000001').said['reason'])\n"
        "print(c.is_hung_up())"
    )
    with site.client() as shim:
        shim.greet(uid(1))
        done = subprocess.run(
            [sys.executable, "-c", script, str(site.path), *sys.path], capture_output=True, text=True, timeout=20
        )
        assert "another shim has this uid" in done.stdout and "True" in done.stdout, done.stderr
        assert shim.ask().allowed
        assert len(site.listener.desk.sessions) == 1


def test_a_second_hello_on_one_connection_ends_it(site: Site) -> None:
    with site.client() as shim:
        shim.greet()
        shim.send(frames.HELLO, hello())
        assert shim.is_hung_up()


def test_a_server_that_cannot_be_identified_is_answered_by_doubt(site: Site) -> None:
    with site.client() as shim:
        answer = shim.greet(argv=["a\x00b"], cwd="\x00")
        assert not answer.allowed
    assert is_fine(site)


@pytest.mark.parametrize(
    ("mode", "doubt", "effect"),
    [
        (Mode.ENFORCE, Effect.DENY, frames.DENY),
        (Mode.ENFORCE, Effect.ASK, frames.ASK_USER),
        (Mode.ENFORCE, Effect.ALLOW, frames.ALLOW),
        (Mode.OBSERVE, Effect.DENY, frames.ALLOW),
    ],
)
def test_a_call_whose_row_cannot_be_written_is_answered_by_doubt(
    site: Site, mode: Mode, doubt: Effect, effect: int
) -> None:
    site.settle(mode=mode, on_doubt=doubt)
    with site.client() as shim:
        shim.greet()
        other = site.locked()
        answer = shim.ask("read")
        assert answer.effect == effect and (not answer.said or "cannot be written" in answer.said["reason"])
        other.close()
        assert shim.ask("read").allowed
        assert [row.event.detail["rows"] for row in site.rows("log.gap")] == [1]
        assert len(site.rows()) == 1


def test_events_of_other_parts_are_reported_lost_when_the_turn_is_lost(site: Site) -> None:
    told: list[bool] = []
    other = site.locked()
    site.listener.submit(lambda: site.gate.record(Event("spool.taken", 1)), told.append)
    until(lambda: told, "the verdict on the turn")
    other.close()
    site.listener.submit(lambda: site.gate.record(Event("spool.taken", 1)), told.append)
    until(lambda: len(told) == 2, "the next verdict")
    assert told == [False, True]
    assert len(site.rows("spool.taken")) == 1


def test_a_job_that_fails_harms_nobody(site: Site) -> None:
    told: list[bool] = []
    site.listener.submit(lambda: 1 // 0, told.append)  # type: ignore[arg-type, return-value]
    until(lambda: told, "the end of the turn")
    assert is_fine(site)


def test_jobs_that_were_submitted_before_the_end_are_done_and_later_ones_are_refused(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.open()
    told: list[bool] = []
    site.listener.stop()
    with contextlib.suppress(CallgateError):
        for _ in range(1000):
            site.listener.submit(lambda: site.gate.record(Event("a.b", 1)), told.append)
    site.thread.join(10)
    with pytest.raises(CallgateError, match="is stopping"):
        site.listener.submit(lambda: None)
    assert len(site.rows("a.b")) == len(told) and all(told)
    site.close()


def test_a_connection_of_which_nothing_comes_makes_room_for_one_that_speaks(site: Site) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2 * CONNECTIONS_MAX + 100:
        pytest.skip("the limit of open files is too low for this many connections in one process")
    with site.client() as honest:
        honest.greet(uid(1))
        silent = [site.client() for _ in range(CONNECTIONS_MAX + 200)]
        assert honest.ask().allowed
        assert is_fine(site)
        assert silent[0].is_hung_up()
        for client in silent:
            client.close()


def test_after_a_lack_of_descriptors_a_busy_gate_accepts_again(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    with site.client() as busy, ThreadPoolExecutor(1) as pool:
        busy.greet(uid(1))
        busy.ask()
        try:
            most = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
            resource.setrlimit(resource.RLIMIT_NOFILE, (most + 50, limits[1]))
            with contextlib.suppress(OSError):
                while True:
                    taken.append(os.dup(0))
            os.close(taken.pop())
            late = site.client()
            until(lambda: "cannot accept connections" in caplog.text, "no descriptor to be left")
        finally:
            for number in taken:
                os.close(number)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        with late:
            greeted = pool.submit(late.greet, uid(2))
            until(lambda: busy.ask().allowed and greeted.done(), "a connection while another one keeps asking")
            assert greeted.result().allowed


def test_when_all_connections_speak_the_next_is_refused_and_later_accepted(site: Site, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(listener, "CONNECTIONS_MAX", 20)
    shims = [site.client() for _ in range(20)]
    for number, shim in enumerate(shims):
        shim.greet(uid(number))
    with site.client() as late:
        assert late.is_hung_up()
    assert all(shim.ask().allowed for shim in shims)
    shims.pop().close()
    until(lambda: _served(site), "room for another shim")
    for shim in shims:
        shim.close()


def _served(site: Site) -> bool:
    try:
        return is_fine(site)
    except (AssertionError, OSError):
        return False


def test_a_peer_that_never_reads_is_cut_off_and_holds_nobody_up(site: Site) -> None:
    with site.client() as deaf, site.client() as honest:
        deaf.greet(uid(1))
        honest.greet(uid(2))
        names = [f"{n:050}" for n in range(1000)]
        with contextlib.suppress(OSError):
            for _ in range(200):
                deaf.send(frames.LIST, listing(*names))
                assert honest.ask().allowed
        until(lambda: len(site.listener.desk.sessions) == 1, "the end of the deaf one")
        assert honest.ask().allowed


def test_a_slow_or_broken_peer_leaves_others_their_speed(site: Site) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(100):
            one = stack.enter_context(site.client())
            one.raw(frames.pack(frames.HELLO, 1, json.dumps(hello(uid(number))).encode())[: number + 1])
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda n: is_fine(site, 1000 + n), range(20)))


def test_a_flood_of_connections_that_only_come_and_go_leaves_nothing_behind(site: Site) -> None:
    for number in range(300):
        client = FrameClient(site.path)
        client.send(frames.HELLO, hello(uid(number)))
        client.close()
    assert is_fine(site)
    until(lambda: not site.listener.desk.sessions, "the end of all sessions")


def test_the_listening_socket_can_be_replaced_while_shims_are_served(site: Site) -> None:
    with site.client() as shim:
        shim.greet(uid(1))
        site.path.unlink()
        site.listener.submit(lambda: site.listener.listen_on(sockets.listen(site.path)))
        until(lambda: _served(site), "the new socket")
        assert shim.ask().allowed


def test_without_descriptors_the_gate_waits_and_does_not_spin(tmp_path: Path) -> None:
    """Run apart, because the limit holds for a whole process."""
    script = Path(__file__).parents[2] / "fakes" / "crowd.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), *sys.path], capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0 and "served after the crowd" in done.stdout, done.stdout + done.stderr


GROUP = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(60)
"""
SHIM = """
import subprocess, sys, time
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from frame_client import FrameClient
server = subprocess.Popen([sys.executable, "-c", sys.argv[2]], process_group=0, stdout=subprocess.PIPE)
server.stdout.readline()
client = FrameClient(Path(sys.argv[1]))
{said}
print(server.pid, flush=True)
time.sleep(60)
"""


def shim_process(site: Site, said: str) -> tuple[subprocess.Popen[str], int]:
    """A process that poses as a shim with a server in a group of its own; the server's pid."""
    code = SHIM.replace("{said}", said)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(site.path), GROUP, *sys.path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize(
    "said",
    [
        "client.greet('0000000000000001'); client.note('started', pid=server.pid); client.ask()",
        "client.greet('0000000000000001', server_pid=server.pid, resumed=True)",
    ],
    ids=["told when it started", "told after a reconnect"],
)
def test_a_server_whose_shim_was_killed_is_ended_and_that_is_in_the_log(site: Site, said: str) -> None:
    shim, server = shim_process(site, said)
    until(lambda: site.listener.desk.sessions[uid(1)].server_start, "the server's birth")
    end(shim)
    until(lambda: not is_running(server), "the end of the orphan")
    until(lambda: site.rows("server.ended"), "the row of its end")
    assert site.rows("server.ended")[0].event.detail == {"orphan": server}


@pytest.mark.parametrize(
    "said",
    [
        "client.greet('0000000000000001'); client.ask(); client.close()",
        "client.greet('0000000000000001'); client.note('started', pid=server.pid); client.ask(); client.close()",
        "client.greet('0000000000000001'); client.raw(b'x' * 100)",
    ],
    ids=["no server told", "the shim lives", "the shim breaks the protocol and lives"],
)
def test_a_server_whose_shim_lives_is_left_alone(site: Site, said: str) -> None:
    shim, server = shim_process(site, said)
    until(lambda: not site.listener.desk.sessions, "the end of the session")
    site.undertaker.submit(lambda: None).result(10)  # whatever was to be ended has been by now
    assert is_running(server)
    os.kill(server, signal.SIGKILL)
    end(shim)


@pytest.mark.parametrize("when", ["started", "reconnected"])
def test_a_process_that_is_not_the_shims_own_child_is_never_ended(site: Site, when: str) -> None:
    victim = subprocess.Popen([sys.executable, "-c", GROUP], process_group=0, stdout=subprocess.PIPE, text=True)
    greet = f"client.greet('0000000000000001', server_pid={victim.pid})"
    if when == "started":
        greet = f"client.greet('0000000000000001'); client.note('started', pid={victim.pid})"
    shim, server = shim_process(site, greet + "; client.ask()")
    end(shim)
    until(lambda: not site.listener.desk.sessions, "the end of the session")
    site.workers.submit(lambda: None).result(10)
    site.undertaker.submit(lambda: None).result(10)
    assert is_running(victim.pid) and is_running(server)
    os.kill(server, signal.SIGKILL)
    end(victim)


def test_a_server_that_had_ended_before_its_shim_is_not_looked_for(site: Site) -> None:
    said = (
        "client.greet('0000000000000001'); client.note('started', pid=server.pid); "
        "client.note('ended', code=0); client.ask()"
    )
    shim, server = shim_process(site, said)
    end(shim)
    until(lambda: not site.listener.desk.sessions, "the end of the session")
    site.undertaker.submit(lambda: None).result(10)
    assert is_running(server)
    os.kill(server, signal.SIGKILL)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
def test_another_users_process_is_refused(site: Site) -> None:
    read, write = os.pipe()
    site.path.parent.chmod(0o711)  # the rights of folder and file would already keep others out
    site.path.chmod(0o777)
    child = os.fork()
    if child == 0:
        try:
            os.chdir(site.path.parent)
            os.setgroups([])
            os.setresuid(65534, 65534, 65534)
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.settimeout(10)
                stranger.connect(site.path.name)
                os.write(write, b"connected ")
                os.write(write, b"heard %r" % stranger.recv(10))
        except OSError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    said = b""
    while part := os.read(read, 100):
        said += part
    os.close(read)
    assert said in (b"connected heard b''", b"connected [Errno 104] Connection reset by peer"), said
    assert is_fine(site)


def test_a_socket_is_only_made_where_nothing_foreign_stands(tmp_path: Path) -> None:
    path = tmp_path / "g"
    path.write_text("mine")
    with pytest.raises(CallgateError, match="in the way"):
        sockets.listen(path)
    assert path.read_text() == "mine"
    path.unlink()
    first = sockets.listen(path)
    assert path.stat().st_mode & 0o777 == 0o600
    second = sockets.listen(path)  # the first is stale by then
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert second.accept()[0].close() is None
    first.close()
    second.close()
    with pytest.raises(CallgateError, match="too long"):
        sockets.listen(tmp_path / ("x" * 120))
    with pytest.raises(CallgateError, match="cannot listen there"):
        sockets.listen(tmp_path / "no" / "such")
