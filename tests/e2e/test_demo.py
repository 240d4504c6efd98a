"""`callgate demo`: tells its story, and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from ground.product import COMMAND
from until import until

SCENES = [
    "puts a gate in front", "Approve one server", "calls tools", "on no list", "Kill the daemon", "in the log",
    "Out again",
]  # fmt: skip


class Stage:
    """Where a demo is shown: everything it makes and starts can be found again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(root / "no home"), "TMPDIR": str(root), "LANG": "C.UTF-8"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(COMMAND), "demo", *words], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            bufsize=1, start_new_session=True,
        )  # fmt: skip

    def processes(self) -> list[str]:
        """What was started from here and still runs: the scratch folder is in its environment or command line."""
        found = []
        for process in psutil.process_iter():
            try:
                told = [*process.environ().values(), *process.cmdline()]
                if process.status() != psutil.STATUS_ZOMBIE and any(str(self.root) in text for text in told):
                    found.append(f"{process.pid} {process.cmdline()}")
            except (psutil.Error, OSError):
                continue
        return found

    def is_empty(self) -> bool:
        return not self.processes() and not list(self.root.iterdir())


@pytest.fixture
def stage() -> Iterator[Stage]:
    before = set(Path("/tmp").glob("callgate-*"))
    with tempfile.TemporaryDirectory(prefix="cg-demo-") as root:
        stage = Stage(Path(root))
        yield stage
        until(stage.is_empty, f"nothing to be left: {stage.processes()}, {list(stage.root.rglob('*'))}")
    assert not [path for path in set(Path("/tmp").glob("callgate-*")) - before if root in str(path)]


def test_the_demo_shows_every_scene_and_succeeds(stage: Stage) -> None:
    demo = stage.start("--fast")
    out, err = demo.communicate(timeout=60)
    assert (demo.returncode, err) == (0, "")
    for scene in SCENES:
        assert scene in out, scene
    assert "kill -9" in out and "verified" in out and "byte for byte what they were" in out
    assert "delete_note(name=standup) →" in out and "hidden" in out


def test_a_demo_in_a_folder_with_a_long_path_leaves_no_runtime_folder_elsewhere(stage: Stage) -> None:
    long = stage.root / ("x" * 100)
    long.mkdir()
    elsewhere = [Path("/tmp"), Path(f"/run/user/{os.getuid()}")]
    before = {path for folder in elsewhere for path in folder.glob(f"callgate-{os.getuid()}-*")}
    stage.env["TMPDIR"] = str(long)
    demo = stage.start("--fast")
    _, err = demo.communicate(timeout=60)
    assert (demo.returncode, err) == (0, "")
    assert list(long.iterdir()) == []
    long.rmdir()
    assert {path for folder in elsewhere for path in folder.glob(f"callgate-{os.getuid()}-*")} <= before


@pytest.mark.parametrize("whom", ["the demo alone", "its whole group, as Ctrl-C does"])
@pytest.mark.parametrize("at", ["$ callgate up --enforce", "read_note", "kill -9", "$ callgate down"])
def test_an_interrupted_demo_leaves_nothing_behind(stage: Stage, at: str, whom: str) -> None:
    demo = stage.start("--fast")
    assert demo.stdout and demo.stderr
    shown = ""
    while at not in shown:
        assert select.select([demo.stdout], [], [], 30)[0], shown
        line = demo.stdout.readline()
        assert line, (shown, demo.stderr.read())
        shown += line
    if whom == "the demo alone":
        demo.send_signal(signal.SIGINT)
    else:
        os.killpg(demo.pid, signal.SIGINT)
    _, err = demo.communicate(timeout=60)
    assert demo.returncode == 130 and "Traceback" not in err, err
