"""The only code that asks the operating system about processes: who runs, from which file, started by whom."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

ANCESTORS_MAX = 64
"""Processes in one ancestry. A real chain has about ten; a hostile one could be made as long as the process table."""
ARGV_MAX = 64 * 1024
"""Bytes read of one command line; what follows is cut off. A command line may be megabytes."""
GROUP_GRACE = 2.0
"""Seconds between the polite and the final signal to a group: servers flush and exit in far less."""
_STEP = 0.02
_LINUX = sys.platform == "linux"
ENVIRONMENT_MAX = 4 * 1024 * 1024
"""Bytes of one process's environment: the kernel's own limit for it and the arguments is 6 MB."""
_OF_SHELLS = {b"PWD", b"OLDPWD", b"SHLVL", b"_", b"LC_CTYPE"}


@dataclass(frozen=True, slots=True)
class Process:
    """A process as the system saw it a moment ago. `(pid, start)` names it for as long as the machine is up."""

    pid: int
    ppid: int
    exe: str
    """The file that runs, as the kernel says; empty when it is not ours to see."""
    argv: tuple[str, ...]
    """As the process itself may have rewritten it: a hint, never proof. At most ARGV_MAX bytes."""
    uid: int
    """The real user."""
    start: float
    """Linux: clock ticks from boot to its start, whatever the wall clock does. Elsewhere: seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Stat:
    """The little that is quick to ask of a process, whoever owns it."""

    ppid: int
    group: int
    zombie: bool
    start: float
    """As Process.start."""
    session: int
    """Its session's id (setsid); 0 where that cannot be asked."""


@lru_cache(maxsize=1)
def boot_id() -> str:
    """What tells this run of the system from every other one."""
    if _LINUX:
        with contextlib.suppress(OSError):
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"boot-{int(psutil.boot_time())}"


def pids() -> set[int]:
    """The pids of everything that runs."""
    return set(psutil.pids())


def stat(pid: int) -> Stat | None:
    """What is quick to ask of a process; None if there is none."""
    return _stat(pid)


def program_of(pid: int) -> str:
    """The file that a process runs (see Process.exe). Takes some microseconds."""
    if _LINUX:
        return _exe(pid)
    with contextlib.suppress(psutil.Error, OSError):
        return psutil.Process(pid).exe()
    return ""


def born(start: float) -> int:
    """The moment of a Process.start, in nanoseconds since the epoch, good to about 10 ms."""
    if not _LINUX:
        return int(start * 10**9)
    boot = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return boot + int(start * 10**9 / os.sysconf("SC_CLK_TCK"))


def start_time(pid: int) -> float:
    """When the process with this pid started (see Process.start), or 0.0 if there is none."""
    found = _stat(pid)
    return found.start if found else 0.0


def is_same(pid: int, start: float) -> bool:
    """Does the process that had this pid and start still run? A zombie does not run."""
    found = _stat(pid)
    return found is not None and found.start == start and not found.zombie


def leads_group(pid: int) -> bool:
    """Is this process the leader of a process group of its own?"""
    found = _stat(pid)
    return found is not None and found.group == pid


def process(pid: int) -> Process | None:
    """The process with this pid, or None if there is none (any more)."""
    found = _stat(pid)
    if found is None:
        return None
    if not _LINUX:
        return _by_psutil(pid, found)
    uid = _uid(pid)
    if uid is None:
        return None
    seen = Process(pid, found.ppid, _exe(pid), _argv(pid), uid, found.start)
    return seen if start_time(pid) == found.start else None  # not a mixture of two


def ancestry(pid: int) -> tuple[Process, ...]:
    """`pid` and its ancestors, from the pid up; at most ANCESTORS_MAX.

    It ends before a process that is dead, belongs to another user than the first, or began after its supposed child
    (its pid was used again). Empty if there is no such process.
    """
    chain: list[Process] = []
    while pid > 0 and len(chain) < ANCESTORS_MAX:
        found = process(pid)
        if found is None or (chain and (found.uid != chain[0].uid or found.start > chain[-1].start)):
            break
        chain.append(found)
        pid = found.ppid
    return tuple(chain)


def processes() -> Iterator[Process]:
    """Everything that runs: this user's processes first, each part by rising pid. What ends meanwhile is left out."""
    own: list[int] = []
    others: list[int] = []
    mine = os.getuid()
    for pid in psutil.pids():
        (own if _uid(pid) == mine else others).append(pid)
    for pid in own + others:
        if found := process(pid):
            yield found


def variables_added(pid: int) -> list[str] | None:
    """The names of the variables that a process was given and its parent was not, or in which they differ, without
    those that a shell sets by itself. None where that cannot be seen (other systems than Linux, another's process).
    """
    found = _stat(pid)
    if found is None:
        return None
    mine, theirs = _environment(pid), _environment(found.ppid)
    if mine is None or theirs is None:
        return None
    differing = {name for name, value in mine.items() if theirs.get(name) != value} - _OF_SHELLS
    return sorted(os.fsdecode(name) for name in differing)


def variables(pid: int, names: frozenset[str]) -> dict[str, str] | None:
    """The values of these variables that a process was started with; nothing else of its environment is kept. None
    where that cannot be seen (other systems than Linux, another's process).
    """
    found = _environment(pid)
    if found is None:
        return None
    return {name: os.fsdecode(value) for name in names if (value := found.get(os.fsencode(name))) is not None}


def _environment(pid: int) -> dict[bytes, bytes] | None:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            data = file.read(ENVIRONMENT_MAX)
    except OSError:
        return None
    pairs = (item.partition(b"=") for item in data.split(b"\0") if item)
    return {name: value for name, _, value in pairs}


def folder_of(pid: int) -> str | None:
    """The current folder of a process, or None if it is not ours to see."""
    try:
        return os.readlink(f"/proc/{pid}/cwd") if _LINUX else psutil.Process(pid).cwd()  # noqa: PTH115
    except (OSError, psutil.Error):
        return None


@contextlib.contextmanager
def unbroken() -> Iterator[None]:
    """Put Ctrl-C off until the block is done (on the main thread; others never see it): for the moment in which a
    process is started and not yet known. Raises KeyboardInterrupt at its end if one came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def end_group(pgid: int, leader_start: float, grace: float = GROUP_GRACE) -> bool:
    """End every process of a group: SIGTERM, up to `grace` seconds, SIGKILL, again up to `grace` seconds. Blocks.

    True if the group was there and nothing of it runs any more. Nothing is signalled unless the group is positively
    the one that was meant: not ours, not the system's, and its leader (the process whose pid is `pgid`) still has that
    start, zombie or not. The final signal goes out only while a member seen at the start is still in the group,
    because until then the system cannot give its number to another one.
    """
    leader = _stat(pgid) if pgid > 1 and pgid != os.getpgrp() else None
    if leader is None or leader.start != leader_start or leader.group != pgid:
        return False
    members = _members(pgid)
    if not members:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not any(_in_group(pid, start, pgid) for pid, start in members):
            break
        try:
            os.killpg(pgid, number)
        except OSError:  # it ended by itself, or none of it is ours to signal
            break
        _wait_for_end(pgid, grace)
    return not _members(pgid)


def _wait_for_end(pgid: int, grace: float) -> None:
    until = time.monotonic() + grace
    while _members(pgid) and time.monotonic() < until:
        time.sleep(_STEP)


def _members(pgid: int) -> list[tuple[int, float]]:
    """Pid and start of each process of the group that runs."""
    seen = ((pid, _stat(pid)) for pid in psutil.pids())
    return [(pid, found.start) for pid, found in seen if found and found.group == pgid and not found.zombie]


def _in_group(pid: int, start: float, pgid: int) -> bool:
    found = _stat(pid)
    return found is not None and found.start == start and found.group == pgid


def _stat(pid: int) -> Stat | None:
    if not _LINUX:
        return _stat_by_psutil(pid)
    text = _read(f"/proc/{pid}/stat", 4096)
    close = text.rfind(b")")  # the name before it is the process's own choice, brackets and spaces included
    fields = text[close + 2 :].split()
    if close < 0 or len(fields) < 20:
        return None
    return Stat(int(fields[1]), int(fields[2]), fields[0] in (b"Z", b"X"), float(fields[19]), int(fields[3]))


def _uid(pid: int) -> int | None:
    if not _LINUX:
        with contextlib.suppress(psutil.Error, OSError):
            return int(psutil.Process(pid).uids().real)
        return None
    for line in _read(f"/proc/{pid}/status", 4096).splitlines():
        if line.startswith(b"Uid:"):
            return int(line.split()[1])
    return None


def _exe(pid: int) -> str:
    try:
        path = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - pathlib costs more than the call
    except OSError:
        return ""
    gone = " (deleted)"  # agents replace their own program while they run
    return path[: -len(gone)] if path.endswith(gone) and not os.path.lexists(path) else path


def _argv(pid: int) -> tuple[str, ...]:
    text = _read(f"/proc/{pid}/cmdline", ARGV_MAX)
    return tuple(os.fsdecode(part) for part in text.removesuffix(b"\0").split(b"\0")) if text else ()


def _read(path: str, limit: int) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while limit > 0 and (part := os.read(fd, limit)):
            parts.append(part)
            limit -= len(part)
        return b"".join(parts)
    except OSError:  # it ended between open and read
        return b""
    finally:
        os.close(fd)


def _stat_by_psutil(pid: int) -> Stat | None:
    try:
        found = psutil.Process(pid)
        with found.oneshot():
            zombie = found.status() == psutil.STATUS_ZOMBIE
            return Stat(found.ppid(), os.getpgid(pid), zombie, found.create_time(), os.getsid(pid))
    except (psutil.Error, OSError):
        return None


def _by_psutil(pid: int, found: Stat) -> Process | None:
    try:
        one = psutil.Process(pid)
        with one.oneshot():
            uid = int(one.uids().real)
            exe = ""
            argv: tuple[str, ...] = ()
            with contextlib.suppress(psutil.Error, OSError):
                exe, argv = one.exe(), tuple(one.cmdline())
            return Process(pid, found.ppid, exe, argv, uid, found.start)
    except (psutil.Error, OSError):
        return None
