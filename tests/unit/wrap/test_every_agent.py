"""The config files of every agent, as they are found: discovered, wrapped, and back byte for byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from callgate.discovery.scan import scan
from callgate.model.inventory import Surroundings, Transport
from callgate.settings import Settings
from callgate.system.paths import Folders
from callgate.wrap.apply import Wrapper
from callgate.wrap.plan import Why
from callgate.wrap.report import Did

DATA = Path(__file__).parents[2] / "data" / "agents"
CASES = [
    case
    for case in sorted(DATA.glob("*/*"))
    if case.is_dir() and json.loads((case / "expected.json").read_text()).get("os") == "linux"
]


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_home_is_wrapped_and_comes_back_byte_for_byte(case: Path, tmp_path: Path) -> None:
    home, project, base = tmp_path / "home", tmp_path / "home/project", tmp_path / "state"
    shutil.copytree(case / "home", home)
    if (case / "project").is_dir():
        shutil.copytree(case / "project", project)
    env = json.loads((case / "expected.json").read_text()).get("env", {})
    around = Surroundings(str(home), "linux", {k: v.replace("{case}", str(tmp_path)) for k, v in env.items()})
    folders = Folders(base / "config", base / "data", base / "run")
    folders.make()
    before = tree(home)
    wrapper = Wrapper(folders, Settings(), around, lambda: None)

    def look():
        return scan(around, Settings().scan, [str(project)])

    first = look()
    report = wrapper.wrap(wrapper.plan(first))
    assert not report.of(Did.FAILED)
    assert report.of(Did.WRAPPED)
    after = wrapper.plan(look())
    assert after.wrappings == ()
    reasons = {left.entry.name: left for left in after.left}
    for entry in look().entries:
        left = reasons[entry.name]
        if entry.transport is Transport.STDIO and entry.unwrappable is None:
            assert left.why in (Why.OURS, Why.SHARED), left
            assert entry.argv[1] == "--"
            assert Path(entry.argv[0]).stat().st_mode & 0o777 == 0o700
    words = {(entry.file.path, entry.at): entry.argv for entry in look().entries}
    for entry in first.entries:
        argv = words[entry.file.path, entry.at]
        assert argv[-len(entry.argv) or len(argv) :] == entry.argv
    wrapper.unwrap(None, look().entries)
    assert tree(home) == before
    assert not list(folders.journal.glob("*.*"))
