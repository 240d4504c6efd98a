"""Who is at the other end of a loopback TCP connection, as the kernel says."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections import OrderedDict
from collections.abc import Iterator

import psutil

from callgate.system.sockets import Peer

Address = tuple[str, int]

REMEMBERED = 64
"""Pids that connected lately and are looked at first: an agent opens many connections."""
DIAG_MAX = 8192
"""Bytes of one answer of the kernel about one socket."""

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_ASKED = struct.Struct("=BBBBI2s2s16s16sI8s")  # inet_diag_req_v2 with its inet_diag_sockid
_TOLD_UID_INODE = struct.Struct("=II")
_TOLD_AT = _HEADER.size + 4 + 48 + 4 * 3
"""Where uid and inode stand in the answer: after inet_diag_msg's four bytes, its sockid, expires, rqueue and wqueue."""
_NO_COOKIE = b"\xff" * 8


class TcpPeers:
    """Finds the process behind a connection. May block for some milliseconds; for one thread at a time."""

    def __init__(self) -> None:
        self._lately: OrderedDict[int, None] = OrderedDict()

    def find(self, theirs: Address, ours: Address) -> Peer | None:
        """Who holds the socket bound to `theirs` and connected to `ours`. None if nobody does (any more); pid 0 if the
        process is not ours to see.
        """
        if sys.platform != "linux":
            return _by_psutil(theirs, ours)
        found = _owner(theirs, ours)
        if found is None:
            return None
        uid, inode = found
        return Peer(uid, self._holder(uid, inode) if inode else 0)

    def _holder(self, uid: int, inode: int) -> int:
        """The pid that holds this socket; of several (children inherit it) the oldest ancestor's, which is the least
        likely to be a passer-by.
        """
        wanted = f"socket:[{inode}]"
        for pid in reversed(self._lately):
            if _holds(pid, wanted):
                self._lately.move_to_end(pid)
                return pid
        for pid in sorted(psutil.pids()):
            if _holds(pid, wanted):
                self._lately[pid] = None
                if len(self._lately) > REMEMBERED:
                    self._lately.popitem(last=False)
                return pid
        return 0


def _holds(pid: int, wanted: str) -> bool:
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if os.readlink(entry.path) == wanted:  # noqa: PTH115 - a pathlib object for each of thousands costs more
                        return True
    except OSError:  # it ended, or is not ours
        pass
    return False


def _owner(theirs: Address, ours: Address) -> tuple[int, int] | None:
    """Uid and inode of that socket; asked for by name, so that it costs the same among ten thousand others."""
    with contextlib.suppress(OSError, struct.error):
        return _by_diag(theirs, ours)
    for line in _table():
        fields = line.split()
        if len(fields) > 9 and fields[1] == _hex(theirs) and fields[2] == _hex(ours):
            return int(fields[7]), int(fields[9])
    return None


def _by_diag(theirs: Address, ours: Address) -> tuple[int, int] | None:
    """Ask the kernel's sock_diag (linux/inet_diag.h). Raises OSError where it is not to be had."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as asked:
        asked.settimeout(1.0)
        body = _ASKED.pack(
            socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF,
            struct.pack("!H", theirs[1]), struct.pack("!H", ours[1]),
            socket.inet_aton(theirs[0]), socket.inet_aton(ours[0]), 0, _NO_COOKIE,
        )  # fmt: skip
        asked.send(_HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, 1, 1, 0) + body)
        told = asked.recv(DIAG_MAX)
    _, kind, _, _, _ = _HEADER.unpack_from(told)
    if kind != _SOCK_DIAG_BY_FAMILY:
        (code,) = struct.unpack_from("=i", told, _HEADER.size)
        if code == -2:  # ENOENT: there is no such socket
            return None
        raise OSError(-code, "sock_diag")
    uid, inode = _TOLD_UID_INODE.unpack_from(told, _TOLD_AT)
    return uid, inode


def _table() -> Iterator[str]:
    with open("/proc/net/tcp", encoding="ascii") as lines:  # noqa: PTH123
        yield from lines


def _hex(address: Address) -> str:
    (number,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{number:08X}:{address[1]:04X}"


def _by_psutil(theirs: Address, ours: Address) -> Peer | None:
    """Elsewhere: look at the connections of this user's own processes; others are not ours to see."""
    for one in psutil.process_iter(["pid"]):
        with contextlib.suppress(psutil.Error):
            for found in one.net_connections(kind="tcp4"):
                if found.laddr == theirs and found.raddr == ours:
                    return Peer(int(one.uids().real), one.pid)
    return None
