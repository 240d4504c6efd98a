"""Start the daemon behind the command line, and know whether it came up."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from callgate import settings_managed
from callgate.client import Client
from callgate.model.call import Mode
from callgate.model.errors import CallgateError, DaemonAwayError, SettingsError
from callgate.settings import load
from callgate.settings_managed import SETTINGS_MAX
from callgate.system.files import locked, read_capped, replace_file
from callgate.system.paths import MANAGED, Folders
from callgate.system.processes import is_same, process, start_time, unbroken

START_TIME = 20.0
"""Seconds that the daemon may take to come up (a cold disk, a busy machine)."""
STOP_TIME = 10.0
MUTE_TIME = 5.0
"""Seconds for a daemon that is there but does not answer; longer than one that lost its socket needs to see it."""
PAUSE = 0.05
LOG_MAX = 4 * 1024 * 1024
"""Bytes of the daemon's own log, beyond which a new one is begun; the one before is kept."""
LOG_TAIL = 2000
"""Bytes of the daemon's log that are looked at for the reason of a failed start."""


def ensure(where: Folders, env: Mapping[str, str], home: Path | None) -> bool:
    """See to it that a daemon runs. True if it had to be started. Raises CallgateError if it does not come up."""
    client = Client(where.api_socket)
    if client.running():
        return False
    where.make()
    load(where.settings)  # broken settings are said here, on the user's terminal
    if _is_held(where):  # one is starting, ending, or has lost its socket and will soon make it anew
        if _wait(lambda: client.running() or not _is_held(where), MUTE_TIME) and client.running():
            return False
        _end(where)
    child = None
    try:
        with unbroken():
            child = _start(where, env, home)
        return _comes_up(client, where, child)
    except BaseException:  # interrupted as well: what was begun here must not come up by itself later
        if child is not None:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(STOP_TIME)
            child.kill()
        raise


def _comes_up(client: Client, where: Folders, child: subprocess.Popen[bytes]) -> bool:
    """True once a daemon answers. Raises CallgateError if none does."""
    if not _wait(lambda: client.running() or (child.poll() is not None and not _is_held(where)), START_TIME):
        raise CallgateError("callgate daemon", f"did not come up in {START_TIME:.0f} s", f"see {where.daemon_log}")
    if client.running():  # ours, or another one that won the race for the lock
        return True
    raise CallgateError("callgate daemon", f"did not start: {_last_line(where)}", f"see {where.daemon_log}")


def stop(where: Folders) -> bool:
    """End the daemon, and wait until its process is gone. False if none runs. Raises CallgateError if it stays."""
    pid = _pid(where)
    start = start_time(pid) if pid else 0.0
    try:
        Client(where.api_socket).stop()
    except DaemonAwayError:
        if not _is_held(where):
            return False
        _end(where)
        return True
    if not _wait(lambda: not _is_held(where), STOP_TIME):
        _end(where)
    if pid:
        _wait(lambda: not is_same(pid, start), STOP_TIME)
    return True


def _start(where: Folders, env: Mapping[str, str], home: Path | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-m", "callgate.service", *(["--home", str(home)] if home else [])]
    moved = {"CALLGATE_HOME": str(where.config.parent)} if env.get("CALLGATE_HOME") else {}  # it may be relative
    with contextlib.suppress(FileNotFoundError):
        if where.daemon_log.stat().st_size > LOG_MAX:
            where.daemon_log.replace(where.daemon_log.with_suffix(".log.old"))
    try:
        with where.daemon_log.open("ab") as out:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                env={**env, **moved},
                start_new_session=True,
            )
    except OSError as error:
        raise CallgateError("callgate daemon", f"cannot be started ({error})", "check Callgate's folders") from error


def _is_held(where: Folders) -> bool:
    """Is there a daemon, whether it answers or not?"""
    try:
        with locked(where.pid_file):
            return False
    except BlockingIOError:
        return True
    except OSError:  # no such folder: nothing was ever started here
        return False


def _end(where: Folders) -> None:
    """End a daemon that does not answer. Raises CallgateError if it cannot be."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if (pid := _pid(where)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if _wait(lambda: not _is_held(where), STOP_TIME):
            return
    raise CallgateError("callgate daemon", "does not answer and does not end", f"see {where.daemon_log}")


def _pid(where: Folders) -> int | None:
    """The daemon's pid, if a daemon it is."""
    try:
        found = process(int(read_capped(where.pid_file, 64)))
    except (OSError, ValueError, CallgateError):
        return None
    return found.pid if found and found.uid == os.getuid() and "callgate.service" in found.argv else None


def _wait(ready: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            return False
        time.sleep(PAUSE)
    return True


def set_mode(where: Folders, mode: Mode) -> None:
    """Write the mode into the settings file, keeping everything else in it."""
    if load(where.settings).mode is not mode:
        _set(where, "", "mode", mode.value)


def set_hooks(where: Folders, install: bool) -> None:
    """Write into the settings file whether agents get hooks."""
    if load(where.settings).hooks.install is not install:
        _set(where, "hooks", "install", install)


def set_http(where: Folders, wrap: bool) -> None:
    """Write into the settings file whether entries of remote servers are wrapped."""
    if load(where.settings).http.wrap is not wrap:
        _set(where, "http", "wrap", wrap)


def _set(where: Folders, table: str, key: str, value: object) -> None:
    import tomlkit  # 50 ms that no other command needs
    from tomlkit.exceptions import TOMLKitError

    name = f"{table}.{key}" if table else key
    if name in settings_managed.named(settings_managed.read(MANAGED)):
        raise SettingsError(name, f"is decided by the organisation, in {MANAGED}", "ask whoever keeps that file")
    try:
        text = read_capped(where.settings, SETTINGS_MAX).decode()
    except FileNotFoundError:
        text = ""
    try:
        document = tomlkit.parse(text)
        if table:
            document.setdefault(table, tomlkit.table())[key] = value
        else:
            document[key] = value
        replace_file(where.settings, tomlkit.dumps(document).encode())
    except (TOMLKitError, OSError) as error:
        raise SettingsError(str(where.settings), f"cannot be changed ({error})", "edit it by hand") from error


def _last_line(where: Folders) -> str:
    try:
        lines = where.daemon_log.read_bytes()[-LOG_TAIL:].decode(errors="replace").split("\n")
    except OSError:
        return "it left no log"
    last = next((line for line in reversed(lines) if line.strip()), "it left no log")
    return last.removeprefix("callgate: ")
