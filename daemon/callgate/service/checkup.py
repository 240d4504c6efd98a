"""One look at all that Callgate itself needs: each check says what it found and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from callgate import __version__
from callgate.audit.verdict import judge
from callgate.client import Client
from callgate.coverage.matrix import FAILED
from callgate.model.errors import CallgateError, DaemonAwayError
from callgate.service.registrar import Registrar
from callgate.service.trusting import trust
from callgate.settings import load
from callgate.system.files import read_capped
from callgate.system.paths import MANAGED, Folders, folders
from callgate.wrap.addresses import is_address
from callgate.wrap.hooker import FILE_MAX as HOOKS_FILE_MAX
from callgate.wrap.hookjournal import HookJournal
from callgate.wrap.journal import Journal
from callgate.wrap.launcher import interpreter, shim_build


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `grade` is ok, warn or fail."""

    what: str
    grade: str
    found: str
    step: str = ""


def checkup(env: Mapping[str, str]) -> Iterator[Check]:
    """All checks, in an order in which the first failure is likely the cause of the rest."""
    where = folders(env)
    checks: list[tuple[str, Callable[[Folders], Check]]] = [
        ("folders", _folders),
        ("settings", _settings),
        ("registry", _registry),
        ("daemon", _daemon),
        ("shim", _shim),
        ("launchers", _launchers),
        ("hooks", _hooks),
        ("spool", _spool),
        ("log", _log),
    ]
    for what, check in checks:
        try:
            yield check(where)
        except CallgateError as error:
            yield Check(what, "fail", f"{error.thing}: {error.problem}", error.step)
        except OSError as error:
            yield Check(what, "fail", str(error), "check the rights of Callgate's folders")


def proved(env: Mapping[str, str]) -> list[Check]:
    """Canaries on all ways of all agents: a check for each way that is configured to pass the gate."""
    try:
        found = Client(folders(env).api_socket).prove()
    except CallgateError as error:
        return [Check("coverage", "fail", f"{error.thing}: {error.problem}", error.step)]
    grades = {"enforced": "ok", "observed": "ok", "unproved": "warn", "uncovered": "warn"}
    checks = []
    for cell in found["cells"]:
        for way in cell["ways"]:
            failed = way["evidence"].startswith(FAILED)
            said = f"{cell['agent']}, {cell['channel']} {way['name']}: {way['state']}: {way['evidence']}"
            checks.append(Check("coverage", "fail" if failed else grades[way["state"]], said, way["step"]))
    return checks


def _folders(where: Folders) -> Check:
    where.make()
    return Check("folders", "ok", f"{where.config}, {where.data}, {where.runtime}: private to you")


def _settings(where: Folders) -> Check:
    settings = load(where.settings)
    files = [str(path) for path in (MANAGED, where.settings) if path.exists()]
    source = " over ".join(files) or "all defaults"
    return Check("settings", "ok", f"mode {settings.mode.value}, on_doubt {settings.on_doubt.word} ({source})")


def _registry(where: Folders) -> Check:
    registry = Registrar(where, load(where.settings).registry)
    registry.peek()
    facts = registry.facts()
    if registry.problems:
        return Check("registry", "fail", "; ".join(registry.problems))
    if not facts["approvals"]:
        return Check("registry", "ok", "approves nothing yet")
    return Check("registry", "ok", f"{facts['approvals']} entries of the {facts['source']} registry")


def _daemon(where: Folders) -> Check:
    try:
        status = Client(where.api_socket).status()
    except DaemonAwayError as error:
        return Check("daemon", "fail", error.problem, error.step)
    if status["version"] != __version__:
        found = f"runs version {status['version']}, this command is {__version__}"
        return Check("daemon", "fail", found, "callgate down, then callgate up")
    if status["problems"]:
        return Check("daemon", "warn", "; ".join(status["problems"]))
    return Check("daemon", "ok", f"pid {status['pid']}, mode {status['mode']}, {status['shims']} shims connected")


def _shim(where: Folders) -> Check:
    if not where.shim.exists():
        return Check("shim", "warn", "is not installed yet", "callgate up")
    if not os.access(interpreter(), os.X_OK):
        return Check("shim", "fail", f"its interpreter {interpreter()} is gone", "callgate up")
    build = where.shim.readlink().name.rpartition("-")[2] if where.shim.is_symlink() else "?"
    if build != shim_build():
        return Check("shim", "fail", f"copy {build} is not this version's ({shim_build()})", "callgate up")
    return Check("shim", "ok", f"build {build}, started by {interpreter()}")


def _launchers(where: Folders) -> Check:
    records, unreadable = Journal(where.journal).records()
    owned = [entry for record in records for entry in record.entries]
    started = [entry.launcher for entry in owned if not is_address(entry.launcher)]
    missing = [launcher for launcher in started if not os.access(launcher, os.X_OK)]
    if unreadable:
        return Check("launchers", "fail", f"{unreadable[0].what}: {unreadable[0].reason}", "restore it from a backup")
    if missing:
        return Check("launchers", "fail", f"{missing[0]} is missing", "callgate up")
    return Check("launchers", "ok", f"{len(owned)} wrapped entries, each local one with its launcher")


def _hooks(where: Folders) -> Check:
    records = HookJournal(where.journal / "hooks").records()
    agents = sorted({record.agent for record in records})
    for record in records:
        launcher = where.data / "hooks" / record.agent
        if not os.access(launcher, os.X_OK):
            return Check("hooks", "fail", f"{launcher} is missing: some agents now refuse every tool", "callgate up")
        try:
            held = str(launcher).encode() in read_capped(Path(record.target), HOOKS_FILE_MAX)
        except FileNotFoundError:
            held = False
        if not held:
            found = f"{record.target} has lost the hooks of {record.agent}: its own tools pass no gate"
            return Check("hooks", "warn", found, "callgate up")
    if not agents:
        return Check("hooks", "ok", "none installed")
    return Check("hooks", "ok", f"installed for {', '.join(agents)}")


def _spool(where: Folders) -> Check:
    waiting = len(list(where.spool.glob("*.jsonl")))
    if waiting:
        return Check(
            "spool", "warn", f"{waiting} shims decided without the daemon", "callgate up takes it into the log"
        )
    return Check("spool", "ok", "empty")


def _log(where: Folders) -> Check:
    if not where.audit.exists():
        return Check("log", "warn", "there is none yet", "callgate up")
    found = judge(where.audit, trust(where))
    if not found["ok"]:
        return Check("log", "fail", found["findings"][0], "callgate verify shows all; keep a copy of the file")
    return Check("log", "ok", f"{found['rows']:,} rows verified, signed up to row {found['signed']['rows']:,}")
