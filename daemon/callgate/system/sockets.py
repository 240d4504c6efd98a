"""Unix sockets: listen at a path that is ours alone, connect, and know who is at the other end."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from callgate.model.errors import CallgateError
from callgate.system.paths import SOCKET_PATH_MAX

BACKLOG = 256
"""Connections that may wait to be accepted: a hundred shims may start at once."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a unix socket, as the kernel says. `pid` is 0 where it does not tell."""

    uid: int
    pid: int


def listen(path: Path) -> socket.socket:
    """A non-blocking listening socket at `path` (0600) that replaces a stale one.

    The caller holds the daemon's lock, so whatever socket of ours stands there belongs to nobody alive.
    Raises CallgateError if the path is too long, is not a socket, or belongs to someone else.
    """
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        raise CallgateError(str(path), "is too long for a socket", "set CALLGATE_HOME to a shorter path")
    try:
        found = path.lstat()
    except FileNotFoundError:
        pass
    else:
        if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.getuid():
            raise CallgateError(str(path), "is in the way and is not a socket of yours", "move it away")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CallgateError(str(path), f"cannot listen there ({error.strerror})", "check the folder") from error
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener


def peer(connection: socket.socket) -> Peer:
    """Who connected. Raises OSError if the kernel does not say."""
    if sys.platform == "linux":
        pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return Peer(uid, pid)
    credentials = connection.getsockopt(0, 1, 76)  # SOL_LOCAL, LOCAL_PEERCRED: struct xucred (macOS, sys/un.h)
    (uid,) = struct.unpack_from("I", credentials, 4)
    pid = struct.unpack("i", connection.getsockopt(0, 2, 4))[0]  # LOCAL_PEERPID
    return Peer(uid, pid)


def remove(path: Path) -> None:
    """Take our socket away, if it is still there."""
    with contextlib.suppress(OSError):
        path.unlink()
