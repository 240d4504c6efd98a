"""What integrity costs: tree and checkpoints per row, and the judgement on a large signed log. Run it as it is."""

import argparse
import tempfile
import time
from pathlib import Path

from callgate.audit import checkpoints
from callgate.audit.log import encode, link
from callgate.audit.merkle import Growing, leaf, root_of
from callgate.audit.note import PLAIN, Checkpoint, Key, Note, Signer
from callgate.audit.signed import Sealed
from callgate.audit.store import Writer
from callgate.audit.verdict import Trust, judge
from callgate.model.event import Event
from callgate.settings import Durability
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

EVERY = 1000
KEY = Ed25519PrivateKey.generate()


def event(n: int) -> Event:
    """A row of some 400 bytes, as the gate writes it."""
    return Event(
        "call.asked", time.time_ns(), uid=f"{n:016x}-1", session="c0ffee-4242-1795300000", agent="claude-code",
        server="npm:@modelcontextprotocol/server-everything@2026.7.4", entry="everything", tool="echo", effect="allow",
        rule="servers.everything", reason="the tool is on the allowlist", mode="observe", detail={"bytes": 240},
    )  # fmt: skip


def each(rows: int) -> None:
    """Microseconds of CPU that chain, tree and a thousandth of a checkpoint add to a row."""
    bodies = [encode(event(n), n).encode() for n in range(rows)]
    start = time.process_time()
    previous = bytes(32)
    for body in bodies:
        previous = link(previous, body)
    chain = time.process_time() - start
    growing = Growing()
    start = time.process_time()
    for _ in range(rows):
        growing.add(leaf(previous))
        tuple(growing.frontier)  # what a commit keeps
    tree = time.process_time() - start
    signer = Signer("callgate/bench/0123456789abcdef", KEY)
    start = time.process_time()
    for _ in range(200):
        signer.sign(Checkpoint(signer.name, rows, growing.root()).text)
    signing = (time.process_time() - start) / 200
    print(
        f"us a row: chain {chain / rows * 1e6:.2f}, tree {tree / rows * 1e6:.2f}, "
        f"signing {signing * 1e6 / EVERY:.3f} ({signing * 1e6:.0f} us per {EVERY:,} rows, on another thread)"
    )


def whole(path: Path, rows: int) -> None:
    """A signed log of that many rows, judged as a whole and since a checkpoint."""
    writer = Writer.open(path, Durability.COMMIT)
    signer, kept, start = Signer(writer.origin, KEY), "", time.perf_counter()
    for n in range(1, rows + 1):
        writer.append(event(n))
        if n % EVERY == 0:
            writer.commit()
            (size, last), frontier = writer.durable
            checkpoint = Checkpoint(writer.origin, size, root_of(frontier))
            note = Note(checkpoint.text, (signer.sign(checkpoint.text),))
            checkpoints.append(path, checkpoints.stated(Sealed(note, checkpoint, frontier, last)))
            kept = str(note) if n * 10 <= rows * 9 else kept
    writer.close()
    print(f"{rows:,} rows written in {time.perf_counter() - start:.1f} s, {path.stat().st_size / 1e6:,.0f} MB")
    trust = Trust((Key("", PLAIN, KEY.public_key().public_bytes_raw()),))
    for name, since in (("verify", ""), ("verify --from nine tenths", kept)):
        start, used = time.perf_counter(), time.process_time()
        found = judge(path, trust, since)
        took, used = time.perf_counter() - start, time.process_time() - used
        signed = found["signed"]
        print(f"{name:26} {took:6.1f} s, {used:6.1f} s of CPU: ok {found['ok']}, signed up to {signed['rows']:,}")
    start = time.perf_counter()
    Writer.open(path, Durability.COMMIT).close()
    print(f"open without checkpoints   {time.perf_counter() - start:6.2f} s")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the large log")
    parser.add_argument("--in", dest="folder", help="a folder on the disk to measure (default: the temporary one)")
    given = parser.parse_args()
    each(100_000)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        Path(folder).chmod(0o700)
        whole(Path(folder) / "audit.db", given.rows)


if __name__ == "__main__":
    main()
