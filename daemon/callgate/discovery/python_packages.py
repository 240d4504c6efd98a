"""Python packages as they lie on this machine: in environments of uv, pipx and venv, and in uv's unpacked wheels."""

from __future__ import annotations

import csv
import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path

from callgate.discovery.digest import is_file
from callgate.discovery.folders import files_below
from callgate.discovery.launch.packages import pypi_name
from callgate.discovery.node_packages import Found
from callgate.model.errors import FileRefusedError
from callgate.system.files import read_capped

RECORD_MAX = 8 * 1024 * 1024
"""Bytes of one RECORD; the largest packages have some 2 MB."""
ENVIRONMENTS_MAX = 2000
"""Environments of one kind that are looked through."""
LINE_MAX = 4096
"""Bytes of the first line of a program."""
_CHANGES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
"""What of a package's own notes differs from one installation to the next."""
_STARTS = ("sitecustomize.py", "usercustomize.py", "sitecustomize", "usercustomize")
_DIST_INFO = re.compile(r"([A-Za-z0-9._]+)-([A-Za-z0-9.!+_]+)\.dist-info")
_PLACES = {
    "uv": (".local/share/uv/tools/{name}", ".cache/uv/environments-v*/*/*", ".cache/uv/wheels-v*/pypi/{name}/*"),
    "pipx": (".local/share/pipx/venvs/{name}", ".local/share/pipx/.cache/*", ".cache/pipx/*"),
}
_INSTALLS = {"uv": "`uvx {spec} --help` installs it", "pipx": "`pipx run {spec} --help` installs it"}


def environments(name: str, version: str | None, runner: str, home: str) -> list[Found] | str:
    """Every place below the home from which a runner may start a package; or that there is none."""
    tool = "uv" if runner in ("uvx", "uv") else runner
    if tool not in _PLACES:
        return f"where {runner} keeps its packages is not known here"
    found: list[Found] = []
    for pattern in _PLACES[tool]:
        below = f"{glob.escape(home.rstrip('/'))}/{pattern.format(name=glob.escape(name))}"
        for folder in sorted(glob.glob(below))[:ENVIRONMENTS_MAX]:  # noqa: PTH207 - hostile names
            for root in _sites(os.path.realpath(folder)):
                if note := _note_of(root, name, version):
                    found.append(_package(root, note))
    if found:
        return list({one[0]: one for one in found}.values())
    spec = f"{name}@{version}" if version and tool == "uv" else f"{name}=={version}" if version else name
    return f"{tool} has not installed {spec} yet: {_INSTALLS[tool].format(spec=spec)}"


def around_module(file: str, python: str) -> Found | None:
    """The package that a file below a site-packages folder belongs to."""
    match = re.match(r"(.*?/(?:site|dist)-packages)/([^/]+)", file)
    if match is None:
        return None
    root, top = match[1], match[2]
    for note in _notes(root):
        if top in {name.partition("/")[0] for name in _record(root, note)}:
            return _package(root, note)
    return None


def around_program(file: str) -> Found | None:
    """The package that a program in the `bin` folder of an environment belongs to."""
    folder, name = os.path.dirname(file), os.path.basename(file)  # noqa: PTH119, PTH120
    for root in _sites(os.path.dirname(folder)):  # noqa: PTH120
        for note in _notes(root):
            if f"../../../bin/{name}" in _record(root, note):
                return _package(root, note)
    return None


def program_problem(path: str, scripts: str) -> str | None:
    """Why the first line of a program does not lead to the interpreter of its own environment; None if it does."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            first = os.fsdecode(file.readline(LINE_MAX)).strip()
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    interpreter = first.removeprefix("#!").strip()
    if interpreter == "/bin/sh":  # then the second line, which is part of the digest, says it
        return _interpreter_problem(f"{scripts}/python", scripts)
    if os.path.dirname(interpreter) and os.path.realpath(os.path.dirname(interpreter)) == os.path.realpath(scripts):  # noqa: PTH120
        return _interpreter_problem(interpreter, scripts)
    return f"{path} names another interpreter: {first[:200]}"


def _interpreter_problem(path: str, scripts: str) -> str | None:
    real = os.path.realpath(path)
    if not os.path.basename(real).startswith(("python", "pypy")) or not is_file(real):  # noqa: PTH119
        return f"{path} is no Python interpreter"
    if real.startswith(os.path.realpath(os.path.dirname(scripts)) + "/"):  # noqa: PTH120
        return f"{path} was replaced: an environment's interpreter is a link that leads out of it"
    return None


def _sites(folder: str) -> list[str]:
    """The site-packages folders of an environment; the folder itself if it is an unpacked wheel."""
    escaped = glob.escape(folder)
    inside = sorted(glob.glob(f"{escaped}/lib/python3*/site-packages"))  # noqa: PTH207
    return inside or ([folder] if glob.glob(f"{escaped}/*.dist-info") else [])  # noqa: PTH207


def _notes(root: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(root) if _DIST_INFO.fullmatch(name))  # noqa: PTH208
    except OSError:
        return []


def _note_of(root: str, name: str, version: str | None) -> str | None:
    for note in _notes(root):
        found = _DIST_INFO.fullmatch(note)
        if found and pypi_name(found[1]) == name and version in (None, found[2]):
            return note
    return None


def _record(root: str, note: str) -> list[str]:
    """The names of a package's files, as it says itself."""
    try:
        text = read_capped(Path(root, note, "RECORD"), RECORD_MAX).decode()
    except (OSError, ValueError, FileRefusedError):
        return []
    try:
        return [row[0] for row in csv.reader(text.splitlines()) if row and row[0] and "\0" not in row[0]]
    except csv.Error:
        return []


def _package(root: str, note: str) -> Found:
    said = _DIST_INFO.fullmatch(note)
    assert said, "notes are listed by that form"
    listed = [name for name in _record(root, note) if not name.startswith(("/", "..")) and "/../" not in name]
    tops = {name.partition("/")[0] for name in listed if name.endswith("/__init__.py") and name.count("/") == 1}
    own: dict[str, None] = dict.fromkeys(f"{root}/{name}" for name in listed if _counts(name, note, tops))
    odd = None
    for top in sorted(tops):
        inside, strange = files_below(f"{root}/{top}", without=("__pycache__",))
        own |= dict.fromkeys(f"{root}/{top}/{name}" for name in inside)
        odd = odd or strange
    own |= dict.fromkeys(_always_run(root))
    scripts = f"{root.rpartition('/lib/')[0]}/bin" if root.endswith("/site-packages") else ""
    if scripts:
        programs = [name for name in _record(root, note) if re.fullmatch(r"\.\./\.\./\.\./bin/[^/]+", name)]
        own |= dict.fromkeys(f"{scripts}/{name.rpartition('/')[2]}" for name in programs)
    says = f"pypi:{pypi_name(said[1])}@{said[2]}"
    return root, tuple(own), scripts, odd, says, tuple(sorted(tops))


def _counts(name: str, note: str, tops: Iterable[str]) -> bool:
    """Is a file of the RECORD one to be compared? Those in folders of its own are found by looking."""
    top, _, rest = name.partition("/")
    return not name.endswith(".pyc") and top not in tops and not (top == note and rest in _CHANGES)


def _always_run(root: str) -> list[str]:
    """The files of a site-packages folder that each interpreter of it runs at its start."""
    try:
        names = sorted(os.listdir(root))  # noqa: PTH208
    except OSError:
        return []
    found = []
    for name in names:
        if name.endswith(".pth") or (name in _STARTS and is_file(f"{root}/{name}")):
            found.append(f"{root}/{name}")
        elif name in _STARTS:
            found.append(f"{root}/{name}/__init__.py")
    return found


def others(root: str, own: Iterable[str]) -> list[str]:
    """The folders of the other packages in the same environment."""
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(f"{name}/" for name in names if name not in own and name not in ("__pycache__", "bin"))
