"""A gate whose process has no descriptors left: run by test_listener in a process of its own."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

sys.path[:0] = sys.argv[2:]

from frame_client import FrameClient  # noqa: E402
from gate_site import Site  # noqa: E402

site = Site(Path(sys.argv[1]))
site.open()
with site.client() as first:
    first.greet()
used = len(list(Path("/proc/self/fd").iterdir()))
crowd = []
resource.setrlimit(resource.RLIMIT_NOFILE, (used + 21, 4096))
try:
    while True:
        crowd.append(FrameClient(site.path))
except OSError:
    pass
before = time.process_time()
resource.setrlimit(resource.RLIMIT_NOFILE, (used + 22, 4096))
waiting = FrameClient(site.path)  # takes the last descriptor here: the gate has none to accept it with
started = time.monotonic()
while time.monotonic() < started + 1.5:
    time.sleep(0.1)
busy = time.process_time() - before
assert busy < 0.5, f"the gate span for {busy:.1f} s"
for one in crowd:
    one.close()
assert waiting.greet("00000000000000ff").allowed
assert waiting.ask().allowed
print("served after the crowd")
waiting.close()
site.close()
