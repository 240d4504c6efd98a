"""What the check of a launch adds to the launch question: a real package whose files are pinned, warm. See --help."""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable

from callgate.discovery.examine import Examiner
from callgate.discovery.identify import Identifier
from callgate.model.call import Effect
from callgate.model.identity import Launch, ServerIdentity
from callgate.policy.allowlist import Allowlist, Approval
from callgate.service.installation import Wanted, of_launch

BUDGET = 30.0
"""Milliseconds that the check may add at p50 on a warm cache."""


def others(count: int) -> tuple[Approval, ...]:
    """Approvals of other servers."""
    return tuple(
        Approval(f"org/{n}", (ServerIdentity("npm", f"mcp-thing-{n}", "1.0.0"),), Effect.ALLOW) for n in range(count)
    )


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds on the clock, and of the processor."""
    begun, used = time.perf_counter(), time.thread_time()
    act()
    return (time.perf_counter() - begun) * 1e3, (time.thread_time() - used) * 1e3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", nargs="+", help="a server's command, installed here, after --")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--servers", type=int, default=300, help="other servers on the registry")
    parser.add_argument("--dependencies", action="store_true", help="pin the packages that it needs, too")
    asked = parser.parse_args()
    found, said = of_launch(asked.command, os.environ, Wanted(files=True, dependencies=asked.dependencies))
    count = len(said.files)
    plain = Allowlist((Approval("org/it", (found.server,), Effect.ALLOW), *others(asked.servers)))
    pinned = Allowlist((Approval("org/it", (found.server,), Effect.ALLOW, launch=said), *others(asked.servers)))
    none = Allowlist(others(asked.servers))
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(tuple(asked.command), folder, os.environ["PATH"])
        identifier = Identifier()
        examiner = Examiner(identifier)
        cold = timed(lambda: examiner.examine(launch, pinned))
        runs: dict[str, list[tuple[float, float]]] = {
            "identity alone": [],
            "approved": [],
            "files pinned": [],
            "lookalikes": [],
        }
        for _ in range(asked.rounds):  # interleaved: what else the machine does hits all alike
            runs["identity alone"].append(timed(lambda: identifier.identify(launch)))
            runs["approved"].append(timed(lambda: examiner.examine(launch, plain)))
            runs["files pinned"].append(timed(lambda: examiner.examine(launch, pinned)))
            runs["lookalikes"].append(timed(lambda: examiner.examine(launch, none)))
        _, startup = examiner.examine(launch, pinned)
    assert startup is not None and startup.refusal is None, startup
    base = [statistics.median(values) for values in zip(*runs["identity alone"], strict=True)]
    for name, values in runs.items():
        clock, cpu = (statistics.median(each) for each in zip(*values, strict=True))
        print(
            f"{name:15} p50 {clock:7.2f} ms, added {clock - base[0]:+7.2f}; processor {cpu:7.2f}, {cpu - base[1]:+7.2f}"
        )
    added = statistics.median(clock for clock, _ in runs["files pinned"]) - base[0]
    print(json.dumps({"pinned": count, "read": len(startup.seen), "cold_ms": round(cold[0], 1)}))
    print(f"{'within' if added <= BUDGET else 'OVER'} the budget of {BUDGET:g} ms")
    return 0 if added <= BUDGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
