"""An agent's process for tests: reads one order a line (JSON) and starts what it says, as an agent would.

`{"argv": [...], "stdio": "pipe" | "socket" | "null", "double": bool, "connect": port}`. Each is answered with the pid
or `ok`.
"""

import json
import os
import socket
import subprocess
import sys

kept: list[object] = []


def start(order: dict) -> int:
    stdio = order.get("stdio", "null")
    if stdio == "socket":
        mine, theirs = socket.socketpair()
        kept.append(mine)
        streams = {"stdin": theirs.fileno(), "stdout": theirs.fileno()}
    else:
        each = subprocess.PIPE if stdio == "pipe" else subprocess.DEVNULL
        streams = {"stdin": each, "stdout": each}
    started = subprocess.Popen(
        order["argv"], stderr=subprocess.DEVNULL, start_new_session=bool(order.get("own")), **streams
    )
    kept.append(started)
    return started.pid


def orphan(order: dict) -> str:
    """Double fork and setsid, as a daemon does; the pipes lead to us."""
    into, out = os.pipe(), os.pipe()
    kept.append((into, out))
    if not (first := os.fork()):
        os.setsid()
        if not os.fork():
            os.dup2(into[0], 0)
            os.dup2(out[1], 1)
            os.execvp(order["argv"][0], order["argv"])
        os._exit(0)
    os.waitpid(first, 0)
    return "ok"


def connect(port: int, host: str) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family)
    made.settimeout(10)
    made.connect((host, port))
    kept.append(made)
    return "ok"


for line in sys.stdin:
    said = json.loads(line)
    if "connect" in said:
        answer: object = connect(said["connect"], said.get("host", "127.0.0.1"))
    else:
        answer = orphan(said) if said.get("double") else start(said)
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()
