"""Start the daemon behind the command line, and know whether it came up."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from callgate.client import Client
from callgate.model.call import Mode
from callgate.model.errors import CallgateError, DaemonAwayError, SettingsError
from callgate.settings import SETTINGS_MAX, load
from callgate.system.files import read_capped, replace_file
from callgate.system.paths import Folders

START_TIME = 20.0
"""Seconds that the daemon may take to come up (a cold disk, a busy machine)."""
STOP_TIME = 15.0
LOG_TAIL = 2000
"""Bytes of the daemon's log that are looked at for the reason of a failed start."""


def ensure(where: Folders, env: Mapping[str, str], home: Path | None) -> bool:
    """See to it that a daemon runs. True if it had to be started. Raises CallgateError if it does not come up."""
    client = Client(where.api_socket)
    if client.running():
        return False
    where.make()
    load(where.settings)  # broken settings are said here, on the user's terminal
    command = [sys.executable, "-I", "-m", "callgate.service", *(["--home", str(home)] if home else [])]
    with where.daemon_log.open("ab") as out:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            env=dict(env),
            start_new_session=True,
        )
    until = time.monotonic() + START_TIME
    while time.monotonic() < until:
        if client.running():
            return True
        try:
            child.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        if client.running():  # another one won the race for the lock
            return True
        raise CallgateError("daemon", f"did not start: {_last_line(where)}", f"see {where.daemon_log}")
    child.kill()
    raise CallgateError("daemon", f"did not come up in {START_TIME:.0f} s", f"see {where.daemon_log}")


def stop(where: Folders) -> bool:
    """End the daemon. False if none runs. Raises CallgateError if it does not end."""
    client = Client(where.api_socket)
    try:
        client.stop()
    except DaemonAwayError:
        return False
    until = time.monotonic() + STOP_TIME
    while where.api_socket.exists() or where.gate_socket.exists():
        if time.monotonic() > until:
            raise CallgateError("daemon", f"did not end in {STOP_TIME:.0f} s", f"see {where.daemon_log}")
        time.sleep(0.02)
    return True


def set_mode(where: Folders, mode: Mode) -> bool:
    """Write the mode into the settings file, keeping everything else in it. True if that changed something."""
    if load(where.settings).mode is mode:
        return False
    try:
        text = read_capped(where.settings, SETTINGS_MAX).decode()
    except FileNotFoundError:
        text = ""
    try:
        document = tomlkit.parse(text)
        document["mode"] = mode.value
        replace_file(where.settings, tomlkit.dumps(document).encode())
    except (TOMLKitError, OSError) as error:
        raise SettingsError(str(where.settings), f"cannot be changed ({error})", "edit it by hand") from error
    return True


def _last_line(where: Folders) -> str:
    try:
        lines = where.daemon_log.read_bytes()[-LOG_TAIL:].decode(errors="replace").split("\n")
    except OSError:
        return "it left no log"
    return next((line for line in reversed(lines) if line.strip()), "it left no log")
