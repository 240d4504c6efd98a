"""Turn a process into the daemon: its log, its rights, its limits, and the lock that makes it the only one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from callgate.model.errors import CallgateError
from callgate.service.daemon import Daemon
from callgate.service.quiet import Plain, Quiet
from callgate.settings import CONNECTIONS_MAX
from callgate.system.files import locked
from callgate.system.paths import Folders, folders

FILES_WANTED = 2 * CONNECTIONS_MAX
"""Open files that all connections and our own work need; many systems allow 1024 unless asked."""
LOCK_WAIT = 2.0
"""Seconds for whoever only looks whether the lock is free, or for a daemon that is ending."""


def become(home: Path | None) -> None:
    """Turn this process into the daemon. Returns when it has ended; raises CallgateError if it cannot start."""
    logging.basicConfig(level=logging.INFO)
    logging.getLogger().handlers[0].setFormatter(Plain("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().handlers[0].addFilter(Quiet())
    os.umask(0o077)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES_WANTED:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES_WANTED, hard), hard))
    where = folders(os.environ)
    where.make()
    with _lock(where) as fd:
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        asyncio.run(Daemon(where, home).run())


@contextlib.contextmanager
def _lock(where: Folders) -> Iterator[int]:
    """Be the one daemon of these folders. Raises CallgateError if another one is."""
    until = time.monotonic() + LOCK_WAIT
    with contextlib.ExitStack() as stack:
        while True:
            try:
                fd = stack.enter_context(locked(where.pid_file))
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise CallgateError("callgate daemon", "runs already", "`callgate status` shows it") from None
                time.sleep(0.05)
        yield fd
