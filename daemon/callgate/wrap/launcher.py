"""Put what agents start outside the environment that we were installed in: the shim's copy, its settings, launchers."""

from __future__ import annotations

import hashlib
import os
import py_compile
import shutil
import stat
import sys
from importlib.util import cache_from_source
from pathlib import Path

from callgate.model.errors import WrapError
from callgate.model.inventory import Entry
from callgate.settings import MESSAGE_MAX, Settings
from callgate.system.files import read_capped, replace_file, sync_folder
from callgate.system.paths import Folders
from callgate.wrap.script import launcher_path, launcher_text

SOURCE_MAX = 1024 * 1024
"""Bytes of one of our own files: all are far smaller."""

_RUN = b'''"""Start the shim that lies beside this file, whatever the environment."""

import posix
import sys

here = __file__.rpartition("/")[0]
try:
    here = here.rpartition("/")[0] + "/" + posix.readlink(here)
except OSError:
    pass
sys.path.insert(0, here)

from callgate.shim.stdio import main  # noqa: E402

sys.exit(main())
'''


_HOOK = _RUN.replace(b"Start the shim that lies", b"Start the hook client that lies").replace(
    b"callgate.shim.stdio", b"callgate.hook"
)


def install_shim(folders: Folders) -> str:
    """Make `folders.shim` lead to a whole, compiled copy of the shim as it is in this package; returns its build id.

    A running shim keeps its copy: the link is swapped in one step, and the copy before this one stays. Calling it
    again repairs a damaged copy. Raises WrapError naming the folder if the copy cannot be written.
    """
    files = _shim_files()
    build = _build(files)
    target = folders.data / f"shim-{build}"
    try:
        for name, data in files.items():
            _put(target / name, data)
        before = _swap(folders.shim, target.name)
        if before != target.name:
            _remove_old(folders.data, keep={target.name, before})
    except (OSError, py_compile.PyCompileError) as error:
        raise WrapError(str(folders.shim), f"cannot be written ({error})", "check its folder's rights") from error
    return build


def shim_build() -> str:
    """The build id that `install_shim` would give: 12 hex digits over the shim's files."""
    return _build(_shim_files())


def write_conf(folders: Folders, settings: Settings, build: str) -> None:
    """Write what a shim must know before it can ask, `key=value` lines. Raises WrapError if it cannot be written."""
    values = {
        "socket": os.fsencode(folders.gate_socket),
        "mode": settings.mode.value.encode(),
        "on_doubt": settings.on_doubt.word.encode(),
        "deadline_ms": b"%d" % round(settings.deadline * 1000),
        "spool": os.fsencode(folders.spool),
        "message_max": b"%d" % MESSAGE_MAX,
        "build": build.encode(),
    }
    for key, value in values.items():
        if b"\n" in value or b"\r" in value:
            raise WrapError(str(folders.shim_conf), f"{key} holds a line break", "move Callgate's folders elsewhere")
    try:
        _put(folders.shim_conf, b"".join(key.encode() + b"=" + value + b"\n" for key, value in values.items()))
    except OSError as error:
        raise WrapError(str(folders.shim_conf), f"cannot be written ({error})", "check its folder's rights") from error


def write_launcher(folders: Folders, entry: Entry) -> Path:
    """Write (or bring up to date) the script that `entry` starts once it is wrapped. Raises WrapError."""
    path = Path(launcher_path(str(folders.launchers), entry))
    refresh_launcher(folders, path, entry.agent, entry.name)
    return path


def refresh_launcher(folders: Folders, path: Path, agent: str, name: str) -> bool:
    """Make the launcher at `path` start the present shim by the present interpreter; False if it did already.

    Raises WrapError.
    """
    try:
        text = launcher_of(folders, agent, name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return _put(path, text, mode=0o700)
    except (OSError, ValueError) as error:
        raise WrapError(str(path), f"cannot be written ({error})", "check its folder's rights") from error


def launcher_of(folders: Folders, agent: str, name: str) -> bytes:
    """The launcher that an entry is to have now. Raises WrapError or ValueError."""
    python, run, conf = (os.fsencode(path) for path in (interpreter(), folders.shim / "run.py", folders.shim_conf))
    return launcher_text(python, run, conf, agent, name)


def interpreter() -> str:
    """The real path of the interpreter that we run on: no virtual environment, no version manager's front end.

    Raises WrapError if there is none.
    """
    for name in (getattr(sys, "_base_executable", None), sys.executable):
        if name:
            path = Path(name).resolve()
            if path.is_file() and os.access(path, os.X_OK):
                return str(path)
    raise WrapError(sys.executable or "python", "is not a program that can be started", "reinstall Callgate")


def _shim_files() -> dict[str, bytes]:
    package = Path(__file__).resolve().parents[1]
    files = {
        "run.py": _RUN,
        "hook.py": _HOOK,
        "callgate/hook.py": read_capped(hooks_folder() / "client.py", SOURCE_MAX),
        "callgate/__init__.py": b'"""The shim\'s copy of Callgate: only what runs between agent and server."""\n',
    }
    for source in sorted((package / "shim").glob("*.py")):
        files[f"callgate/shim/{source.name}"] = read_capped(source, SOURCE_MAX)
    return files


def hooks_folder() -> Path:
    """Where the sources of what agents execute lie: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_hooks"
    return installed if installed.is_dir() else package.parents[1] / "hooks"


def _build(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(b"%d %s %d " % (len(name), name.encode(), len(data)) + data)
    return digest.hexdigest()[:12]


def _put(path: Path, data: bytes, mode: int = 0o600) -> bool:
    """Make `path` hold `data` with these permissions; False if it did already. Compiles modules."""
    same = False
    try:
        found = path.lstat()
        same = stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) == mode and path.read_bytes() == data
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not same:
        replace_file(path, data, mode=mode)
        path.chmod(mode)
    if path.suffix == ".py" and not (same and Path(cache_from_source(str(path))).is_file()):
        _compile(path)
    return not same


def _compile(path: Path) -> None:
    """Write the bytecode, never to be compared with its source again, and sync it: half of one would stop the shim."""
    made = py_compile.compile(str(path), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    with Path(str(made)).open("rb") as file:
        os.fsync(file.fileno())


def _swap(link: Path, name: str) -> str:
    """Point `link` at its sibling `name` in one step; returns what it pointed at ("" if it was not there)."""
    try:
        before = str(link.readlink())
    except FileNotFoundError:
        before = ""
    if before != name:
        fresh = link.with_name(f".{link.name}.{os.getpid()}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(name)
        fresh.replace(link)
        sync_folder(link.parent)
    return before


def _remove_old(folder: Path, keep: set[str]) -> None:
    for path in folder.glob("shim-*"):
        if path.name not in keep and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)  # what cannot go now goes with the next upgrade
