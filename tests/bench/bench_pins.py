"""What pins cost in CPU time: a call, a listing of 100 tools, 50,000 pins in a document. Run by hand."""

from __future__ import annotations

import copy
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from callgate.model.call import Caller, Effect, Session
from callgate.model.identity import Identified, ServerIdentity
from callgate.model.pin import Kind, Pin, PinRules
from callgate.policy.allowlist import Allowlist, Approval
from callgate.registry import bundle, pinned
from callgate.registry.pinbook import PinBook
from callgate.registry.pinstore import PinStore
from callgate.server import questions

REAL = Path(__file__).parents[1] / "data" / "pins" / "real"
SERVER = ServerIdentity("npm", "files", "1.0.0")
SESSION = Session("0123456789abcdef", Caller(0, 1, None, "", "s"), Identified(SERVER, "bench"), "files")
RULES = PinRules()
BUDGET_CALL, BUDGET_LISTING = 100.0, 20.0
"""Microseconds added to a call; milliseconds for a listing of 100 tools."""


def hundred(prefix: str = "tool") -> list[dict[str, Any]]:
    """100 tools as real servers have them."""
    real = [tool for path in sorted(REAL.glob("*.json")) for tool in json.loads(path.read_text())["tools"]]
    return [real[number % len(real)] | {"name": f"{prefix}-{number}"} for number in range(100)]


def body(tools: list[dict[str, Any]]) -> bytes:
    return b"\0" + json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).encode()


def timed(name: str, unit: str, factor: float, rounds: int, work: Callable[[], object]) -> float:
    """The median and 99th percentile of that many rounds, printed."""
    times = []
    for _ in range(rounds):
        began = time.thread_time()
        work()
        times.append((time.thread_time() - began) * factor)
    times.sort()
    middle = statistics.median(times)
    print(f"{name:42} p50 {middle:9.2f} {unit}   p99 {times[int(len(times) * 0.99)]:9.2f} {unit}")
    return middle


def main() -> int:
    tools = hundred()
    reworded = [tool | {"description": tool.get("description", "") + " In other words."} for tool in tools]
    allowlist = Allowlist((Approval("files", (SERVER,), Effect.ALLOW),))
    pins = {Kind.TOOL: {f"tool-{n}": Pin("a" * 64, "b" * 64, "c" * 64) for n in range(10)}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pins.db"
        book = PinBook(PinStore(path))

        def list_tools(shown: bytes, session: Session = SESSION) -> None:
            book.listed(session, questions.listing(shown), allowlist, RULES, time.time_ns())

        rounds = itertools.count()
        unseen = [body(hundred(f"t{number}")) for number in range(20)]

        def first() -> None:
            number = next(rounds)
            server = Identified(ServerIdentity("npm", f"server-{number}"), "bench")
            list_tools(unseen[number], replace(SESSION, server=server))

        plain, changed = body(tools), body(reworded)
        print(f"a listing of 100 tools, {len(plain):,} bytes")
        slow = timed("first listing (100 rows written)", "ms", 1e3, 20, first)
        list_tools(plain)
        slow = max(slow, timed("known listing", "ms", 1e3, 200, lambda: list_tools(plain)))
        fresh = copy.deepcopy(reworded)

        def change() -> None:
            for tool in fresh:
                tool["description"] += "."
            list_tools(body(fresh))

        timed("every tool changed its wording (no budget)", "ms", 1e3, 20, change)
        list_tools(changed)
        call = timed(
            "a call: verdict by pin", "us", 1e6, 20_000, lambda: book.verdict(SESSION, "tool-7", allowlist, RULES)
        )
        book.store.close()
        began = time.thread_time()
        PinBook(PinStore(path)).store.close()
        print(f"opening the book: {(time.thread_time() - began) * 1e3:.1f} ms, {path.stat().st_size / 1e6:.1f} MB")
    entry = {"server": {"name": "x/y"}, "_meta": {bundle.META: {"effect": "allow", "pins": pinned.written(pins)}}}
    servers = [copy.deepcopy(entry) for _ in range(5_000)]
    for number, one in enumerate(servers):
        one["_meta"][bundle.META]["identities"] = [f"npm:server-{number}@1.0.0"]
    text = json.dumps({"servers": servers})
    began = time.thread_time()
    bundle.rules(json.loads(text), "bench")
    print(f"5,000 servers with 50,000 pins, {len(text) / 1e6:.1f} MB: {time.thread_time() - began:.2f} s")
    good = call <= BUDGET_CALL and slow <= BUDGET_LISTING
    print("within budget" if good else f"OVER BUDGET ({BUDGET_CALL:g} us a call, {BUDGET_LISTING:g} ms a listing)")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
