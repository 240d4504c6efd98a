"""Take in what shims spooled while the daemon was away: each line once, whatever crashes in between.

The rows of a file and a `spool.taken` row, which says how many bytes of it they cover, are one transaction; only then
is the file removed, under the lock that its shim takes for each line.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from callgate.model.event import Event

log = logging.getLogger(__name__)

FILE_MAX = 64 * 1024 * 1024
"""Bytes of one spool file that are taken in; more than a shim writes in a day of refused calls."""
TAKEN = "spool.taken"

Record = Callable[[list[Event]], bool]
"""Makes these events durable, all or none; True if that worked."""


def take_in(folder: Path, taken: dict[str, dict[str, Any]], record: Record, now: Callable[[], int]) -> int:
    """Take in all spool files of `folder`; the number of lines that became rows.

    `taken` holds the details of earlier `spool.taken` rows by file name, for files that outlived a crash.
    """
    count = 0
    for path in sorted(folder.glob("*.jsonl")):
        try:
            count += _take_file(path, taken.get(path.name), record, now)
        except OSError as error:
            log.error("spool file %s cannot be taken in: %s", path, error)
    return count


def _take_file(path: Path, before: dict[str, Any] | None, record: Record, now: Callable[[], int]) -> int:
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            raise OSError(f"{path} is not a file of ours")
        fcntl.flock(fd, fcntl.LOCK_EX)
        with os.fdopen(os.dup(fd), "rb") as file:
            data = file.read(FILE_MAX)
        start = _covered(data, before)
        events = list(_events(data[start:], path.name))
        detail = {
            "file": path.name,
            "bytes": len(data),
            "digest": hashlib.sha256(data).hexdigest(),
            "lines": len(events),
        }
        if start < len(data) and not record([*events, Event(TAKEN, now(), detail=detail)]):
            return 0  # the log cannot be written now; the file stays for the next time
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return len(events)
    finally:
        os.close(fd)


def _covered(data: bytes, before: dict[str, Any] | None) -> int:
    """How many bytes of the file are rows already, because we crashed before we could remove it."""
    size = before.get("bytes") if before else None
    if type(size) is not int or size > len(data) or before is None:
        return 0
    return size if hashlib.sha256(data[:size]).hexdigest() == before.get("digest") else 0


def _events(data: bytes, name: str) -> Iterator[Event]:
    who: dict[str, Any] = {}
    for number, line in enumerate(data.splitlines()):
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            yield Event("spool.unreadable", 0, detail={"file": name, "line": number, "text": repr(line[:200])})
        elif "argv" in said:
            who = said
        else:
            yield _event(said, who)


def _event(said: dict[str, Any], who: dict[str, Any]) -> Event:
    def text(holder: dict[str, Any], field: str) -> str:
        value = holder.get(field)
        return value[:4096] if isinstance(value, str) else ""

    at = said.get("t")
    detail = {key: value for key, value in said.items() if key not in ("t", "call", "tool", "effect", "reason", "mode")}
    detail |= {"spooled": True, "argv": who.get("argv"), "shim": text(who, "uid")}
    return Event(
        kind="call.asked" if said.get("call") else "server.launched",
        time=at if type(at) is int and 0 <= at < 2**63 else 0,
        uid=text(said, "call") or text(who, "uid"),
        agent=text(who, "launcher"),
        entry=text(who, "entry"),
        tool=text(said, "tool"),
        effect=text(said, "effect"),
        rule="doubt",
        reason=text(said, "reason"),
        mode=text(said, "mode"),
        detail=detail,
    )
