"""Open, read and replace files that other people can write: never follow a trick, never leave half a file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from callgate.model.errors import FileChangedError, FileRefusedError

NAME_KEPT = 40
"""Characters of a file's name that its temporary neighbour carries: a name has at most 255 bytes."""

SUFFIX = ".callgate"
"""Of the temporary files beside the files that we replace."""


def read_capped(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes. Links are followed; a pipe or device never blocks us.

    Raises:
        FileNotFoundError: there is no such file.
        FileRefusedError: it is not a regular file, is larger than `limit`, or may not be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(errno.ENOENT, "no such file", str(path)) from None
    except OSError as error:
        raise FileRefusedError(str(path), f"cannot be opened ({error.strerror})") from error
    except ValueError as error:  # a NUL byte, or half of a surrogate pair
        raise FileRefusedError(ascii(str(path)), "is no path that a file can have") from error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise FileRefusedError(str(path), f"is a {_kind(found.st_mode)}, not a file")
        if found.st_size > limit:
            raise FileRefusedError(str(path), f"has {found.st_size:,} bytes, over the limit of {limit:,}")
        parts: list[bytes] = []
        left = limit + 1
        while left and (part := os.read(fd, min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
        if not left:
            raise FileRefusedError(str(path), f"grew over the limit of {limit:,} bytes while it was read")
        return b"".join(parts)
    except OSError as error:
        raise FileRefusedError(str(path), f"cannot be read ({error.strerror})") from error
    finally:
        os.close(fd)


def replace_file(
    path: Path, data: bytes, *, mode: int | None = None, expected: bytes | None = None, lasting: bool = True
) -> None:
    """Make `path` hold exactly `data`, or leave it as it was.

    A reader sees the old bytes or the new bytes, never a mix, even after a power cut: the new file is synced before
    the rename and the folder after it. Permissions and owner of an existing regular file are kept; `mode` is for a new
    one (default 0600). `path` itself is replaced: resolve links first where they are to be kept. With `expected`, the
    file must still hold exactly these bytes when the new one is ready to take its place (that leaves a program that
    writes the same file some microseconds to be overwritten in, instead of the milliseconds that a sync takes). A file
    that is not `lasting`, because it can be made anew, is not synced: after a power cut it may hold anything.

    Raises:
        FileChangedError: the file does not hold `expected` any more; nothing was changed.
        OSError: the old bytes stand and no temporary file is left, except when the last sync of the folder fails:
            then the new bytes stand but may not outlive a power cut.
    """
    before = _regular(path)
    fd, name = tempfile.mkstemp(prefix=f".{path.name[:NAME_KEPT]}.", suffix=SUFFIX, dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            if before is not None:
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            else:
                os.fchmod(file.fileno(), 0o600 if mode is None else mode)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        if expected is not None and not _holds(path, expected):
            raise FileChangedError(str(path), "was changed by another program just now", "try again")
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    if lasting:
        sync_folder(path.parent)


def _regular(path: Path) -> os.stat_result | None:
    """The regular file at this path; the rights of a link are 0777 and mean nothing."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Remove what a process that was killed inside `replace_file` left in `folder`: of the file `name`, or of all.

    Only for a caller that knows that nobody is replacing these files now. What cannot be removed stays.
    """
    start = f".{name[:NAME_KEPT]}." if name else "."
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        for item in found:
            if item.name.startswith(start) and item.name.endswith(SUFFIX) and item.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    Path(item.path).unlink()


def _holds(path: Path, expected: bytes) -> bool:
    try:
        return read_capped(path, len(expected)) == expected
    except (FileNotFoundError, FileRefusedError):
        return False


def identity(path: Path) -> tuple[int, int] | None:
    """What tells the file at `path` (a link itself, not what it leads to) from every other one; None if there is none
    to be seen.
    """
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def sync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` survive a power cut. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold an exclusive lock on `path` (made if needed) while the block runs; yields the open descriptor.

    Raises BlockingIOError at once if another process holds it.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield fd
    finally:
        os.close(fd)


def _kind(mode: int) -> str:
    for test, name in (
        (stat.S_ISDIR, "folder"),
        (stat.S_ISFIFO, "pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "device"),
        (stat.S_ISBLK, "device"),
    ):
        if test(mode):
            return name
    return "special file"
