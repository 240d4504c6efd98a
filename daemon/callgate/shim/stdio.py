"""The stdio shim's entry: `--launcher AGENT --entry NAME -- COMMAND ARGUMENTS`.

Leaves with the server's exit code, or dies of the signal that killed it.
"""

from __future__ import annotations

import posix
import sys

from callgate.shim.conf import load
from callgate.shim.process import die_of
from callgate.shim.session import Session, complain

USAGE = 2
"""Exit code when we were started wrongly, or cannot know our settings."""
HEAP_SLACK = 1024 * 1024
"""Bytes: glibc keeps freed memory up to twice the largest block that was ever freed, and gives back the rest at once.
Freeing one block of this size early saves 250 page faults, about 0.8 ms, for each result of 1 MB."""


def main() -> int:
    """Run the shim of this process's command line and return its exit code."""
    bytes(HEAP_SLACK)
    try:
        launcher, entry, argv = arguments(sys.argv[1:])
        own_descriptors()
        conf = __file__.rsplit("/", 4)[0] + "/shim.conf"
        session = Session(lambda: load(conf), launcher, entry, argv)
    except (OSError, ValueError) as error:
        complain(f"the shim cannot start: {error}; run `callgate up`")
        return USAGE
    code = session.run()
    if code < 0:
        die_of(-code)
        return 128 - code
    return code


def own_descriptors() -> None:
    """Fill in what the agent left closed of 0, 1 and 2: else our own pipes would get these numbers."""
    while (fd := posix.open("/dev/null", posix.O_RDWR)) <= 2:
        posix.set_inheritable(fd, True)
    posix.close(fd)


def arguments(args: list[str]) -> tuple[str, str, list[str]]:
    """Launcher, entry and the server's command line. Raises ValueError."""
    if len(args) < 6 or (args[0], args[2], args[4]) != ("--launcher", "--entry", "--"):
        raise ValueError("expected --launcher AGENT --entry NAME -- COMMAND ...")
    return args[1], args[3], args[5:]
