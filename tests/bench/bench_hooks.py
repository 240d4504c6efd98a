"""What a hook costs its agent: `python tests/bench/bench_hooks.py [RUNS]`.

A real daemon, and the client started as an agent starts it; beside it what any program at all costs here (`true`) and
what the bare interpreter does, all interleaved. Then a hundred at once: none may fail.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fakes"))

from callgate.wrap.launcher import interpreter
from installation import Installation

EVENT = {
    "session_id": "bench",
    "cwd": "/tmp",
    "hook_event_name": "PreToolUse",
    "tool_name": "Bash",
    "tool_input": {"command": "git status && ls -l src | head -5", "description": "look"},
}
AT_ONCE = 100


def timed(argv: list[str], text: bytes) -> float:
    """Milliseconds from the start of a program to its end."""
    start = time.perf_counter()
    done = subprocess.run(argv, input=text, capture_output=True, cwd="/", env={}, check=False)
    took = (time.perf_counter() - start) * 1000
    assert done.returncode == 0, done
    return took


def event(number: int) -> bytes:
    return json.dumps(EVENT | {"tool_use_id": f"bench_{number}"}).encode()


def started(launcher: str, number: int) -> subprocess.Popen[bytes]:
    """The client with an event that waits for it, so that none has to wait for us."""
    with tempfile.TemporaryFile() as file:
        file.write(event(number))
        file.seek(0)
        return subprocess.Popen([launcher, "PreToolUse", "ask"], stdin=file, stdout=subprocess.DEVNULL, cwd="/", env={})


def show(name: str, values: list[float]) -> None:
    values.sort()
    p95 = values[int(len(values) * 0.95)]
    print(f"{name:32} p50 {statistics.median(values):6.2f} ms   p95 {p95:6.2f} ms   min {values[0]:6.2f} ms")


def main(runs: int) -> None:
    with Installation() as machine:
        (machine.home / ".claude.json").write_text("{}")
        machine.start()
        machine.client.wrap()
        launcher = str(machine.folders.data / "hooks" / "claude-code")
        programs = {
            "true": ["/bin/true"],
            "python -I -S -E -c pass": [interpreter(), "-I", "-S", "-E", "-c", "pass"],
            "hook: launcher and client": [launcher, "PreToolUse", "ask"],
        }
        took: dict[str, list[float]] = {name: [] for name in programs}
        for number in range(runs):  # interleaved: what else the machine does meets all alike
            for name, argv in programs.items():
                took[name].append(timed(argv, event(number)))
        for name, values in took.items():
            show(name, values[runs // 10 :])
        start = time.perf_counter()
        all_at_once = [started(launcher, 10**6 + number) for number in range(AT_ONCE)]
        codes = [process.wait(60) for process in all_at_once]
        took_all = time.perf_counter() - start
        rows = machine.rows(kind="call.asked", limit=10_000)
        spooled = sum(bool(row["detail"].get("spooled")) for row in rows)
        print(f"{AT_ONCE} at once: {codes.count(0)} answered in {took_all:.2f} s, {spooled} without the gate")
        assert codes == [0] * AT_ONCE and not spooled


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
