"""A daemon that exports, as its user sees it: status, test, replay, settings that change, and calls that never wait."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from callgate.model.errors import CallgateError
from callgate.service import background
from callgate.service.offline import verify_offline
from callgate.system.processes import is_same, start_time
from frame_client import FrameClient
from installation import Installation
from receiver import TOKEN, Receiver
from until import until

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


@pytest.fixture
def place() -> Iterator[Installation]:
    with Installation() as place:
        yield place


def sink(name: str, kind: str, url: str, **more: object) -> str:
    lines = {"name": name, "type": kind, "url": url, "linger": 0.0, **more}
    return "[[export.sinks]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def exported(place: Installation, name: str = "out") -> dict[str, Any]:
    (found,) = [one for one in place.client.export()["sinks"] if one["name"] == name]
    return dict(found)


def test_every_row_goes_out_and_the_machine_reports_itself(place: Installation) -> None:
    out = place.root / "out.jsonl"
    place.settle(sink("out", "file", str(out), format="json"))
    place.start()
    with FrameClient(place.folders.gate_socket) as shim:
        shim.greet(argv=["/bin/cat"])
        assert shim.ask("echo").allowed
    until(lambda: {"call.asked", "machine.health"} <= {line["kind"] for line in lines(out)}, "call and report")
    until(lambda: exported(place)["behind"] == 0, "all of it")
    rows = place.rows()
    found = lines(out)
    assert [line["seq"] for line in found] == [row["seq"] for row in rows[: len(found)]]
    assert {"machine.inventory", "machine.health", "daemon.started", "server.launched"} <= {
        one["kind"] for one in found
    }
    assert [line["hash"] for line in found] == [row["hash"] for row in rows[: len(found)]]
    background.stop(place.folders)
    place.start()
    until(lambda: any(line["kind"] == "daemon.stopped" for line in lines(out)), "what happened at the end")
    seqs = [line["seq"] for line in lines(out)]
    assert list(dict.fromkeys(seqs)) == sorted(set(seqs))


def test_a_checkpoint_leaves_at_once_and_the_last_one_before_the_daemon_ends(place: Installation) -> None:
    out = place.root / "out.jsonl"
    place.settle(sink("out", "file", str(out), format="json", linger=3600.0))
    place.start()

    def left() -> list[str]:
        return [line["detail"]["why"] for line in lines(out) if line["kind"] == "log.checkpoint"]

    until(lambda: left() == ["start"], "the first checkpoint")
    place.client.make_checkpoint()
    until(lambda: left() == ["start", "asked"], "the second")
    background.stop(place.folders)
    assert left() == ["start", "asked", "stop"]
    assert [line["kind"] for line in lines(out)][-2:] == ["daemon.stopped", "log.checkpoint"]
    last = json.loads(out.read_text().splitlines()[-1])
    place.start()
    note = place.root / "note"
    note.write_text(last["detail"]["note"])
    found = verify_offline(place.folders, since=note)
    assert found["ok"], found["findings"]


def test_a_receiver_that_is_away_does_not_hold_up_the_end(place: Installation) -> None:
    with socket.socket() as mute:  # takes connections and never answers
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        place.settle(sink("away", "https", f"http://127.0.0.1:{mute.getsockname()[1]}/x", timeout=60.0))
        place.start()
        pid = place.pid
        start = start_time(pid)
        background.stop(place.folders)
        assert not is_same(pid, start) and "did not end" not in place.folders.daemon_log.read_text()
        assert place.start()


def test_a_test_event_is_marked_and_its_answer_shown(place: Installation) -> None:
    secret = place.root / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)
    with Receiver() as receiver:
        place.settle(sink("siem", "https", f"{receiver.url}/collect", secret=f"file:{secret}"))
        place.start()
        until(lambda: exported(place, "siem")["behind"] == 0, "all rows")
        done = place.client.test_sink("siem")
        assert done["ok"] and done["said"].startswith("HTTP 200") and "-test-" in receiver.taken[-1]
        assert json.loads(done["event"])["metadata"]["labels"] == ["test"]
        secret.write_text("wrong")
        done = place.client.test_sink("siem")
        assert not done["ok"] and "401" in done["problem"]
    with pytest.raises(CallgateError, match="is not known"):
        place.client.test_sink("nobody")
    assert TOKEN not in place.folders.daemon_log.read_text()


def test_a_replay_is_sent_and_logged(place: Installation) -> None:
    out = place.root / "out.jsonl"
    place.settle(sink("out", "file", str(out), format="json"))
    place.start()
    until(lambda: exported(place)["behind"] == 0 and lines(out), "all rows")
    done = place.client.replay(0, "out")
    assert done["sinks"] == ["out"] and done["first"] == 1
    until(lambda: [line["seq"] for line in lines(out)].count(1) == 2, "the first row again")
    until(lambda: any(line["kind"] == "export.replayed" for line in lines(out)), "the row about it")
    ids = [line["id"] for line in lines(out) if line["seq"] == 1]
    assert len(set(ids)) == 1
    with pytest.raises(CallgateError, match="no rows since then"):
        place.client.replay(2**62, None)


def test_a_receiver_that_hangs_delays_no_call_and_no_end(place: Installation) -> None:
    with Receiver() as receiver:
        receiver.faults = ["slow"] * 100
        place.settle(sink("siem", "otlp", receiver.url, timeout=60.0))
        place.start()
        until(lambda: receiver.requests, "the first request")
        with FrameClient(place.folders.gate_socket) as shim:
            shim.greet(argv=["/bin/cat"])
            for _ in range(200):
                assert shim.ask("echo").allowed
        began = time.monotonic()
        background.stop(place.folders)
        assert time.monotonic() - began < 15
        receiver.patience.set()


def test_sinks_follow_the_settings_while_the_daemon_runs(place: Installation) -> None:
    one, two = place.root / "one.jsonl", place.root / "two.jsonl"
    place.settle(sink("one", "file", str(one)))
    place.start()
    until(lambda: lines(one), "the first sink")
    place.settle(sink("two", "file", str(two), format="json"))
    place.client.reload()
    until(lambda: lines(two), "the second sink")
    assert [found["name"] for found in place.client.export()["sinks"]] == ["two"]
    assert lines(two)[0]["seq"] == 1
    place.settle(sink("two", "file", "not absolute"))
    with pytest.raises(CallgateError, match="absolute path"):
        place.client.reload()


def test_a_receiver_that_is_away_is_a_problem_of_the_status(place: Installation) -> None:
    place.settle(sink("siem", "syslog", "tcp://127.0.0.1:1", timeout=1.0))
    place.start()
    until(lambda: exported(place, "siem")["failures"] >= 3, "failures", 30)
    found = exported(place, "siem")
    assert found["seq"] == 0 and found["behind"] > 0 and found["oldest"] > 0 and "127.0.0.1:1" in found["problem"]
    assert any("export siem" in problem for problem in place.client.status()["problems"])


def test_retention_waits_for_a_sink_that_is_behind(place: Installation) -> None:
    from exported import log_of

    place.folders.make()
    old = time.time_ns() - 10 * 86_400 * 10**9
    log_of(place.folders.audit, 50, at=old)
    head = "[audit]\nretention_days = 5\n[export]\nhold_days = {days}\n"
    away = sink("siem", "syslog", "tcp://127.0.0.1:1", timeout=1.0)
    place.settle(head.format(days=30) + away)
    place.start()
    until(lambda: exported(place, "siem")["failures"], "a failure", 30)
    assert place.rows()[0]["seq"] == 1
    background.stop(place.folders)
    place.settle(head.format(days=1) + away)
    place.start()
    until(lambda: place.rows()[0]["seq"] > 50, "retention", 30)
    out = place.root / "out.jsonl"
    place.settle(sink("siem", "file", str(out), format="json"))
    place.client.reload()
    until(lambda: lines(out), "the rest")
    assert lines(out)[0]["seq"] > 50
