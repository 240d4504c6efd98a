"""`callgate native` on the command line: what it shows, and with which exit code it leaves."""

from __future__ import annotations

import json
from pathlib import Path

from command import Cli


def test_a_rendering_is_shown_and_compared(running: Cli, tmp_path: Path) -> None:
    shown = running("native", "render", str(tmp_path))
    assert shown.code == 0 and "written" in shown.out and "README" not in shown.out
    assert running("native", "diff", "--root", str(tmp_path)).code == 0
    missing = running("native", "diff", "--root", str(tmp_path / "nothing"))
    assert missing.code == 1 and "missing" in missing.out
    assert running("native", "diff", "--root", str(tmp_path / "nothing"), "--json").json["drift"] is True


def test_a_file_that_is_kept_is_said_and_leaves_with_1(running: Cli, tmp_path: Path) -> None:
    made = running("native", "render", str(tmp_path), "--json").json
    path = Path(made["files"][0]["path"])
    path.write_text(json.dumps({"theirs": True}))
    kept = running("native", "render", str(tmp_path))
    assert kept.code == 1 and "--merge" in kept.out and json.loads(path.read_text()) == {"theirs": True}
    assert running("native", "render", str(tmp_path), "--merge").code == 0
    assert json.loads(path.read_text())["theirs"] is True


def test_two_ways_at_once_are_a_wrong_command_line(running: Cli, tmp_path: Path) -> None:
    assert running("native", "render", str(tmp_path), "--merge", "--replace").code == 2
