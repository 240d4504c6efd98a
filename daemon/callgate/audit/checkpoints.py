"""The append-only file of signed checkpoints beside the log: one JSON object a line, synced before it counts."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from callgate.audit.note import Checkpoint, Key, Note
from callgate.audit.opening import CHECKPOINTS
from callgate.audit.signed import Book, Sealed
from callgate.model.errors import AuditError
from callgate.system.files import sync_folder

LINE_MAX = 64 * 1024
"""Bytes of one line; ours have some 1,500."""
FILE_MAX = 1 << 30
"""Bytes that are read: some 700,000 checkpoints, which is many decades of them."""
FAULTS_MAX = 20


def beside(log: Path) -> Path:
    """The file for the log at `log`."""
    return log.with_name(log.name + CHECKPOINTS)


def read(log: Path) -> Book:
    """What is there for the log at `log`; an empty book if nothing is. What makes no sense is among its faults, except
    a last line that is not whole, which a crash leaves. Raises AuditError if it cannot be read."""
    keys: list[Key] = []
    rotations: list[Note] = []
    sealed: list[Sealed] = []
    faults: list[str] = []
    cosigned: dict[int, tuple[str, ...]] = {}
    for number, line in _lines(beside(log)):
        try:
            said = json.loads(line)
            if "checkpoint" in said:
                sealed.append(_sealed(said))
            elif "cosigned" in said:
                size = int(said["cosigned"])
                cosigned[size] = cosigned.get(size, ()) + Note.parse("\n\n" + said["lines"]).lines
            elif "rotation" in said:
                rotations.append(Note.parse(said["rotation"]))
            else:
                keys.append(Key.parse(said["key"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if len(faults) < FAULTS_MAX:
                faults.append(f"line {number} of the checkpoints was edited or is damaged ({error})")
    return Book(tuple(keys), tuple(rotations), tuple(sealed), cosigned, tuple(faults))


def append(log: Path, said: Mapping[str, object]) -> None:
    """Add one object, durably; the part of a line that a crash left is removed. Raises AuditError."""
    path = beside(log)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(fd).st_size
            end = os.pread(fd, LINE_MAX, max(0, size - LINE_MAX))
            if torn := len(end) - (end.rfind(b"\n") + 1):
                os.ftruncate(fd, size - torn)
            data = json.dumps(said, separators=(",", ":")).encode() + b"\n"
            if os.write(fd, data) != len(data):
                raise OSError(28, "no space left on device")
            os.fsync(fd)
        finally:
            os.close(fd)
        if not size:
            sync_folder(path.parent)
    except OSError as error:
        raise AuditError(str(path), f"cannot be written ({error.strerror})", "check its disk and rights") from error


def stated(one: Sealed) -> dict[str, Any]:
    """A checkpoint as the file holds it."""
    frontier = [base64.b64encode(node).decode() for node in one.frontier]
    return {"checkpoint": str(one.note), "frontier": frontier, "last": one.last.hex()}


def _sealed(said: Mapping[str, Any]) -> Sealed:
    note = Note.parse(said["checkpoint"])
    frontier = tuple(base64.b64decode(node, validate=True) for node in said["frontier"])
    return Sealed(note, Checkpoint.parse(note.text), frontier, bytes.fromhex(said["last"]))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Whole lines with their numbers."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    except OSError as error:
        raise AuditError(str(path), f"cannot be read ({error.strerror})", "check its rights") from error
    with os.fdopen(fd, "rb") as file:
        read = number = 0
        try:
            while (line := file.readline(LINE_MAX)) and read < FILE_MAX:
                read, number = read + len(line), number + 1
                if line.endswith(b"\n"):
                    if line != b"\n":
                        yield number, line
                elif len(line) == LINE_MAX:
                    yield number, line  # it makes no sense, and says so
        except OSError as error:
            raise AuditError(str(path), f"cannot be read ({error.strerror})", "check its disk") from error
