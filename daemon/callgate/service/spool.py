"""Take in what shims spooled while the daemon was away: each line once, whatever crashes in between.

A file is taken in by slices. The rows of a slice and a `spool.taken` row, which says how many bytes of the file are
covered by now, are one transaction; only when all is covered is the file removed, under the lock that its shim takes
for each line.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from callgate.audit.argv import redact_argv
from callgate.model.call import Effect, Mode
from callgate.model.event import Event
from callgate.system.files import replace_file
from callgate.wrap.report import Did

log = logging.getLogger(__name__)

SLICE = 128 * 1024
"""Bytes that become rows in one transaction: some hundred rows, for which a call waits some 10 ms."""
LINE_MAX = 4 * 1024 * 1024
"""Bytes of one line; a shim's are smaller, and what follows counts as a line of its own."""
FILE_MAX = 256 * 1024 * 1024
"""Bytes of one spool file; a shim needs days of refused calls for that. A larger one is left alone, and told."""
ARGV_MAX = 1024
"""Words kept of a command line."""
LOCK_WAIT = 1.0
"""Seconds for a shim to finish its line. Who holds the lock for longer is no shim."""
TAKEN = "spool.taken"
DONE = frozenset(f"entry.{did}" for did in Did if did is not Did.LEFT)
"""What commands do to entries while no daemon runs, and leave here for it."""

Record = Callable[[list[Event]], bool]
"""Makes these events durable, all or none; True if that worked."""
Json = dict[str, Any]


class Intake:
    """Takes in the spool files of one folder.

    `taken` holds the details of earlier `spool.taken` rows by file name, for files that outlived a crash; `key` is
    this machine's key for redaction marks.
    """

    def __init__(
        self, folder: Path, taken: dict[str, Json], record: Record, now: Callable[[], int], key: bytes
    ) -> None:
        self._folder = folder
        self._taken = taken
        self._record = record
        self._now = now
        self._key = key
        self._told: set[str] = set()

    def run(self, seconds: float) -> int:
        """Take in what is there, for about so many seconds: the number of lines that became rows. What is left is
        taken in by the next run.
        """
        until = time.monotonic() + seconds
        count = 0
        for path in sorted(self._folder.glob("*.jsonl")):
            try:
                count += self._file(path, until)
            except OSError as error:
                if path.name not in self._told:
                    self._told.add(path.name)
                    log.error("spool file %r cannot be taken in: %s", path.name, error)
            if time.monotonic() > until:
                break
        return count

    def _file(self, path: Path, until: float) -> int:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_nlink != 1:
                raise OSError("it is not a file of ours alone")
            if found.st_size > FILE_MAX:
                raise OSError(f"it has {found.st_size:,} bytes, over the limit of {FILE_MAX:,}")
            _lock(fd)
            reading = _Reading(file, path.name, self._key)
            reading.skip(self._taken.get(path.name))
            count = 0
            while events := reading.slice():
                detail = {"file": path.name, "bytes": reading.at, "digest": reading.digest, "lines": reading.lines}
                if not self._record([*events, Event(TAKEN, self._now(), detail=detail)]):
                    return count  # the log cannot be written now; the rest stays for the next time
                self._taken[path.name] = detail
                count += reading.lines
                if time.monotonic() > until:
                    return count
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            self._taken.pop(path.name, None)
            return count


@dataclass(slots=True)
class _Reading:
    """One pass over one file."""

    file: BinaryIO
    name: str
    key: bytes
    at: int = 0
    """Bytes read so far."""
    lines: int = 0
    """Lines of the last slice."""
    _sum: Any = field(default_factory=hashlib.sha256)
    _who: Json = field(default_factory=dict)
    """The latest line that says whose decisions follow."""

    @property
    def digest(self) -> str:
        """Of all that was read so far."""
        return str(self._sum.copy().hexdigest())

    def skip(self, before: Json | None) -> None:
        """Go to the first byte that is no row yet, if the file begins with what `before` covers."""
        first = _parsed(self.file.readline(LINE_MAX))
        self.file.seek(0)
        size = before.get("bytes") if before else None
        if before is None or type(size) is not int or not 0 < size <= FILE_MAX:
            return
        left = size
        while left and (data := self.file.read(min(left, SLICE))):
            self._sum.update(data)
            left -= len(data)
        if not left and self.digest == before.get("digest"):
            self.at = size
            self._who = first if first and "argv" in first else {}
            return
        self._sum = hashlib.sha256()
        self.file.seek(0)

    def slice(self) -> list[Event]:
        """The next slice as events; none at the end of the file."""
        data = self.file.read(SLICE)
        if data and not data.endswith(b"\n"):
            data += self.file.readline(LINE_MAX)
        if not data:
            return []
        self.at += len(data)
        self._sum.update(data)
        return self._events(data)

    def _events(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        unreadable: list[bytes] = []
        for line in data.removesuffix(b"\n").split(b"\n"):
            said = _parsed(line)
            if said is None:
                unreadable.append(line)
            elif "argv" in said:
                self._who = said
            elif _text(said, "done") in DONE:
                events.append(_done(said))
            else:
                events.append(_event(said, self._who, self.key))
        self.lines = len(events)
        if unreadable:
            detail = {"file": self.name, "lines": len(unreadable), "bytes": sum(map(len, unreadable))}
            events.append(Event("spool.unreadable", 0, detail=detail))
        return events or [Event("spool.opened", 0, detail={"file": self.name})]


def _lock(fd: int) -> None:
    """Wait for the lock that a shim holds while it writes a line. Raises BlockingIOError."""
    until = time.monotonic() + LOCK_WAIT
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def _parsed(line: bytes) -> Json | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def leave(folder: Path, events: Sequence[Event]) -> None:
    """Leave what a command did to entries for the daemon's log. Raises OSError if that cannot be written."""
    lines = [
        {"done": one.kind, "t": one.time, "agent": one.agent, "entry": one.entry, "reason": one.reason, **one.detail}
        for one in events
        if one.kind in DONE
    ]
    if lines:
        path = folder / f"command-{os.getpid()}-{time.time_ns()}.jsonl"
        replace_file(path, b"".join(json.dumps(line).encode() + b"\n" for line in lines), mode=0o600)


def _done(said: Json) -> Event:
    detail: Json = {name: _text(said, name) for name in ("file", "before", "after")}
    return Event(
        kind=str(said["done"]),
        time=_time(said),
        agent=_text(said, "agent"),
        entry=_text(said, "entry"),
        reason=_text(said, "reason"),
        detail=detail | {"spooled": True},
    )


def _text(holder: Json, field: str) -> str:
    value = holder.get(field)
    return value[:4096] if isinstance(value, str) else ""


def _time(said: Json) -> int:
    at = said.get("t")
    return at if type(at) is int and 0 <= at < 2**63 else 0


def _event(said: Json, who: Json, key: bytes) -> Event:
    text = _text

    def one_of(field: str, words: list[str]) -> str:
        return word if (word := text(said, field)) in words else ""

    detail = {key: value for key, value in said.items() if key not in ("t", "call", "tool", "effect", "reason", "mode")}
    argv = who.get("argv")
    words = [word for word in argv[:ARGV_MAX] if isinstance(word, str)] if isinstance(argv, list) else []
    detail |= {"spooled": True, "argv": redact_argv(words, key), "shim": text(who, "uid")}
    return Event(
        kind="call.asked" if said.get("call") else "server.launched",
        time=_time(said),
        uid=text(said, "call") or text(who, "uid"),
        agent=text(who, "launcher"),
        entry=text(who, "entry"),
        tool=text(said, "tool"),
        effect=one_of("effect", [effect.word for effect in Effect]),
        rule="doubt",
        reason=text(said, "reason"),
        mode=one_of("mode", list(Mode)),
        detail=detail,
    )
