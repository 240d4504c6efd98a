"""Print the performance tables: Callgate beside the direct connection, raw relays and peers, in one interleaved run.

.venv/bin/python tests/bench/run.py [--rounds N] [--pinned] [--peers] [--quick] [--only WORD] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import budgets
import machine
import peers
import product
import scale
import table
from contender import HERE, Contender, Ready, floor
from driver import Failed
from measure import Effort, Round, one_round

TOOLS = HERE.parents[1] / ".tools" / "bench"
SCALED = ("direct", "raw relay, Python", "callgate observe, commit")
"""What is also run a hundred times at once, and for ten thousand calls."""


@dataclass(slots=True)
class Results:
    """All that a run gave."""

    rounds: dict[str, list[Round]] = field(default_factory=dict)
    crowds: dict[str, list[scale.Crowd]] = field(default_factory=dict)
    longs: dict[str, scale.Long] = field(default_factory=dict)
    rests: dict[str, scale.Rest] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def main() -> int:
    """Measure as the command line says; the report goes to stdout, progress to stderr."""
    options = _options()
    load = machine.busy(2.0)
    if options.pinned:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    TOOLS.mkdir(parents=True, exist_ok=True)
    contenders = [*floor(TOOLS), *product.ours(), *(peers.found() if options.peers else [])]
    contenders = [one for one in contenders if one.name == "direct" or options.only in one.name]
    scratch = Path(tempfile.mkdtemp(dir=TOOLS))  # on the disk of the checkout: /tmp may be memory, where fsync is free
    results = Results()
    try:
        _rounds(contenders, options, scratch, results)
        if not options.no_scale:
            _scaled(contenders, options, scratch, results)
        about = machine.describe(options.pinned, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    after = machine.busy(2.0)
    print(_report(results, contenders, about, (load, after), quick=options.quick))
    if options.json:
        document = {"machine": about, "load": [load, after], **asdict(results)}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure Callgate beside the direct connection.")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, each with every configuration once (default 7)")
    parser.add_argument("--pinned", action="store_true", help="run everything on one core")
    parser.add_argument("--peers", action="store_true", help="also the peers installed by tests/bench/peers.py")
    parser.add_argument("--quick", action="store_true", help="2 short rounds: to see that it works, not to quote")
    parser.add_argument("--no-scale", action="store_true", help="leave out the many, the long and the idle")
    parser.add_argument(
        "--only", default="", metavar="WORD", help="only configurations whose name holds WORD (and direct)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all raw results")
    options = parser.parse_args()
    if options.quick:
        options.rounds = min(options.rounds, 2)
    return options


def _rounds(contenders: Sequence[Contender], options: argparse.Namespace, scratch: Path, results: Results) -> None:
    effort = Effort(2, 200, 50, 5, 1000, 1.0) if options.quick else Effort()
    results.rounds = {one.name: [] for one in contenders}
    for number in range(options.rounds):
        for contender in random.sample(contenders, len(contenders)):
            print(f"round {number + 1}/{options.rounds}: {contender.name}", file=sys.stderr)
            result = Round(failed=f"{contender.name}: was not ready")
            with _opened(contender, scratch, results) as ready:
                if ready:
                    result = one_round(contender, ready, effort)
                    if result.failed:
                        results.problems.append(result.failed)
            results.rounds[contender.name].append(result)


def _scaled(contenders: Sequence[Contender], options: argparse.Namespace, scratch: Path, results: Results) -> None:
    count, calls, total, seconds = (20, 5, 2000, 2.0) if options.quick else (100, 20, 10_000, 10.0)
    chosen = [one for one in contenders if one.name in SCALED]
    for number in range(1 if options.quick else 3):
        for contender in random.sample(chosen, len(chosen)):
            print(f"{count} at once, run {number + 1}: {contender.name}", file=sys.stderr)
            with _opened(contender, scratch, results) as ready:
                if ready:
                    found = scale.crowd(ready, count, calls)
                    results.crowds.setdefault(contender.name, []).append(found)
                    results.problems += [f"{contender.name}: {found.failed}"] if found.failed else []
    for contender in chosen:
        print(f"{total} calls: {contender.name}", file=sys.stderr)
        with _opened(contender, scratch, results) as ready:
            if ready:
                if ready.daemons:
                    results.rests[contender.name] = scale.rest(ready, seconds)
                results.longs[contender.name] = scale.long(ready, total)


@contextlib.contextmanager
def _opened(contender: Contender, scratch: Path, results: Results) -> Iterator[Ready | None]:
    """The contender made ready in its own folder, or None (and the reason among the problems)."""
    folder = scratch / hashlib.sha256(contender.name.encode()).hexdigest()[:8]  # short: a socket lies in it
    folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            ready = stack.enter_context(contender.open(folder))
        except (Failed, OSError) as error:
            results.problems.append(f"{contender.name}: {error}")
            ready = None
        yield ready


def _report(
    results: Results,
    contenders: Sequence[Contender],
    about: Mapping[str, str],
    load: tuple[float, float],
    *,
    quick: bool,
) -> str:
    lines = [f"- {name}: {text}" for name, text in about.items()]
    lines.append(f"- other load: {load[0]:.0%} of the cores before, {load[1]:.0%} after")
    parts = ["## The machine", "\n".join(lines)]
    if quick or max(load) > machine.QUIET:
        why = "a quick run" if quick else "the machine was not quiet"
        parts.append(f"**Not to be quoted: {why}.**")
    if any(not one.failed for one in results.rounds.get(budgets.COMMIT, [])):
        measured = budgets.of_calls(results.rounds) + budgets.of_scale(results.crowds, results.longs, results.rests)
        parts += ["## Against the budgets", budgets.lines(measured)]
    parts += ["## Start-up and memory", table.start_up(results.rounds)]
    for series in table.SERIES:
        parts += [f"## tools/call one after the other, {series}, microseconds", table.latency(results.rounds, series)]
    parts += ["## Pipelined, overtaking, correctness", table.throughput(results.rounds)]
    if results.crowds:
        parts += ["## Many sessions at once", table.crowds(results.crowds)]
    if results.longs:
        parts += ["## A long session", table.longs(results.longs)]
    if results.rests:
        parts += ["## The daemon at rest", table.rests(results.rests)]
    notes = [f"- {one.name}: {one.note}" for one in contenders if one.note]
    problems = [f"- {problem}" for problem in dict.fromkeys(results.problems)]
    parts += ["\n".join(notes)] if notes else []
    parts += ["## Problems", "\n".join(problems)] if problems else []
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
