"""What a policy adds to a call in the gate: 300 servers, with and without 200 policies. Run it as it is; see --help."""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from callgate.audit.store import Writer
from callgate.gate import Gate
from callgate.model.call import Call, Caller, Effect, Mode, Session
from callgate.model.identity import Identified, ServerIdentity
from callgate.policy.allowlist import Allowlist, Approval
from callgate.policy.cedar import Policies
from callgate.policy.compiling import compile_policies
from callgate.settings import Durability, Settings

BUDGET = 0.4
"""Milliseconds that 200 policies and 300 servers may add at p50."""
CALL = 'action == Callgate::Action::"mcp:tools/call"'


def policy(number: int) -> str:
    """Policies of four kinds, as organisations write them: for a server, for a group, on facts, on the tool's name."""
    name = f'@id("p{number}") @reason("rule {number}") '
    return (
        name + f'forbid(principal, {CALL}, resource in Callgate::McpServer::"npm:server-{number}")'
        f" when {{ context.bytes > {number}000 }};",
        name + f'forbid(principal in Callgate::Group::"group-{number}", {CALL}, resource)'
        f' when {{ context.domains.contains("evil{number}.example") }};',
        name + f'forbid(principal, {CALL}, resource) when {{ context.folders.contains("/srv/{number}") }};',
        name
        + f'forbid(principal, {CALL}, resource) when {{ context.tool like "*drop{number}*" || context.hour > 30 }};',
    )[number % 4]


def arguments(number: int) -> dict[str, object]:
    """No two calls are the same."""
    about = f"see https://docs{number}.example.com/a"
    return {"path": f"/home/ann/project/src/main{number}.py", "start": number, "end": 200, "note": about}


def compiled(count: int) -> Policies:
    text = "\n".join(['@id("approved") permit(principal, action, resource);', *(policy(n) for n in range(count - 1))])
    begun = time.perf_counter()
    found = compile_policies(text)
    print(f"compiling {count} policies: {(time.perf_counter() - begun) * 1e3:.0f} ms")
    assert isinstance(found, Policies), found
    return found


def session(server: int) -> Session:
    identity = Identified(ServerIdentity("npm", f"server-{server}", "1.0.0"), "bench")
    groups = tuple(f"team-{n}" for n in range(10))
    caller = Caller(1000, 1, "claude-code", "bench", "s", proven=True, user="ann", groups=groups, home="/home/ann")
    return Session(f"{server:016x}", caller, identity, f"server-{server}")


def asked(gate: Gate, sessions: list[Session], calls: int, tag: str) -> list[tuple[float, float]]:
    """Milliseconds of each call on the clock and of the processor, its commit included, spread over the sessions."""
    times = []
    for number in range(calls):
        call = Call(
            f"{tag}-{number}", sessions[number % len(sessions)], "tools/call", "read", arguments(number), 240 + number
        )
        start, worked = time.perf_counter(), time.thread_time()
        gate.check(call)
        gate.commit()
        times.append(((time.perf_counter() - start) * 1e3, (time.thread_time() - worked) * 1e3))
    return times


def shown(name: str, times: list[tuple[float, float]]) -> tuple[float, float]:
    """The p50 on the clock and of the processor."""
    wall, work = (sorted(found) for found in zip(*times, strict=True))
    p50, p95, p99 = (wall[int(len(wall) * share)] for share in (0.5, 0.95, 0.99))
    print(f"{name:20} ms  p50 {p50:.3f}  p95 {p95:.3f}  p99 {p99:.3f}   processor p50 {work[len(work) // 2]:.3f}")
    return p50, work[len(work) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, help="calls of each kind in a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, the kinds taking turns")
    chosen = parser.parse_args()
    approvals = [
        Approval(f"server-{n}", (ServerIdentity("npm", f"server-{n}"),), Effect.ALLOW, {"write": Effect.ASK})
        for n in range(300)
    ]
    sessions = [session(n) for n in range(8)]
    kinds: dict[str, Callable[[], Policies | None]] = {"allowlist only": lambda: None}
    for count in (1, 50, 200):
        ready = compiled(count)
        kinds[f"and {count} policies"] = lambda ready=ready: ready  # type: ignore[misc]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    with tempfile.TemporaryDirectory(prefix="cg-bench-") as folder:
        writer = Writer.open(Path(folder) / "audit.db", Durability.COMMIT)
        rules = Allowlist(tuple(approvals))
        gate = Gate(writer, lambda: rules, Settings(mode=Mode.ENFORCE), time.time_ns, b"k" * 32)
        for turn in range(chosen.rounds):
            for name, policies in kinds.items():
                gate.policies = policies
                asked(gate, sessions, len(sessions), f"warm-{turn}-{name}")
                times[name] += asked(gate, sessions, chosen.calls, f"{turn}-{name}")
                gate.settle()
        writer.close()
    base, *others = [shown(name, found) for name, found in times.items()]
    added, work = (after - before for after, before in zip(others[-1], base, strict=True))
    print(f"200 policies add {added:.3f} ms at p50, {work:.3f} ms of them work of the processor (budget {BUDGET} ms)")


if __name__ == "__main__":
    main()
