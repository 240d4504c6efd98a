"""How long single calls wait for the gate while the write-ahead log fills and is moved. Run it as it is; see --help."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench_store import shares

sys.path.insert(0, str(Path(__file__).parents[1] / "fakes"))

from gate_site import Site

PACES = (("back to back", 0.0), ("5 ms between", 0.005), ("30 ms between", 0.03))


def paced(folder: Path, calls: int, pause: float) -> list[float]:
    """Seconds that each of so many calls waited for its answer."""
    folder.mkdir()
    site, waited = Site(folder), []
    site.open()
    with site.client() as client:
        client.greet()
        for _ in range(calls):
            start = time.perf_counter()
            client.ask(arguments={"path": "/home/u/notes.txt"})
            waited.append(time.perf_counter() - start)
            time.sleep(pause)
    site.close()
    return waited


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000, help="calls of each pace; the slow one gets a fifth")
    parser.add_argument("--in", dest="folder", help="a folder on the disk to measure (default: the temporary one)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for number, (name, pause) in enumerate(PACES):
            waited = paced(Path(folder) / str(number), given.calls // (5 if pause > 0.01 else 1), pause)
            slow = sum(one > 0.005 for one in waited)
            print(f"{name:14} ms  {shares(waited, 1e3)}  over 5 ms: {slow} of {len(waited):,}")


if __name__ == "__main__":
    main()
