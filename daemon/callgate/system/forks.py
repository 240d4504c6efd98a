"""The kernel's own news of who forks, starts a program and ends (Linux: the proc connector, linux/cn_proc.h)."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass
from enum import Enum

BUFFER = 4 * 1024 * 1024
"""Bytes that the kernel may hold for us: some twenty thousand pieces of news."""
NEWS_MAX = 20_000
"""Pieces of news in one reading; what is left comes with the next."""
ANSWER_TIME = 1.0
"""Seconds for the kernel to say that it will tell us."""

_NETLINK_CONNECTOR = 11
_CN_IDX_PROC = 1
_LISTEN, _IGNORE = 1, 2
_NLMSG_DONE = 3
_HEAD = struct.Struct("=IHHIIIIIIHH")  # nlmsghdr, cn_msg
_EVENT = struct.Struct("=IIQIIII")  # what, cpu, time, then the first four words of what happened
_NONE, _FORK, _EXEC, _EXIT = 0, 1, 2, 0x80000000
_SO_RCVBUFFORCE = 33
_SO_ATTACH_FILTER = 26
_WHAT, _FORKED, _EXITED = 36, (60, 64), (52, 56)
"""Where a message says what happened; and pid and thread group of who was forked, of who ended."""
_LOAD, _TO_X, _EQUAL, _EQUAL_X, _GO, _RETURN = 0x20, 0x07, 0x15, 0x1D, 0x05, 0x06
"""Operations of the kernel's socket filter (linux/bpf_common.h)."""


class What(Enum):
    """What a process did."""

    FORK = 1
    EXEC = 2
    EXIT = 3


@dataclass(frozen=True, slots=True)
class News:
    """One thing that a process (never a thread) did."""

    what: What
    pid: int
    parent: int = 0
    """Of a fork: the process that forked, whoever becomes the parent later."""


class Forks:
    """Tells what processes do. For one thread. `close` it."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened

    @classmethod
    def open(cls) -> Forks | str:
        """Begin to listen; or why that cannot be."""
        if sys.platform != "linux":
            return "this system has no proc connector"
        try:
            opened = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_CONNECTOR)
        except OSError as error:
            return f"the kernel has no proc connector ({error.strerror})"
        try:
            with contextlib.suppress(OSError):
                opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
            _without_threads(opened)
            opened.bind((0, _CN_IDX_PROC))
            made = cls(opened)
            made._ask(_LISTEN)
            if made._is_told():
                opened.setblocking(False)
                return made
        except OSError as error:
            opened.close()
            return f"the proc connector needs the right CAP_NET_ADMIN ({error.strerror})"
        opened.close()
        return "the proc connector does not answer (in a container it never does)"

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def read(self) -> tuple[list[News], bool]:
        """What happened since the last reading, in order; and whether the kernel had to leave something out."""
        found: list[News] = []
        lost = False
        while len(found) < NEWS_MAX:
            try:
                data, sender = self._socket.recvfrom(4096)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                lost = True
                continue
            if sender[0] == 0 and (news := _news(data)):  # from the kernel, not from another program
                found.append(news)
        return found, lost

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):
            self._ask(_IGNORE)
        self._socket.close()

    def _ask(self, wish: int) -> None:
        size = _HEAD.size + 4
        head = _HEAD.pack(size, _NLMSG_DONE, 0, 0, os.getpid(), _CN_IDX_PROC, 1, 0, 0, 4, 0)
        self._socket.send(head + struct.pack("=I", wish))

    def _is_told(self) -> bool:
        """Does the kernel say that it will tell us? Other news may come before it."""
        until = time.monotonic() + ANSWER_TIME
        while (left := until - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                return False
            data, sender = self._socket.recvfrom(4096)
            if sender[0] == 0 and len(data) >= _HEAD.size + 20:
                what, _, _, code, *_ = _EVENT.unpack_from(data.ljust(_HEAD.size + _EVENT.size, b"\0"), _HEAD.size)
                if what == _NONE:
                    return bool(code == 0)
        return False


def _without_threads(opened: socket.socket) -> None:
    """Have the kernel leave out what is of threads, or not asked about: it would wake us ten times as often."""

    def word(number: int) -> int:
        return socket.htonl(number)  # the filter reads big-endian what the kernel wrote in its own order

    program = (
        (_LOAD, 0, 0, _WHAT),
        (_EQUAL, 12, 0, word(_EXEC)),
        (_EQUAL, 11, 0, word(_NONE)),
        (_EQUAL, 5, 0, word(_EXIT)),
        (_EQUAL, 0, 8, word(_FORK)),
        (_LOAD, 0, 0, _FORKED[0]),
        (_TO_X, 0, 0, 0),
        (_LOAD, 0, 0, _FORKED[1]),
        (_GO, 0, 0, 3),
        (_LOAD, 0, 0, _EXITED[0]),
        (_TO_X, 0, 0, 0),
        (_LOAD, 0, 0, _EXITED[1]),
        (_EQUAL_X, 1, 0, 0),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, 0xFFFFFFFF),
    )
    code = b"".join(struct.pack("=HBBI", *step) for step in program)
    held = ctypes.create_string_buffer(code, len(code))
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(held)))


def _news(data: bytes) -> News | None:
    """What one message says; None for threads and for what we do not ask about."""
    if len(data) < _HEAD.size + _EVENT.size:
        return None
    what, _, _, one, two, three, four = _EVENT.unpack_from(data, _HEAD.size)
    if what == _FORK:
        return News(What.FORK, four, two) if three == four else None
    if what == _EXEC:
        return News(What.EXEC, two)
    if what == _EXIT:
        return News(What.EXIT, two) if one == two else None
    return None
