"""What a file holds, as a digest that is not computed twice while the file stays as it is."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from pathlib import Path

FILE_MAX = 1024 * 1024 * 1024
"""Bytes of one file: the largest servers (single-file builds with a runtime inside) have some 300 MB."""
KEPT_MAX = 1024
"""Digests kept; a machine has tens of servers."""
_SETTLED = 2.0
"""Seconds after a change before a digest is kept: within one tick of the file system's clock, a second change would
leave no trace."""

_Key = tuple[int, int, int, int, int]


class Digests:
    """SHA-256 of files, in hex, kept by (device, inode, size, mtime, ctime). Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: dict[_Key, str] = {}
        self._lock = threading.Lock()

    def of(self, path: str) -> str:
        """The digest of a regular file (links are followed). Never blocks on a pipe.

        Raises OSError if there is no such file, it may not be read, is something else, or has more than FILE_MAX bytes.
        """
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb", buffering=0) as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(f"{path} is not a regular file")
            if found.st_size > FILE_MAX:
                raise OSError(f"{path} has {found.st_size:,} bytes, over the limit of {FILE_MAX:,}")
            key = _key(found)
            with self._lock:
                known = self._kept.get(key)
            if known:
                return known
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.fstat(fd)
        if _key(after) != key:
            raise OSError(f"{path} changed while it was read")
        if time.time() - max(after.st_ctime, after.st_mtime) > _SETTLED:
            self._keep(key, digest)
        return digest

    def _keep(self, key: _Key, digest: str) -> None:
        with self._lock:
            while len(self._kept) >= KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = digest


def _key(found: os.stat_result) -> _Key:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def of_words(kind: str, *words: str) -> str:
    """One digest over several texts, none of which can reach into the next; `kind` keeps the uses apart."""
    total = hashlib.sha256(f"callgate {kind}\0".encode())
    for word in words:
        data = os.fsencode(word) if _is_encodable(word) else word.encode("utf-8", "surrogatepass")
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


def _is_encodable(word: str) -> bool:
    try:
        os.fsencode(word)
    except UnicodeEncodeError:
        return False
    return True


def is_file(path: str) -> bool:
    """Is there a regular file at this path? False for everything that cannot be looked at."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
