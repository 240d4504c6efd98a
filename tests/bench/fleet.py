"""A fleet and one collector, simulated with the pauses and batches of the code: a working day, and an outage.

    python tests/bench/fleet.py [--machines 100000] [--sample 5000] [--capacity 30000] [--outage 3600]

Each machine works in bursts (a call every four seconds, for six minutes of each half hour). It is simulated by events:
a machine wakes when it has something to send or to try again. A sample of the fleet meets the same share of the
capacity. A collector that is at its capacity answers 429 with a Retry-After, or with nothing to go by.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "daemon"))

from callgate.export.ship import BACKOFF, BACKOFF_MAX
from callgate.settings_export import SinkSettings

SETTINGS = SinkSettings()
EVENT = 2000
"""Bytes of an event in OCSF, as bench_export.py sends it."""
ACTIVE = 0.2
"""Share of the machines that are in a burst at a time of the working day."""
CALLS = 0.5
"""Events a second in a burst: a call every four seconds, and its answer."""
BURST = 360.0
"""Seconds of a burst."""
ROUND = 0.05
"""Seconds of one request."""


@dataclass(slots=True)
class Machine:
    """What it has to send: what came up to `since`, and more as time goes by in a burst."""

    backlog: float = 0.0
    since: float = 0.0
    burst_end: float = 0.0
    failures: int = 0


def pause(failures: int) -> float:
    """As ship.Shipper does."""
    return min(BACKOFF_MAX, BACKOFF * 2.0 ** min(failures - 1, 20)) * random.uniform(0.5, 1.0)


@dataclass
class Tally:
    """One run."""

    second: dict[int, list[int]]
    """By second: requests, events taken, refusals."""


def run(machines: int, capacity: float, down: tuple[float, float], end: float, waits: tuple[float, float]) -> Tally:
    """`down` is from when to when nobody answers; `waits` a full collector's Retry-After, and the linger."""
    retry_after, linger = waits
    random.seed(7)
    fleet = [Machine() for _ in range(machines)]
    tally = Tally({})
    queue: list[tuple[float, int]] = []
    idle = BURST * (1 - ACTIVE) / ACTIVE
    for number, one in enumerate(fleet):
        start = random.uniform(0, BURST + idle) - BURST
        one.since, one.burst_end = start, start + BURST
        heapq.heappush(queue, (max(0.0, start), number))
    while queue and queue[0][0] < end:
        now, number = heapq.heappop(queue)
        one = fleet[number]
        upto = min(now, one.burst_end)
        one.backlog += max(0.0, upto - one.since) * CALLS
        one.since = max(one.since, upto)
        while one.burst_end < now:  # bursts that came and went while it waited
            start = one.burst_end + random.expovariate(1 / idle)
            one.since, one.burst_end = start, start + BURST
            upto = min(now, one.burst_end)
            one.backlog += max(0.0, upto - start) * CALLS
            one.since = max(start, upto)
        mark = tally.second.setdefault(int(now), [0, 0, 0])
        if one.backlog < 1:
            wake = max(now, one.since) + (1 - one.backlog) / CALLS + linger
            heapq.heappush(queue, (wake, number))
            continue
        mark[0] += 1
        batch = int(min(one.backlog, SETTINGS.batch_rows))
        if down[0] <= now < down[1]:
            one.failures += 1
            heapq.heappush(queue, (now + pause(one.failures), number))
        elif mark[1] >= capacity:
            one.failures += 1
            mark[2] += 1
            heapq.heappush(queue, (now + max(retry_after, pause(one.failures)), number))
        else:
            mark[1] += batch
            one.backlog -= batch
            one.failures = 0
            heapq.heappush(queue, (now + (ROUND if one.backlog >= 1 else linger + 1 / CALLS), number))
    return tally


def told(tally: Tally, start: float, end: float, scale: float, what: str) -> None:
    marks = [tally.second.get(second, [0, 0, 0]) for second in range(int(start), int(end))]
    requests, events, refused = (sum(one[at] for one in marks) * scale / len(marks) for at in range(3))
    most = max(one[0] for one in marks) * scale
    peak = max(one[1] for one in marks) * scale
    print(
        f"| {what} | {requests:,.0f} | {most:,.0f} | {events:,.0f} | {peak:,.0f} | "
        f"{events * EVENT / 1e6:,.1f} | {refused:,.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--machines", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=5000)
    parser.add_argument("--capacity", type=float, default=30_000, help="events a second that the collector takes")
    parser.add_argument("--outage", type=float, default=3600.0)
    parser.add_argument("--linger", type=float, default=SETTINGS.linger)
    parser.add_argument("--retry-after", type=float, default=0.0)
    said = parser.parse_args()
    scale = said.machines / said.sample
    begin, back = 600.0, 600.0 + said.outage
    end = back + 3600
    tally = run(said.sample, said.capacity / scale, (begin, back), end, (said.retry_after, said.linger))
    print(f"{said.machines:,} machines ({said.sample:,} simulated), capacity {said.capacity:,.0f}/s\n")
    print("| | requests/s | peak | events/s | peak | MB/s | 429/s |\n| --- | --- | --- | --- | --- | --- | --- |")
    told(tally, 120, begin, scale, "working day")
    told(tally, begin + 600, back, scale, "outage, after 10 min")
    told(tally, back, back + 300, scale, "first 5 min after it")
    told(tally, back + 300, back + 900, scale, "the next 10 min")
    told(tally, end - 900, end, scale, "an hour later")


if __name__ == "__main__":
    main()
