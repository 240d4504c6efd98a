"""A running server whose pinned files change under it is ended; what only looks changed is not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from callgate.service.vigil import PERIOD, Vigil
from callgate.shim import frames
from frame_client import FrameClient
from gate_site import Site
from npx_home import SPEC, Machine
from until import until


class Watch:
    """The part over a real gate, with a clock of its own, and a shim whose server is a pinned package."""

    def __init__(self, folder: Path) -> None:
        (folder / "home").mkdir()
        (folder / "gate").mkdir()
        self.machine = Machine(folder / "home")
        self.machine.approve()
        self.site = Site(folder / "gate")
        self.site.rules = self.machine.rules
        self.site.survey = self.site.listener.desk.surveyor = self.machine.survey
        self.site.open()
        self.now = 0.0
        daemon: Any = SimpleNamespace(listener=self.site.listener, survey=self.machine.survey, on_gate=self._on_gate)
        self.part = Vigil(daemon, lambda: self.now)

    def start(self, uid: str = "0123456789abcdef") -> FrameClient:
        client = self.site.client()
        assert client.greet(uid, argv=["npx", "-y", SPEC], path=str(self.machine.npx.parent)).allowed
        return client

    def look(self) -> list[str]:
        """What the log says after the next look of servers that changed: the reasons."""
        self.now += PERIOD
        self.part.tick()
        return [row.event.reason for row in self.site.rows("server.changed")]

    def _on_gate(self, job: Callable[[], None]) -> bool:
        done: list[bool] = []
        self.site.listener.submit(job, done.append)
        return until(lambda: done, "the gate")[0]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    made = Watch(tmp_path)
    yield made
    made.site.close()


def test_a_pinned_file_that_changes_while_its_servers_run_ends_each_of_them_once(watch: Watch) -> None:
    with watch.start() as shim, watch.start("f" * 16) as other:
        assert watch.look() == []
        watch.machine.main.write_text("// evil\n")
        first, second = watch.look()
        assert str(watch.machine.main) in first and first == second
        for each in (shim, other):
            answer = each.answer()
            assert (answer.serial, answer.effect, answer.said["rule"]) == (1, frames.DENY, "server.digest")
        assert len(watch.look()) == 2, "each is told once"


def test_a_pinned_file_that_is_removed_ends_its_server(watch: Watch) -> None:
    with watch.start() as shim:
        watch.machine.main.unlink()
        (why,) = watch.look()
        assert "is missing" in why and shim.answer().said["rule"] == "server.digest"


def test_a_file_with_other_times_and_the_same_content_ends_nothing(watch: Watch) -> None:
    with watch.start() as shim:
        os.link(watch.machine.main, watch.machine.home / "another-environment.js")
        assert watch.look() == []
        content = watch.machine.main.read_bytes()
        watch.machine.main.unlink()
        watch.machine.main.write_bytes(content)
        assert watch.look() == []
        watch.machine.main.write_text("// evil\n")
        assert len(watch.look()) == 1 and not shim.answer().allowed


def test_it_looks_every_few_seconds_and_no_more_at_what_has_ended(watch: Watch) -> None:
    with watch.start():
        assert watch.look() == []
        watch.machine.main.write_text("// evil\n")
        watch.now -= PERIOD
        assert watch.look() == [], "it is not time yet"
    until(lambda: not watch.site.listener.desk.sessions, "the end of the session")
    assert watch.look() == []


def test_a_server_of_which_no_package_is_pinned_is_not_watched(watch: Watch) -> None:
    watch.machine.approve(files={})
    watch.site.rules = watch.machine.rules
    with watch.start():
        watch.machine.main.write_text("// evil\n")
        assert watch.look() == []
