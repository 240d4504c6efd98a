"""What the audit log costs: appending, reading, verifying, retention, redaction. Run it as it is; see --help."""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from callgate.audit.payload import Kept, keep
from callgate.audit.store import Filter, Reader, Writer
from callgate.model.event import Event
from callgate.settings import Durability, Payload

KEY = b"k" * 32
SMALL = {"path": "/home/u/project/src/main.py", "start": 1, "end": 200, "recursive": True, "note": "see the readme"}
LARGE = {"path": "/home/u/notes.txt", "text": "lorem ipsum dolor sit amet " * 380}
CODE = {"path": "/home/u/settings.py", "text": (Path(__file__).read_text() * 4)[:10_000]}


def event(n: int) -> Event:
    """A row of some 400 bytes, as the gate writes it."""
    return Event(
        "call.asked", time.time_ns(), uid=os.urandom(8).hex() + f"-{n}", session="c0ffee-4242-1795300000",
        agent="claude-code",
        server="npm:@modelcontextprotocol/server-everything@2026.7.4", entry="everything", tool="echo", effect="allow",
        rule="servers.everything", reason="the tool is on the allowlist", mode="observe", detail={"bytes": 240},
    )  # fmt: skip


def shares(times: list[float], unit: float = 1e6) -> str:
    """p50, p95, p99 and the largest, in that unit of a second."""
    times.sort()
    points = [times[int(len(times) * share)] for share in (0.5, 0.95, 0.99)] + [times[-1]]
    return "  ".join(
        f"{name} {value * unit:,.1f}" for name, value in zip(("p50", "p95", "p99", "max"), points, strict=True)
    )


def appending(folder: Path, rows: int) -> None:
    """Batches of one and of sixteen, in both durabilities, without and with a payload of 100 bytes."""
    for durability in Durability:
        for batch in (1, 16):
            for kept in (None, keep(SMALL, Payload.REDACTED, 16384, KEY)):
                times, path = [], folder / f"{durability}-{batch}-{kept is None}.db"
                writer = Writer.open(path, durability)
                count = rows if durability is Durability.COMMIT else rows // 10
                for n in range(count // batch):
                    events = [event(n) for _ in range(batch)]
                    start = time.perf_counter()
                    for one in events:
                        writer.append(one, kept)
                    writer.commit()
                    times.append(time.perf_counter() - start)
                    if n % 500 == 499:
                        writer.tidy()  # as the gate does in idle moments
                writer.close()
                print(f"{durability:6} batch {batch:2} {'' if kept is None else '+ payload':9} us  {shares(times)}")


def reading(folder: Path, rows: int) -> None:
    """A log of that many rows: verify, searches, retention."""
    path = folder / "large.db"
    writer = Writer.open(path, Durability.COMMIT)
    kept = Kept("d" * 64, 100, '{"path":"/home/u/project/src/main.py"}', salt=b"s" * 16)
    for n in range(rows):
        writer.append(event(n), kept if n % 2 else None)
        if n % 500 == 499:
            writer.commit()
    writer.commit()
    reader = Reader(path)
    print(f"{rows:,} rows, {path.stat().st_size / rows:.0f} bytes a row")

    def timed(name: str, work: Callable[[], object]) -> None:
        start, used = time.perf_counter(), time.process_time()
        work()
        took, used = time.perf_counter() - start, time.process_time() - used
        print(f"{name:34} {took * 1e3:10,.1f} ms, {used * 1e3:10,.1f} ms of CPU")

    list(reader.recent("x"))  # loads sqlite-utils
    timed("verify", lambda: print(reader.verify().ok, end=" "))
    timed("newest 100", lambda: list(reader.rows(Filter(limit=100, newest_first=True))))
    timed("100 rows of a tool", lambda: list(reader.rows(Filter(tool="echo", limit=100, newest_first=True))))
    timed("a tool that never was called", lambda: list(reader.rows(Filter(tool="never"))))
    timed("text that is nowhere", lambda: list(reader.rows(Filter(text="nowhere to be found"))))
    timed("an unknown uid", lambda: reader.get("nobody"))
    timed("since a second ago", lambda: list(reader.rows(Filter(since=time.time_ns() - 10**9, limit=100))))
    timed("counts", reader.counts)
    timed("counts again", reader.counts)
    times, gone = [], 1
    while gone and len(times) < 100:
        start = time.process_time()
        gone = writer.cut(time.time_ns() - 1, time.time_ns())
        times.append(time.process_time() - start)
        writer.tidy()
    print(f"retention, a slice   ms of CPU  {shares(times, 1e3)}")
    writer.close()


def redacting() -> None:
    """All of what the gate does with a call's arguments before their row is staged."""
    for name, arguments in (("100 B", SMALL), ("10 KB of text", LARGE), ("10 KB of code", CODE)):
        for policy in (Payload.DIGEST, Payload.REDACTED, Payload.FULL):
            times = []
            for _ in range(2000):
                start = time.process_time()
                keep(arguments, policy, 16384, KEY)
                times.append(time.process_time() - start)
            print(f"keep {policy:8} {name:14} {len(json.dumps(arguments)):6} B  us of CPU  {shares(times)}")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the large log")
    parser.add_argument("--in", dest="folder", help="a folder on the disk to measure (default: the temporary one)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        appending(Path(folder), 10_000)
        reading(Path(folder), given.rows)
    redacting()


if __name__ == "__main__":
    main()
