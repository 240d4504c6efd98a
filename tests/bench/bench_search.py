"""What searching a large log costs: the index, filters, usage. Run it as it is; see --help."""

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from callgate.audit.indexing import usage
from callgate.audit.store import Filter, Reader, Writer
from callgate.model.event import Event
from callgate.settings import Durability

DAY = 24 * 3600 * 10**9
DAYS = 90
AGENTS = [f"agent-{n}" for n in range(8)]
SERVERS = [f"npm:@scope/server-{n}@1.{n}.0" for n in range(30)]
TOOLS = [f"tool_{n}" for n in range(200)]


def events(begin: int, rows: int, now: int) -> Iterator[Event]:
    """Calls and their answers over 90 days, a session an hour or so; the newest is of `now`."""
    chance = random.Random(begin)
    for n in range(begin, rows, 2):
        at = now - DAYS * DAY + DAYS * DAY * n // rows
        tool = min(int(chance.expovariate(0.03)), 199)
        server, agent = tool % 30, tool % 8
        denied = chance.random() < 0.01
        same = {"session": f"boot-{n // 3000}", "agent": AGENTS[agent], "server": SERVERS[server], "user": "anna"}
        yield Event(
            "call.asked", at, uid=f"{n:016x}-1", entry=f"server-{server}", tool=TOOLS[tool],
            effect="deny" if denied else "allow", rule="tool.deny" if denied else "tool.allow", basis="0123456789ab",
            reason="it is on the allowlist", mode="enforce",
            detail={"bytes": 240, "payload": {"digest": f"{n:064x}", "size": 100, "seal": f"{n:064x}"}}, **same,
        )  # fmt: skip
        yield Event(
            "call.answered", at + 10**6, uid=f"{n:016x}-1", entry=f"server-{server}",
            detail={"ms": 1.5, "bytes": 900, "error": False}, **same,
        )  # fmt: skip


def write(path: Path, rows: int) -> None:
    """A log of that many rows, and one call that is like no other in the middle. Goes on with one that is there."""
    writer = Writer.open(path, Durability.COMMIT)
    now = time.time_ns()
    begin = Reader(path).first_and_last()[1] // 2 * 2
    for n, event in enumerate(events(begin, rows, now), begin):
        if n == rows // 2:
            writer.append(
                Event("call.asked", event.time, agent="rare", tool="rare_tool", effect="deny", mode="enforce")
            )
        writer.append(event)
        if n % 2000 == 1999:
            writer.commit()
        if n % 100_000 == 99_999:
            writer.tidy()
    writer.close()


def timed(name: str, work: Callable[[], object], rounds: int = 3) -> None:
    """The median of some rounds, the first of which may have to read from the disk."""
    times = []
    found: object = None
    for _ in range(rounds):
        start = time.perf_counter()
        found = work()
        times.append(time.perf_counter() - start)
    shown = len(found) if isinstance(found, (list, dict)) else found
    print(f"{name:44} first {times[0] * 1e3:9,.1f} ms, median {sorted(times)[rounds // 2] * 1e3:9,.1f} ms  ({shown})")


def searches(path: Path) -> None:
    """What a person looks for."""
    reader = Reader(path)
    now = time.time_ns()
    list(reader.rows(Filter(limit=1)))  # loads sqlite-utils

    def newest(**fields: object) -> Callable[[], object]:
        return lambda: list(reader.rows(Filter(limit=50, newest_first=True, **fields)))  # type: ignore[arg-type]

    def first_answer() -> object:
        """What `callgate log --text` shows before it asks for more."""
        return reader.search(Filter(limit=50, newest_first=True, text="nowhere to be found"), 0.8).upto

    timed("newest 50", newest())
    timed("50 denials", newest(effect="deny"))
    timed("a tool that was called once", newest(tool="rare_tool"))
    timed("a tool that never was called", newest(tool="never"))
    timed("an agent and a tool that it never calls", newest(agent="agent-1", tool="tool_2"))
    timed("a rare tool of a server, denied, a week", newest(tool="tool_150", effect="deny", since=now - 7 * DAY))
    timed("a session of two months ago", newest(session="boot-500"))
    timed("a day of last month", newest(since=now - 31 * DAY, until=now - 30 * DAY))
    timed("text among the denials of a day", newest(text="tool_7", effect="deny", since=now - DAY))
    timed("usage of all", lambda: usage(reader))
    timed("usage of 30 days", lambda: usage(reader, now - 30 * DAY))
    timed("text that is nowhere, in a day", newest(text="nowhere to be found", since=now - DAY))
    timed("the first answer to that text, of all rows", first_answer)
    timed("text that is nowhere", newest(text="nowhere to be found"), rounds=1)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--in", dest="folder", help="a folder to keep the log in, and to find it in the next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(given.folder or scratch) / "audit.db"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        start = time.perf_counter()
        write(path, given.rows)
        print(f"{given.rows:,} rows written in {time.perf_counter() - start:.0f} s", flush=True)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "callgate.service.indexer", str(path)], check=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        index = Reader(path).index.path.stat().st_size
        print(
            f"index: {time.perf_counter() - start:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of CPU, "
            f"{used.ru_maxrss / 1024:.0f} MiB, {index / 1e6:.1f} MB beside {path.stat().st_size / 1e6:,.0f} MB"
        )
        searches(path)


if __name__ == "__main__":
    main()
