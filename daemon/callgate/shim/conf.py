"""What a shim must know before it can ask: the file that the daemon leaves beside the shim's copy."""

from __future__ import annotations

import posix

from callgate.shim.frames import EFFECTS
from callgate.shim.process import text

CONF_MAX = 64 * 1024
"""Bytes of shim.conf; ours has a few hundred."""


class Conf:
    """The settings, with their defaults where the file leaves one out: the strict side, except for the mode, which must
    be given. Raises ValueError, naming the key, for what makes no sense.
    """

    __slots__ = ("build", "deadline", "enforce", "message_max", "mode", "on_doubt", "socket", "spool")

    def __init__(self, text: str) -> None:
        values = dict(line.split("=", 1) for line in text.split("\n") if "=" in line)
        self.socket = values.get("socket", "")
        self.spool = values.get("spool", "")
        self.build = values.get("build", "")
        self.mode = values.get("mode", "")
        if self.mode not in ("observe", "enforce"):
            raise ValueError(f"mode is {self.mode!r}, not observe or enforce")
        self.enforce = self.mode == "enforce"
        doubt = values.get("on_doubt", "deny")
        if doubt not in EFFECTS:
            raise ValueError(f"on_doubt is {doubt!r}, not allow, ask or deny")
        self.on_doubt = EFFECTS.index(doubt)
        self.deadline = _number(values, "deadline_ms", 5000) / 1000
        self.message_max = _number(values, "message_max", 64 * 1024 * 1024)


def load(path: str) -> Conf:
    """Read shim.conf. Raises OSError or ValueError."""
    fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return Conf(text(posix.read(fd, CONF_MAX)))
    finally:
        posix.close(fd)


def _number(values: dict[str, str], key: str, default: int) -> int:
    word = values.get(key, str(default))
    if not word.isdecimal() or len(word) > 12:
        raise ValueError(f"{key} is {word!r}, not a number")
    return int(word)
