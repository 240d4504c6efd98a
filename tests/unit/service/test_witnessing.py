"""A real daemon and a real witness: what is signed is shown, a witness away stops nothing, a rollback is found."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from callgate.audit.note import Key
from callgate.service.witnessing import witness_state
from frame_client import FrameClient
from installation import Installation
from until import until

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

NAME = "witness.example/w1"


@pytest.fixture
def place() -> Iterator[Installation]:
    with Installation() as place:
        yield place


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def witness(folder: Path, port: int) -> Iterator[None]:
    program = [sys.executable, "-c", "from callgate.cli import main; main()", "witness", "serve"]
    command = [*program, "--data", str(folder), "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


def settle(place: Installation, folder: Path, port: int) -> None:
    key = witness_state(folder).begin(NAME).key
    place.settle(f'[audit.witness]\nurl = "http://127.0.0.1:{port}"\nkey = "{key}"\n')


def ask(place: Installation, uid: str) -> None:
    with FrameClient(place.folders.gate_socket) as shim:
        shim.greet(uid)
        shim.ask()


def seen(place: Installation, folder: Path, least: int) -> bool:
    made = place.client.make_checkpoint()["rows"]
    until(lambda: place.client.status()["parts"]["witness"]["rows"] >= made, "the witness", 60)
    assert made >= least and witness_state(folder).logs()[0][1] >= made
    return True


@pytest.mark.timeout(180)
def test_a_witness_sees_each_checkpoint_and_one_that_is_away_stops_nothing(place: Installation, tmp_path: Path) -> None:
    folder, port = tmp_path / "w", free_port()
    settle(place, folder, port)
    place.start()
    ask(place, "0" * 16)
    problems = until(lambda: place.client.status()["problems"], "word of the witness that is away", 60)
    assert any("cannot be reached" in problem for problem in problems)
    with witness(folder, port):
        until(lambda: any("does not know this log" in one for one in place.client.status()["problems"]), "a 404", 60)
        witness_state(folder).add(Key.parse(place.client.checkpoint()["key"]))
        assert seen(place, folder, 3)
    found = place.client.verify()
    assert found["ok"] and found["signed"]["witnesses"][0]["name"] == NAME
    assert place.rows(kind="log.witnessed")[-1]["detail"]["witness"] == NAME


@pytest.mark.timeout(180)
def test_a_restored_backup_is_refused_by_the_witness_and_said(place: Installation, tmp_path: Path) -> None:
    folder, port = tmp_path / "w", free_port()
    settle(place, folder, port)
    place.start()
    witness_state(folder).add(Key.parse(place.client.checkpoint()["key"]))
    with witness(folder, port):
        assert seen(place, folder, 2)
        place.kill()
        shutil.copytree(place.folders.data, tmp_path / "backup")
        place.start()
        for number in range(5):
            ask(place, f"{number:016x}")
        assert seen(place, folder, 10)
        place.kill()
        for file in place.folders.data.glob("audit.db*"):
            file.unlink()
        for file in (tmp_path / "backup").glob("audit.db*"):
            shutil.copy(file, place.folders.data)
        place.start()
        problems = until(lambda: [p for p in place.client.status()["problems"] if "another history" in p], "it", 60)
        assert "restored from a backup" in problems[0]
    assert place.client.verify()["ok"]  # it agrees with itself
    assert len(place.rows(kind="log.forked")) == 1
