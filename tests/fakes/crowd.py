"""A gate whose process has no descriptors left: run by test_listener in a process of its own."""

from __future__ import annotations

import json
import resource
import socket
import sys
import time
from pathlib import Path

sys.path[:0] = sys.argv[2:]

from callgate.shim import frames  # noqa: E402
from frame_client import FrameClient, hello  # noqa: E402
from gate_site import Site  # noqa: E402
from until import until  # noqa: E402

LOOK = 1.5
"""Seconds for which the gate is watched."""


def main() -> None:
    """Fill the process up, see that the gate rests, make room, and see that who waited is served."""
    with FrameClient(site.path) as first, socket.socket(socket.AF_UNIX) as waiting:
        assert first.greet().allowed
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # what is open stays open, and nothing comes to it
        waiting.settimeout(10)
        waiting.connect(str(site.path))
        before, end = time.process_time(), time.monotonic() + LOOK
        until(lambda: time.monotonic() > end, "a while")
        busy = time.process_time() - before
        assert busy < LOOK / 2, f"the gate span for {busy:.1f} of {LOOK} s"
        assert first.ask().allowed
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        waiting.sendall(frames.pack(frames.HELLO, 1, json.dumps(hello("00000000000000ff")).encode()))
        assert frames.unpack(bytearray(waiting.recv(1000)))[0][1] == 1
    print("served after the crowd")


site = Site(Path(sys.argv[1]))
site.open()
try:
    main()
finally:
    site.close()
