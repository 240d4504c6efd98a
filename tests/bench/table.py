"""The Markdown tables: medians over rounds, "added" paired with the direct connection of the same round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from measure import Round, median, percentile
from scale import Crowd, Long, Rest

Rounds = Mapping[str, Sequence[Round]]
SERIES = ("100 B", "10 KB arguments", "10 KB result", "1 MB result")
COUNTS = ("answers", "wrong", "stray", "rewritten")
MIB = 1024 * 1024


def render(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """One Markdown table; all columns but the first are flush right."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def over(rounds: Sequence[Round], what: Callable[[Round], float]) -> float | None:
    """The median of `what` over the good rounds; None if there are none."""
    values = [what(one) for one in rounds if not one.failed]
    return median(values) if values else None


def added(rounds: Sequence[Round], direct: Sequence[Round], what: Callable[[Round], float]) -> float | None:
    """The median of what was added to the direct connection of the same round."""
    pairs = [(one, base) for one, base in zip(rounds, direct, strict=False) if not one.failed and not base.failed]
    return median([what(one) - what(base) for one, base in pairs]) if pairs else None


def start_up(results: Rounds) -> str:
    """Start-up, memory, exit."""
    rows = []
    for name, rounds in results.items():
        good = [one for one in rounds if not one.failed]
        unexited = sum(one.not_exited for one in rounds)
        exits = [median(one.exit_s) for one in good if one.exit_s]
        rows.append([
            name,
            _number(over(rounds, lambda one: median(one.init_ms)), 1),
            _number(over(rounds, lambda one: median(one.list_ms)), 1),
            _number(added(rounds, results["direct"], lambda one: median(one.list_ms)), 1),
            _number(over(rounds, lambda one: one.idle.pss / MIB), 1),
            _number(over(rounds, lambda one: one.idle.uss / MIB), 1),
            _number(over(rounds, lambda one: one.idle.rss / MIB), 1),
            _number(over(rounds, lambda one: one.loaded.pss / MIB), 1),
            _number(over(rounds, lambda one: one.processes)),
            _number(median(exits), 2) + (f" ({unexited} killed)" if unexited else "") if exits else "-",
            f"{len(good)}/{len(rounds)}",
        ])  # fmt: skip
    head = ["configuration", "initialize ms", "tools/list ms", "added ms", "PSS MiB", "USS", "RSS", "PSS after load"]
    return render([*head, "processes", "exit s", "rounds"], rows)


def latency(results: Rounds, series: str) -> str:
    """One series of sequential calls, microseconds."""

    def at(share: float) -> Callable[[Round], float]:
        return lambda one: percentile(one.calls.get(series, []), share) / 1e3

    rows = []
    base = over(results["direct"], at(0.5)) or 1.0
    for name, rounds in results.items():
        middle = over(rounds, at(0.5))
        more = (added(rounds, results["direct"], at(share)) for share in (0.5, 0.99))
        rows.append([
            name,
            *(_number(over(rounds, at(share))) for share in (0.5, 0.95, 0.99)),
            *(_number(value) for value in more),
            _number(middle / base if middle is not None else None, 2),
            _number(over(rounds, lambda one: one.shim_cpu.get(series, 0.0))),
            _number(over(rounds, lambda one: one.daemon_cpu.get(series, 0.0))),
        ])  # fmt: skip
    return render(
        ["configuration", "p50", "p95", "p99", "added p50", "added p99", "x direct", "CPU shim", "CPU daemon"], rows
    )


def throughput(results: Rounds) -> str:
    """Pipelined calls, overtaking, correctness."""
    rows = []
    base = over(results["direct"], lambda one: one.rate) or 1.0
    for name, rounds in results.items():
        rate = over(rounds, lambda one: one.rate)
        rows.append([
            name,
            _number(rate),
            _number(rate / base if rate is not None else None, 3),
            _number(over(rounds, lambda one: one.shim_cpu.get("pipelined", 0.0)), 1),
            _number(over(rounds, lambda one: one.daemon_cpu.get("pipelined", 0.0)), 1),
            _number(over(rounds, lambda one: one.overtake_ms), 1),
            _number(over(rounds, lambda one: one.daemon.pss / MIB) or None, 1),
            *(_number(sum(getattr(one, what) for one in rounds)) for what in COUNTS),
        ])  # fmt: skip
    head = [
        "configuration",
        "calls/s",
        "x direct",
        "CPU shim us",
        "CPU daemon us",
        "fast behind slow ms",
        "daemon PSS MiB",
    ]
    return render([*head, "answers", "wrong", "stray", "bytes changed"], rows)


def crowds(results: Mapping[str, Sequence[Crowd]]) -> str:
    """Many sessions at once; the medians of the runs."""
    rows = []
    for name, runs in results.items():
        good = [run for run in runs if not run.failed]
        figures: list[tuple[Callable[[Crowd], float], int]] = [
            (lambda run: run.count, 0), (lambda run: run.started_s, 2),
            (lambda run: run.alone_p50, 0), (lambda run: run.alone_p99, 0),
            (lambda run: run.together_p50, 0), (lambda run: run.together_p99, 0), (lambda run: run.rate, 0),
            (lambda run: run.shims.pss / MIB, 1), (lambda run: run.daemon.pss / MIB, 1),
            (lambda run: run.daemon_cpu, 1),
            (lambda run: run.wrong + run.stray, 0),
        ]  # fmt: skip
        rows.append([name, *(_number(median([what(run) for run in good]), digits) for what, digits in figures)])
    head = [
        "configuration",
        "sessions",
        "all started s",
        "one call at a time p50 us",
        "p99",
        "one in each p50 us",
        "p99",
    ]
    return render([*head, "calls/s", "shims PSS MiB", "daemon PSS MiB", "CPU daemon us", "wrong or stray"], rows)


def longs(results: Mapping[str, Long]) -> str:
    """One long session."""
    rows = []
    for name, run in results.items():
        sizes = (run.shim_before, run.shim_after, run.daemon_before, run.daemon_after)
        rows.append([
            name, _number(run.calls), _number(run.first_p50), _number(run.last_p50),
            *(_number(size.pss / MIB, 2) for size in sizes),
        ])  # fmt: skip
    head = ["configuration", "calls", "first 1,000 p50 us", "last 1,000 p50 us", "shim PSS MiB before", "after"]
    return render([*head, "daemon PSS MiB before", "after"], rows)


def rests(results: Mapping[str, Rest]) -> str:
    """The daemon at rest."""
    rows = [
        [name, *(_number(size / MIB, 1) for size in (run.memory.pss, run.memory.uss, run.memory.rss)),
         _number(run.core * 100, 2), _number(run.seconds)]
        for name, run in results.items()
    ]  # fmt: skip
    return render(["daemon idle", "PSS MiB", "USS", "RSS", "% of a core", "over s"], rows)
