"""Pure: does a git index name a path? Read here because running git in a folder of someone else's can run their code.

Source: git's Documentation/gitformat-index.txt, versions 2, 3 and 4.
"""

from __future__ import annotations

VERSIONS = (2, 3, 4)
HASH_SIZES = (20, 32)
"""Bytes of an object name: SHA-1, SHA-256. The index does not say which."""
STAT_SIZE = 40
"""Bytes of an entry before the object name: times, device, inode, mode, owner, size."""
NAME_MAX = 4096
"""Bytes of one path (Linux's PATH_MAX): longer ones could make the packed names of version 4 cost without bound."""
EXTENDED = 0x4000
"""Flag of an entry that has two more bytes of flags (version 3 and later)."""


class _DoubtError(Exception):
    """The bytes are not an index as the format describes it."""


def may_track(index: bytes, path: bytes) -> bool:
    """True if the index names `path` (relative to the worktree, with slashes), and whenever that is not sure:
    a broken or unknown index, one that is split over two files, or one that lists only a folder above the path.
    """
    for hash_size in HASH_SIZES:
        try:
            return _names(index, path, hash_size)
        except (_DoubtError, IndexError):
            continue
    return True


def _names(index: bytes, path: bytes, hash_size: int) -> bool:
    version, count = int.from_bytes(index[4:8], "big"), int.from_bytes(index[8:12], "big")
    if index[:4] != b"DIRC" or version not in VERSIONS or len(index) < 12 + hash_size:
        raise _DoubtError
    at, name, found = 12, b"", False
    for _ in range(count):
        start = at
        at += STAT_SIZE + hash_size
        extended = int.from_bytes(index[at : at + 2], "big") & EXTENDED
        if extended and version == 2:
            raise _DoubtError
        at += 4 if extended else 2
        name, at = _packed_name(index, at, name) if version == 4 else _padded_name(index, at, start)
        found = found or name == path or (name.endswith(b"/") and path.startswith(name))
    if _split(index, at, hash_size):
        return True
    return found


def _padded_name(index: bytes, at: int, start: int) -> tuple[bytes, int]:
    end = index.find(b"\0", at)
    if end <= at:
        raise _DoubtError
    after = start + (end - start + 8) // 8 * 8  # 1 to 8 NULs, so that an entry is a multiple of 8 bytes
    if index[end:after].strip(b"\0"):
        raise _DoubtError
    return index[at:end], after


def _packed_name(index: bytes, at: int, before: bytes) -> tuple[bytes, int]:
    """A name as "take so many bytes off the one before, then add these"."""
    byte = index[at]
    at += 1
    strip = byte & 0x7F
    while byte & 0x80:
        byte = index[at]
        at += 1
        strip = ((strip + 1) << 7) | (byte & 0x7F)
        if strip > len(index):
            raise _DoubtError
    end = index.find(b"\0", at)
    if end < 0 or strip > len(before) or len(before) - strip + end - at > NAME_MAX:
        raise _DoubtError
    return before[: len(before) - strip] + index[at:end], end + 1


def _split(index: bytes, at: int, hash_size: int) -> bool:
    """Walk the extensions to the checksum; True if one says that most entries are in another file."""
    end = len(index) - hash_size
    split = False
    while at < end:
        split = split or index[at : at + 4] == b"link"
        at += 8 + int.from_bytes(index[at + 4 : at + 8], "big")
    if at != end:
        raise _DoubtError
    return split
