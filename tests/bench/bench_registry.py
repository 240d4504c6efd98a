"""What the registry costs a machine: a poll without news, and the first activation of a large one. Run it as it is."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("fakes", "e2e")]

from callgate.registry import roles  # noqa: E402
from callgate.registry.web import Web  # noqa: E402
from nginx import Nginx  # noqa: E402
from organisation import Machine, Organisation  # noqa: E402

POLL_BUDGET = 50.0
"""Milliseconds of CPU of a poll without news."""
TIME_BUDGET, MEMORY_BUDGET = 5.0, 150.0
"""Seconds, and MiB of the whole process, of a first activation of 5,000 servers with 50,000 pins."""


def large(servers: int, pins: int) -> bytes:
    """A document with so many servers and, spread over them, so many pinned tools."""
    each = pins // servers
    entries = []
    for number in range(servers):
        tools = {
            f"tool_{one}": {
                "digest": f"{number:032x}{one:032x}",
                "second": f"{one:032x}{number:032x}",
                "shape": "0" * 64,
            }
            for one in range(each)
        }
        approval = {"identities": [f"npm:@org/server-{number}@1.2.3"], "effect": "allow", "pins": {"tools": tools}}
        package = {"registryType": "npm", "identifier": f"@org/server-{number}", "version": "1.2.3"}
        server = {"name": f"org.example/server-{number}", "description": "x" * 80, "version": "1.2.3"}
        entries.append({"server": {**server, "packages": [package]}, "_meta": {"dev.callgate/approval": approval}})
    return json.dumps({"servers": entries, "metadata": {"count": servers}}).encode()


def memory(name: str) -> float:
    """MiB of this process: VmRSS now, VmHWM at its largest."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def activate(url: str, root: str, folder: str) -> None:
    """One first activation, in a process of its own so that its memory is its own."""
    started, cpu = time.perf_counter(), time.process_time()
    machine = Machine(Path(folder), Web(url), Path(root))
    outcome = machine.sync.poll()
    took = {"outcome": str(outcome), "seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    assert machine.rules is not None, machine.sync.error
    took |= {"approvals": len(machine.rules.allowlist.approvals), "peak": memory("VmHWM"), "after": memory("VmRSS")}
    Machine.close_all()
    print(json.dumps(took))


def main() -> int:
    """Both measurements, each with its budget. Exit code 1 if one is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=5_000)
    parser.add_argument("--pins", type=int, default=50_000)
    parser.add_argument("--polls", type=int, default=200)
    parser.add_argument("--activate", nargs=3, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.activate:
        activate(*said.activate)
        return 0
    with tempfile.TemporaryDirectory(prefix="cg-bench-") as scratch:
        folder = Path(scratch)
        org = Organisation(folder / "org")
        org.publish(files={roles.SERVERS: large(said.servers, said.pins)})
        with Nginx(org.public) as web:
            command = [sys.executable, __file__, "--activate", web.url, str(org.root), str(folder / "cache")]
            ran = subprocess.run(command, capture_output=True, text=True, check=True)
            first = json.loads(ran.stdout)
            os.utime(org.repository.metadata / "timestamp.json", (time.time() - 60,) * 2)
            machine = Machine(folder / "cache", Web(web.url), org.root)
            machine.sync.poll()
            asked, cpu = len(web.asked()), time.process_time()
            for _ in range(said.polls):
                machine.sync.poll()
            each = (time.process_time() - cpu) / said.polls * 1000
            requests = (len(web.asked()) - asked) / said.polls
            Machine.close_all()
    print(f"first activation of {first['approvals']:,} servers, {said.pins:,} pins: {first['seconds']:.2f} s "
          f"({first['cpu']:.2f} s CPU), peak {first['peak']:.0f} MiB, afterwards {first['after']:.0f} MiB")  # fmt: skip
    print(f"a poll without news: {each:.2f} ms of CPU, {requests:.2f} requests")
    kept = first["seconds"] < TIME_BUDGET and first["peak"] < MEMORY_BUDGET and each < POLL_BUDGET
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
