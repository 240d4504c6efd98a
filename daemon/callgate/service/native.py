"""Agents' own managed settings: rendered from the rules in force and this machine's entries, and compared with it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callgate.agents.native.control import Native, Piece
from callgate.agents.native.table import NATIVES
from callgate.audit.argv import redact_argv, redact_url
from callgate.discovery.launch.urls import normal
from callgate.model.errors import CallgateError, DocumentError, FileRefusedError, RegistryError
from callgate.model.inventory import Entry, Transport
from callgate.policy.allowlist import Allowlist
from callgate.registry import native, native_drift, native_index
from callgate.registry.native import Found, Rendering
from callgate.service.offline import looking_worker
from callgate.service.registrar import Registrar
from callgate.service.worker import Worker
from callgate.system.files import read_capped, replace_file
from callgate.wrap.plan import is_launcher

Json = dict[str, Any]

FILE_MAX = 8 * 1024 * 1024
"""Bytes of a managed file that is compared or merged: lists of thousands of servers are far smaller."""
SYSTEMS = ("linux", "macos", "windows")


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be rendered or compared."""

    env: Mapping[str, str]
    home: Path | None = None
    agent: str | None = None
    os: str | None = None
    """Another system than this one means a fleet: this machine's command lines say nothing of it."""
    fleet: bool = False


@dataclass(frozen=True, slots=True)
class _Made:
    renderings: list[Rendering]
    os: str
    fleet: bool
    source: str


def render(ask: Ask, folder: Path, *, replace: bool = False, merge: bool = False) -> Json:
    """Write the files below `folder` and say what became of each. A file that is there and differs is kept, unless
    `replace` (write over it) or `merge` (put our keys into it) was asked for. Raises CallgateError.
    """
    made = _made(ask)
    files = []
    for one in made.renderings:
        for piece in one.pieces:
            target = folder / native_index.below(piece.path)
            files.append({"agent": one.native.agent, **_write(piece, target, replace, merge), "does": piece.does})
    if folder.resolve() != Path("/"):
        text = native_index.index(made.renderings, made.os, made.source, fleet=made.fleet)
        _put(folder / native_index.NAME, text.encode("utf-8", "backslashreplace"))
    return {**_said(made), "files": files}


def diff(ask: Ask, root: Path) -> Json:
    """What the machine (or a tree below `root` that was taken from one) has, against what it should have."""
    made = _made(ask)
    files = []
    for one in made.renderings:
        for piece in one.pieces:
            if piece.installed:
                files.append({"agent": one.native.agent, **_compared(piece, root)})
    drift = any(one["status"] != "same" or one["beside"] for one in files)
    return {**_said(made), "files": files, "drift": drift}


def _said(made: _Made) -> Json:
    remarks = {one.native.agent: list(one.remarks) for one in made.renderings if one.remarks}
    return {"os": made.os, "fleet": made.fleet, "source": made.source, "remarks": remarks}


def _made(ask: Ask) -> _Made:
    here = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    os = ask.os or here
    if os not in SYSTEMS:
        raise CallgateError(f"--os {os}", "is no system that is known", f"name one of {', '.join(SYSTEMS)}")
    chosen = [one for one in NATIVES if ask.agent in (None, one.agent)]
    if not chosen:
        known = ", ".join(one.agent for one in NATIVES)
        raise CallgateError(str(ask.agent), "has no managed settings that are known", f"those are: {known}")
    worker = looking_worker(ask.env, ask.home)
    registrar = Registrar(worker.folders, worker.settings.registry)
    registrar.peek()
    if registrar.rules is None:
        why = "; ".join(registrar.problems) or "none were ever put in force"
        raise RegistryError("registry", f"has no rules to render ({why})", "run `callgate up` first")
    source = worker.settings.registry.url or "this machine's own registry"
    fleet = ask.fleet or os != here
    if fleet:
        return _Made([native.fleet(registrar.rules, one, os, time.time()) for one in chosen], os, True, source)
    renderings = _machine(worker, registrar.rules, chosen, os, everywhere=ask.agent is not None)
    return _Made(renderings, os, False, source)


def _machine(
    worker: Worker, rules: Allowlist, chosen: Sequence[Native], os: str, *, everywhere: bool
) -> list[Rendering]:
    """The renderings for the agents that are on this machine (`everywhere`: and those that are not)."""
    worker.look("asked")
    present = {one.id for one in worker.inventory.agents}
    launchers = str(worker.folders.launchers)
    found = []
    for entry, state, why in worker.states():
        behind = state == "wrapped" and bool(entry.argv) and is_launcher(entry.argv[0], launchers)
        if behind or state != "wrapped":  # else a wrapped copy, an entry of its own, wins over it
            found.append(Found(entry, worker.identity(entry), behind, why, _secret(entry, worker.key)))
    return [
        native.machine(rules, found, one, os, time.time())
        for one in chosen
        if everywhere or present & {one.agent, *one.covers}
    ]


def _secret(entry: Entry, key: bytes) -> bool:
    if entry.transport is Transport.HTTP:
        url = entry.url or ""
        return normal(url) is None or any(mark in url for mark in "?#@") or redact_url(url, key) != url
    return redact_argv(entry.argv, key) != list(entry.argv)


def _write(piece: Piece, target: Path, replace: bool, merge: bool) -> Json:
    before = _read(target)
    said: Json = {"path": str(target), "on_machine": piece.path if piece.installed else "", "done": "written"}
    if before == piece.text:
        return {**said, "done": "unchanged"}
    data = piece.text
    if before is not None and merge and piece.format is not None:
        data = _merged(piece, target, before)
        if data == before:
            return {**said, "done": "unchanged"}
        said["done"] = "merged"
    elif before is not None and not replace:
        return {**said, "done": "kept"}
    _put(target, data)
    return said


def _merged(piece: Piece, target: Path, before: bytes) -> bytes:
    try:
        return native_drift.merged(piece, before)
    except DocumentError as error:
        raise DocumentError(str(target), f"cannot take our keys in: {error}", "correct it, or --replace it") from error


def _put(target: Path, data: bytes) -> None:
    try:
        missing = [folder for folder in target.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            folder.chmod(0o755)
        replace_file(target, data, mode=0o644)
        target.chmod(0o644)  # agents of all users read it, whatever the umask
    except OSError as error:
        raise CallgateError(str(target), f"cannot be written ({error.strerror})", "name a folder of yours") from error


def _compared(piece: Piece, root: Path) -> Json:
    path = root / native_index.below(piece.path)
    beside = []
    if piece.beside:
        pattern = native_index.below(piece.beside)
        for other in sorted(root.glob(pattern)):
            if other != path and (keys := native_drift.holds(piece, _read(other) or b"")):
                beside.append({"path": str(other), "keys": list(keys)})
    try:
        found = native_drift.compare(piece, _read(path))
    except FileRefusedError as error:
        found = native_drift.Comparison("differs", (str(error),))
    return {
        "path": str(path),
        "status": found.status,
        "differences": list(found.differences),
        "foreign": list(found.foreign),
        "beside": beside,
    }


def _read(path: Path) -> bytes | None:
    try:
        return read_capped(path, FILE_MAX)
    except FileNotFoundError:
        return None
