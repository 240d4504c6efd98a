"""What the machine is, how busy it is, and what given processes use of it (Linux: /proc)."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

QUIET = 0.05
"""Share of all cores that others may use before the figures are called noisy."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a set of processes."""

    pss: int = 0
    uss: int = 0
    rss: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.pss + other.pss, self.uss + other.uss, self.rss + other.rss)


def describe(pinned: bool, folder: Path) -> dict[str, str]:
    """Lines for the head of the report."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    return {
        "CPU": f"{model}, {psutil.cpu_count()} cores" + (", everything pinned to one" if pinned else ""),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "disk": f"fdatasync {fdatasync_ms(folder):.2f} ms",
        "date": time.strftime("%Y-%m-%d"),
    }


def busy(seconds: float) -> float:
    """Share of all cores in use during the next `seconds`. We sleep meanwhile, so it is the others' share."""
    times = psutil.cpu_times_percent(interval=seconds)
    return round(1.0 - (times.idle + times.iowait) / 100.0, 3)


def fdatasync_ms(folder: Path) -> float:
    """Milliseconds that one fdatasync of an appended block takes in `folder`: what a row in `fsync` mode must cost."""
    taken = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            begin = time.perf_counter_ns()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter_ns() - begin) / 1e6)
    return statistics.median(taken)


def tree(root: int) -> set[int]:
    """`root` and all its descendants that live now."""
    try:
        process = psutil.Process(root)
        return {root, *(child.pid for child in process.children(recursive=True))}
    except psutil.NoSuchProcess:
        return set()


def memory(pids: Iterable[int]) -> Memory:
    """The sum over `pids`; a process that is gone counts nothing."""
    total = Memory()
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        uss = kib["Private_Clean"] + kib["Private_Dirty"]
        total += Memory(kib["Pss"] * 1024, uss * 1024, kib["Rss"] * 1024)
    return total


def cpu_ns(pids: Iterable[int]) -> int:
    """Nanoseconds that all threads of `pids` have spent on a core."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total
