"""What we allow ourselves to cost, beside what was measured. A report, not a test: nothing here passes or fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from measure import Round, median, percentile
from scale import Crowd, Long, Rest
from table import MIB, added, over, render

COMMIT, FSYNC = "callgate observe, commit", "callgate observe, fsync"


@dataclass(frozen=True, slots=True)
class Budget:
    """One line: what, how much, and with everything pinned to one core."""

    what: str
    limit: str
    pinned: str
    measured: str


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:.2f} ms"


def _call(series: str, share: float) -> Callable[[Round], float]:
    return lambda one: percentile(one.calls.get(series, []), share)


def of_calls(rounds: Mapping[str, Sequence[Round]]) -> list[Budget]:
    """The budgets of a single session."""
    ours, direct = rounds[COMMIT], rounds["direct"]
    synced = rounds.get(FSYNC, [])

    def more(series: str, share: float = 0.5) -> str:
        return _ms(added(ours, direct, _call(series, share)))

    start = added(ours, direct, lambda one: median(one.list_ms))
    large = [over(which, _call("1 MB result", 0.5)) for which in (ours, direct)]
    rate = over(ours, lambda one: one.rate)
    memory = [over(ours, what) for what in (lambda one: one.idle.uss / MIB, lambda one: one.idle.rss / MIB)]
    return [
        Budget("added start-up, p50", "25 ms", "", "-" if start is None else f"{start:.1f} ms"),
        Budget("shim, USS / RSS", "4 / 10 MiB", "", " / ".join("-" if one is None else f"{one:.1f}" for one in memory)),
        Budget("tools/call 100 B, added p50", "0.35 ms", "0.2 ms", more("100 B")),
        Budget("tools/call 100 B, added p99", "1 ms", "", more("100 B", 0.99)),
        Budget("every row fsynced, added p50", "0.6 ms", "0.4 ms", _ms(added(synced, direct, _call("100 B", 0.5)))),
        Budget("10 KB of arguments, added p50", "0.7 ms", "", more("10 KB arguments")),
        Budget("10 KB result, added p50", "0.45 ms", "", more("10 KB result")),
        Budget("1 MB result", "1.5 x direct", "", f"{large[0] / large[1]:.2f} x" if large[0] and large[1] else "-"),
        Budget("pipelined, one shim", "8,000 calls/s", "", "-" if rate is None else f"{rate:,.0f} calls/s"),
    ]


def of_scale(
    crowds: Mapping[str, Sequence[Crowd]], longs: Mapping[str, Long], rests: Mapping[str, Rest]
) -> list[Budget]:
    """The budgets of the daemon, of many sessions and of a long one; none of what was not measured."""
    found = []
    if COMMIT in rests:
        rest = rests[COMMIT]
        text = f"{rest.memory.rss / MIB:.1f} MiB RSS, {rest.core * 100:.2f} %"
        found.append(Budget("daemon idle", "60 MiB, 0.3 % of a core", "", text))
    if COMMIT in longs and not longs[COMMIT].failed:
        run = longs[COMMIT]
        grown = [after.pss - before.pss for before, after in
                 ((run.shim_before, run.shim_after), (run.daemon_before, run.daemon_after))]  # fmt: skip
        text = (
            f"p50 {run.first_p50:,.0f} to {run.last_p50:,.0f} us; "
            f"shim {grown[0] / MIB:+.2f} MiB, daemon {grown[1] / MIB:+.2f} MiB"
        )
        found.append(Budget(f"a session of {run.calls:,} calls", "no growth", "", text))
    runs = [run for run in crowds.get(COMMIT, []) if not run.failed]
    if runs:
        text = (
            f"p50 {median([run.alone_p50 for run in runs]):,.0f} us one at a time, "
            f"{median([run.shims.pss / run.count / MIB for run in runs]):.1f} MiB PSS a shim"
        )
        found.append(Budget(f"{runs[0].count} shims at once", "no growth", "", text))
    return found


def lines(budgets: Sequence[Budget]) -> str:
    """The Markdown table."""
    rows = [[one.what, one.limit, one.pinned, one.measured] for one in budgets]
    return render(["budget", "limit", "pinned to one core", "measured"], rows)
