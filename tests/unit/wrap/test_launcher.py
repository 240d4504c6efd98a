"""Launchers start the shim from any folder and environment, and say so when Callgate is gone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from callgate.model.call import Effect, Mode
from callgate.model.errors import WrapError
from callgate.model.inventory import ConfigFile, Entry, Format, Scope, Transport
from callgate.settings import Settings
from callgate.system.paths import Folders
from callgate.wrap.launcher import install_shim, interpreter, write_conf, write_launcher
from callgate.wrap.script import REFUSED, launcher_path

SHELLS = [shell for shell in ("/bin/sh", "/bin/dash", "/bin/bash", "/bin/busybox") if Path(shell).exists()]
ECHO = "import sys\n\n\ndef main() -> int:\n    print(repr(sys.argv), sys.path[0])\n    return 7\n"


def entry(name: str, at: tuple[str, ...] = ("mcpServers", "x"), agent: str = "some-agent") -> Entry:
    file = ConfigFile(agent, Scope.USER, "/home/u/.agent.json", Format.JSON, "plain")
    return Entry(agent, name, file, at, Transport.STDIO, ("npx", "pkg"))


@pytest.fixture(params=["plain", "a b'c\"$d\\e ü"])
def folders(request: pytest.FixtureRequest, tmp_path: Path) -> Folders:
    base = tmp_path / request.param
    made = Folders(base / "config", base / "data", base / "run")
    made.make()
    return made


def ready(folders: Folders, name: str = 'it\'s $HOME `x`\n"y"') -> Path:
    """An installed shim whose entry point only says how it was started, and a launcher of it."""
    install_shim(folders)
    (folders.shim / "callgate/shim/stdio.py").write_text(ECHO)
    shutil.rmtree(folders.shim / "callgate/shim/__pycache__")
    return write_launcher(folders, entry(name))


def start(launcher: Path, *words: str, shell: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    line = [*([shell] if shell else []), *(["sh"] if shell and "busybox" in shell else []), str(launcher), *words]
    return subprocess.run(line, env=env, cwd="/", capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_launcher_starts_the_shim_with_an_empty_environment(folders: Folders, shell: str) -> None:
    name = 'it\'s $HOME `x`\n"y"'
    done = start(ready(folders, name), "--", "npx", "a b", "", "$HOME", "'", shell=shell)
    words = [str(folders.shim / "run.py"), "--launcher", "some-agent", "--entry", name]
    assert done.stdout == f"{[*words, '--', 'npx', 'a b', '', '$HOME', chr(39)]!r} {folders.shim.resolve()}\n"
    assert (done.returncode, done.stderr) == (7, "")


@pytest.mark.parametrize("path", ["", "/nowhere", ".:"])
def test_a_launcher_works_when_the_path_has_moved_since_it_was_written(folders: Folders, path: str) -> None:
    done = start(ready(folders), "--", "npx", PATH=path)
    assert (done.returncode, done.stderr) == (7, "")
    assert "'--', 'npx'" in done.stdout


def test_python_settings_of_the_agent_do_not_reach_the_shim(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "posix.py").write_text("raise SystemExit('theirs')")
    (tmp_path / "callgate").mkdir()
    done = start(ready(folders), "--", "x", PYTHONPATH=str(tmp_path), PYTHONHOME="/nowhere", PYTHONSTARTUP="/nowhere")
    assert (done.returncode, done.stderr) == (7, "")


def conf(folders: Folders, mode: Mode, on_doubt: Effect) -> None:
    write_conf(folders, Settings(mode=mode, on_doubt=on_doubt), "0123456789ab")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("mode", "on_doubt", "passes"),
    [
        (Mode.OBSERVE, Effect.DENY, True),
        (Mode.ENFORCE, Effect.ALLOW, True),
        (Mode.ENFORCE, Effect.DENY, False),
        (Mode.ENFORCE, Effect.ASK, False),
    ],
)
def test_without_the_shim_a_launcher_acts_by_on_doubt(
    folders: Folders, shell: str, mode: Mode, on_doubt: Effect, passes: bool
) -> None:
    launcher = ready(folders)
    conf(folders, mode, on_doubt)
    shutil.rmtree(folders.shim.resolve())
    done = start(launcher, "--", sys.executable, "-c", "import sys; print(sys.argv[1:])", "--", "a b", shell=shell)
    assert f"{folders.shim}/run.py is missing" in done.stderr
    assert "callgate up" in done.stderr
    assert done.returncode == (0 if passes else REFUSED)
    assert done.stdout == ("['--', 'a b']\n" if passes else "")


def test_without_a_conf_or_a_command_a_launcher_refuses(folders: Folders) -> None:
    launcher = ready(folders)
    shutil.rmtree(folders.shim.resolve())
    assert start(launcher, "--", "/bin/true").returncode == REFUSED
    conf(folders, Mode.OBSERVE, Effect.ALLOW)
    assert start(launcher, "--", "/bin/true").returncode == 0
    assert start(launcher, "--").returncode == REFUSED
    assert start(launcher).returncode == REFUSED


def test_a_launcher_names_a_python_that_is_gone(folders: Folders) -> None:
    launcher = ready(folders)
    launcher.write_bytes(launcher.read_bytes().replace(os.fsencode(interpreter()), b"/gone/python"))
    done = start(launcher, "--", "/bin/true")
    assert "/gone/python is missing" in done.stderr
    assert done.returncode == REFUSED


def test_the_interpreter_is_the_real_one(folders: Folders) -> None:
    python = Path(interpreter())
    assert python == python.resolve()
    assert not (python.parent.parent / "pyvenv.cfg").exists()


def test_launchers_are_private_and_each_entry_has_its_own(folders: Folders) -> None:
    paths = {write_launcher(folders, entry("a/../../b", at=("mcpServers", key))) for key in ("x", "y")}
    assert len(paths) == 2
    for path in paths:
        assert path.parent == folders.launchers / "some-agent"
        assert path.stat().st_mode & 0o7777 == 0o700
        assert path.name.startswith("a-..-..-b-")


def test_a_launcher_keeps_its_path_for_the_same_entry() -> None:
    assert launcher_path("/l", entry("x")) == launcher_path("/l", entry("x"))
    assert launcher_path("/l", entry("x")) != launcher_path("/l", entry("x", agent="other"))


@pytest.mark.parametrize("name", ["", "....", "-rf", "\ud800", "a\0b", "ü" * 300, "x" * 100_000])
def test_any_name_gives_a_launcher_that_starts(folders: Folders, name: str) -> None:
    launcher = ready(folders, name)
    assert len(launcher.name) < 80
    assert not launcher.name.startswith(("-", "."))
    assert start(launcher, "--", "x").returncode == 7


def test_a_new_build_replaces_the_shim_in_one_step_and_keeps_the_one_before(folders: Folders) -> None:
    build = install_shim(folders)
    assert folders.shim.readlink() == Path(f"shim-{build}")
    for old in ("shim-000000000001", "shim-000000000002"):
        (folders.data / old).mkdir()
    fresh = folders.data / "new"
    fresh.symlink_to("shim-000000000002")
    fresh.replace(folders.shim)
    assert install_shim(folders) == build
    assert sorted(p.name for p in folders.data.glob("shim-*")) == sorted([f"shim-{build}", "shim-000000000002"])


def test_installing_again_repairs_a_damaged_copy_and_else_changes_nothing(folders: Folders) -> None:
    install_shim(folders)
    module = folders.shim / "callgate/shim/frames.py"
    whole, inode = module.read_bytes(), (folders.shim / "run.py").stat().st_ino
    module.write_bytes(b"")
    install_shim(folders)
    assert module.read_bytes() == whole
    assert (folders.shim / "run.py").stat().st_ino == inode
    assert list((folders.shim / "callgate/shim/__pycache__").glob("frames.*.pyc"))


def test_the_conf_says_where_to_ask(folders: Folders) -> None:
    conf(folders, Mode.ENFORCE, Effect.DENY)
    lines = dict(line.split("=", 1) for line in folders.shim_conf.read_text().splitlines())
    assert lines == {
        "socket": str(folders.gate_socket), "mode": "enforce", "on_doubt": "deny", "deadline_ms": "5000",
        "spool": str(folders.spool), "message_max": str(64 * 1024 * 1024), "build": "0123456789ab",
    }  # fmt: skip
    assert folders.shim_conf.stat().st_mode & 0o777 == 0o600


def test_a_line_break_in_our_own_folders_is_refused_but_launchers_stand_it(tmp_path: Path) -> None:
    folders = Folders(*(tmp_path / "a\nb" / name for name in ("config", "data", "run")))
    folders.make()
    assert start(ready(folders), "--", "x").returncode == 7
    with pytest.raises(WrapError, match="line break"):
        conf(folders, Mode.ENFORCE, Effect.DENY)


def test_a_folder_that_cannot_be_written_is_named(folders: Folders) -> None:
    folders.shim.mkdir()
    with pytest.raises(WrapError, match="shim"):
        install_shim(folders)
