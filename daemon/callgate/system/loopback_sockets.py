"""Who listens on this machine's own addresses, and who is connected there, as the kernel says."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

TABLE_MAX = 4 * 1024 * 1024
"""Bytes read of one table of sockets: some thirty thousand of them."""
FDS_MAX = 4096
"""Open files of one process that are looked through."""
_LISTEN, _ESTABLISHED = "0A", "01"
_LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


@dataclass(frozen=True, slots=True)
class Link:
    """A process that is connected to a port on which another one listens."""

    client: int
    server: int
    port: int


def links(clients: Iterable[int], servers: Iterable[int]) -> list[Link]:
    """The loopback TCP connections from processes of `clients` to listening processes of `servers`."""
    if sys.platform != "linux":
        return _by_psutil(set(clients), set(servers))
    listening, connected = _tables()
    wanted = {port for port in connected.values() if port in listening.values()}
    if not wanted:
        return []
    listening = {inode: port for inode, port in listening.items() if port in wanted}
    holders: dict[int, int] = {}
    for pid in servers:
        for inode in sockets_of(pid):
            if inode in listening:
                holders.setdefault(listening[inode], pid)
    if not holders:
        return []
    found = {
        Link(pid, holders[port], port)
        for pid in clients
        for inode in sockets_of(pid)
        if (port := connected.get(inode)) in holders and port is not None and holders[port] != pid
    }
    return sorted(found, key=lambda link: (link.port, link.client))


def sockets_of(pid: int) -> set[int]:
    """The inodes of the sockets that a process holds."""
    return {int(name[8:-1]) for name in files_of(pid).values() if name.startswith("socket:[")}


def files_of(pid: int, numbers: Iterable[int] | None = None) -> dict[int, str]:
    """The open files of a process (those with these numbers) by number, as the kernel names them: `pipe:[17]`,
    `/dev/null`. Empty where they are not ours to see.
    """
    found: dict[int, str] = {}
    with contextlib.suppress(OSError):
        wanted = os.listdir(f"/proc/{pid}/fd") if numbers is None else map(str, numbers)  # noqa: PTH208
        for number in list(wanted)[:FDS_MAX]:
            with contextlib.suppress(OSError):
                found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")  # noqa: PTH115
    return found


def _tables() -> tuple[dict[int, int], dict[int, int]]:
    """Inode -> port, of what listens; inode -> port at the other end, of what is connected to a loopback address."""
    listening: dict[int, int] = {}
    connected: dict[int, int] = {}
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/net/{name}", encoding="ascii") as file:  # noqa: PTH123
                lines = file.read(TABLE_MAX).splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if len(fields) < 10:
                continue
            if fields[3] == _LISTEN:
                listening[int(fields[9])] = int(fields[1].rpartition(":")[2], 16)
            elif fields[3] == _ESTABLISHED and fields[2].partition(":")[0] in _LOOPBACK:
                connected[int(fields[9])] = int(fields[2].rpartition(":")[2], 16)
    return listening, connected


def _by_psutil(clients: set[int], servers: set[int]) -> list[Link]:
    listening: dict[int, int] = {}
    found: set[tuple[int, int]] = set()
    for pid in clients | servers:
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(pid).net_connections(kind="tcp"):
                if one.status == psutil.CONN_LISTEN and pid in servers:
                    listening.setdefault(one.laddr[1], pid)
                elif one.status == psutil.CONN_ESTABLISHED and pid in clients and one.raddr[0] in ("127.0.0.1", "::1"):
                    found.add((pid, one.raddr[1]))
    return sorted(
        (Link(pid, listening[port], port) for pid, port in found if port in listening and listening[port] != pid),
        key=lambda link: (link.port, link.client),
    )
