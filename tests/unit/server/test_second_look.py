"""What was started is looked at again: a file swapped in between ends the server, and the agent is told why."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest
from callgate.model.call import Effect, Mode, Session, Verdict
from callgate.policy.allowlist import ANY_TOOL, Allowlist, Approval
from callgate.server.questions import Hello
from callgate.service.survey import Survey
from callgate.shim import frames
from callgate.system.sockets import Peer
from frame_client import FrameClient, ask, listing
from gate_site import Site


class Script:
    """A script that the rules of a site approve, and a shim that may start it."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.file = folder / "server.py"
        self.file.write_text("print('good')\n")
        self.argv = [sys.executable, "-I", str(self.file)]
        found = site.survey.meet(self._hello(), Peer(os.getuid(), os.getpid())).server.server
        site.rules = Allowlist((Approval("script", (found,), Effect.ALLOW, {ANY_TOOL: Effect.ALLOW}),))

    def start(self, client: FrameClient) -> None:
        """Ask, and be allowed; the server is not started yet."""
        answer = client.greet(argv=self.argv)
        assert answer.allowed, answer

    def looked(self) -> None:
        """All that the desk has given to its workers is done."""
        for _ in range(2):  # notes are heard at the end of a turn
            self.site.rows()
        together = threading.Barrier(5)
        jobs = [self.site.workers.submit(together.wait, 10) for _ in range(4)]
        together.wait(10)
        assert all(job.exception(10) is None for job in jobs)

    def swap(self, put_back: bool = False) -> None:
        before, aside = self.file.stat(), self.file.with_suffix(".aside")
        self.file.rename(aside)
        self.file.write_text("print('evil')\n")
        if put_back:
            aside.replace(self.file)
            os.utime(self.file, ns=(before.st_atime_ns, before.st_mtime_ns))

    def _hello(self) -> Hello:
        return Hello("0" * 16, False, "", "script", tuple(self.argv), "/", "/usr/bin:/bin", "", 0)


class Broken(Survey):
    """A machine on which nothing can be looked at a second time."""

    def again(self, hello: Hello, session: Session) -> Verdict | None:
        raise OSError("too many open files")


@pytest.fixture
def script(site: Site, tmp_path: Path) -> Script:
    return Script(site, tmp_path)


@pytest.mark.parametrize("put_back", [False, True])
def test_a_file_swapped_between_answer_and_start_takes_the_permission_back(script: Script, put_back: bool) -> None:
    with script.site.client() as shim:
        script.start(shim)
        script.swap(put_back)
        shim.note("started", pid=os.getpid())
        answer = shim.answer()
        assert (answer.serial, answer.effect) == (1, frames.DENY), "the greeting is answered again, with no"
        assert answer.said["rule"] == "server.digest" and f"{script.file} was changed while" in answer.said["reason"]
        call = shim.ask()
        assert (call.effect, call.said["rule"]) == (frames.DENY, "server.digest")
        (row,) = script.site.rows("server.changed")
        assert (row.event.effect, row.event.rule, row.event.mode) == ("deny", "server.digest", "enforce")
        assert [row.event.effect for row in script.site.rows()] == ["deny"]


@pytest.mark.parametrize(("kind", "body"), [(frames.LIST, listing("read")), (frames.ASK, ask())])
def test_a_file_swapped_while_the_server_loads_it_is_found_when_it_first_answers(
    script: Script, kind: int, body: bytes
) -> None:
    with script.site.client() as shim:
        script.start(shim)
        shim.note("started", pid=os.getpid())
        script.looked()
        assert not script.site.rows("server.changed")
        script.swap()
        shim.send(kind, body)
        found = {answer.serial: answer for answer in (shim.answer(), shim.answer())}
        assert found[1].effect == frames.DENY and found[1].said["rule"] == "server.digest"
        assert shim.ask().said["rule"] == "server.digest"


def test_what_stays_as_it_was_goes_on(script: Script) -> None:
    with script.site.client() as shim:
        script.start(shim)
        shim.note("started", pid=os.getpid())
        assert shim.ask().allowed
        script.looked()
        assert shim.ask().allowed and not script.site.rows("server.changed")


def test_in_observe_mode_a_swapped_file_is_written_down_and_nothing_is_stopped(script: Script) -> None:
    script.site.settle(mode=Mode.OBSERVE)
    with script.site.client() as shim:
        script.start(shim)
        script.swap()
        shim.note("started", pid=os.getpid())
        script.looked()
        assert shim.ask().allowed
        (row,) = script.site.rows("server.changed")
        assert (row.event.effect, row.event.mode) == ("deny", "observe")
        assert [row.event.effect for row in script.site.rows()] == ["deny"], "what would have happened"


@pytest.mark.parametrize("on_doubt", [Effect.DENY, Effect.ALLOW])
def test_a_second_look_that_fails_is_in_doubt_and_in_the_daemons_log(
    script: Script, on_doubt: Effect, caplog: pytest.LogCaptureFixture
) -> None:
    script.site.settle(on_doubt=on_doubt)
    script.site.listener.desk.surveyor = Broken(rules=lambda: script.site.rules)
    with script.site.client() as shim:
        script.start(shim)
        shim.note("started", pid=os.getpid())
        if on_doubt is Effect.DENY:
            answer = shim.answer()
            assert (answer.serial, answer.said["rule"]) == (1, "doubt") and "too many open files" in str(answer.said)
        script.looked()
        assert shim.ask().allowed is (on_doubt is Effect.ALLOW)
        assert "could not be looked at again" in caplog.text
