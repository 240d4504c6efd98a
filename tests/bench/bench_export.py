"""The export's figures: events a second and CPU to a local syslog-TLS receiver, and memory with a backlog.

    python tests/bench/bench_export.py [ROWS] [--receiver rsyslog|drain] [--sink syslog|file]

`drain` reads and drops, in a process of its own, so that the sender alone is measured; `rsyslog` is the real one, which
shares the machine. The log is made first, and is not part of the figures. One event is a call with 100 bytes of detail.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "daemon"), str(ROOT / "tests" / "fakes")]

from authority import Authority  # noqa: E402
from callgate.audit.tail import Tail  # noqa: E402
from callgate.export.place import Book  # noqa: E402
from callgate.export.ship import Shipper  # noqa: E402
from callgate.export.sinks.making import make  # noqa: E402
from callgate.settings_export import SinkSettings, SinkType  # noqa: E402
from exported import ORIGIN, log_of  # noqa: E402

DRAIN = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.load_verify_locations(sys.argv[3])
context.verify_mode = ssl.CERT_REQUIRED
listening = socket.create_server(("127.0.0.1", int(sys.argv[4])))
print("ready", flush=True)
while True:
    raw, _ = listening.accept()
    try:
        with context.wrap_socket(raw, server_side=True) as one:
            while one.recv(65536):
                pass
            one.unwrap()
    except OSError:
        pass
"""


def drain(folder: Path, authority: Authority) -> tuple[subprocess.Popen[str], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pair = authority.issue("siem.example.com")
    command = [sys.executable, "-c", DRAIN, str(pair.cert), str(pair.key), str(authority.ca), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process, f"tls://localhost:{port}"


def rss() -> float:
    """Megabytes now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(shipper: Shipper, rows: int) -> None:
    began, cpu, start, peak = time.perf_counter(), time.process_time(), rss(), 0.0
    marks = []
    while shipper.place.seq < rows:
        pause = shipper.step()
        if shipper.state.problem:
            print("problem:", shipper.state.problem)
        if pause:
            shipper.finish()
        if shipper.place.seq >= (len(marks) + 1) * rows // 10:
            marks.append(rss())
            peak = max(peak, marks[-1])
    took, used = time.perf_counter() - began, time.process_time() - cpu
    print(f"{rows:,} events in {took:.1f} s: {rows / took:,.0f}/s, {used / rows * 1e6:.0f} us of CPU each")
    print(f"at 5,000/s: {5000 * used / rows:.2f} of a core")
    print(f"memory: {start:.1f} MB before, {' '.join(f'{one:.1f}' for one in marks)} at each tenth, peak {peak:.1f}")
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="?", type=int, default=100_000)
    parser.add_argument("--receiver", choices=["rsyslog", "drain"], default="drain")
    parser.add_argument("--sink", choices=["syslog", "file"], default="syslog")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = Authority(folder / "pki")
        pair = authority.issue("machine.example.com")
        log_of(folder / "data" / "audit.db", said.rows, size=100)
        made = {"name": "siem", "type": SinkType(said.sink), "url": str(folder / "out"), "linger": 0.0}
        process = None
        siem = None
        if said.sink == "syslog":
            if said.receiver == "drain":
                process, made["url"] = drain(folder, authority)
            else:
                from rsyslogd import Rsyslogd

                siem = Rsyslogd(folder / "siem", authority)
                siem.start()
                made["url"] = siem.url
            made |= {"ca": str(authority.ca), "cert": str(pair.cert), "key": str(pair.key)}
        settings = SinkSettings(**made)
        tail, book = Tail(folder / "data" / "audit.db"), Book(folder / "data" / "export", "siem")
        shipper = Shipper(settings, tail, book, lambda: make(settings, ORIGIN), ORIGIN, print)
        try:
            measure(shipper, said.rows)
            if siem:
                print(f"{len(siem.events()):,} lines in the receiver's file")
        finally:
            if process:
                process.kill()
                process.wait()
            if siem:
                siem.stop(9)


if __name__ == "__main__":
    main()
