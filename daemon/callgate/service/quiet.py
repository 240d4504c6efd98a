"""Keeps the daemon's own log small and harmless, whatever others cause in it."""

from __future__ import annotations

import logging
import time
from typing import Any

BURST = 200
"""Lines a minute: more than a daemon in trouble has to say, too few to fill a disk."""
MINUTE = 60.0


class Plain(logging.Formatter):
    """One record, one line, with nothing in it that could steer a terminal; a traceback's lines are indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line."""
        return _shown(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        """The traceback."""
        return "\n".join(f"  {_shown(line)}" for line in super().formatException(ei).split("\n"))


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


class Quiet(logging.Filter):
    """Lets through BURST lines a minute, and then says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._since = 0.0
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """May this line be written?"""
        now = time.monotonic()
        if now - self._since > MINUTE:
            left = self._count - BURST
            self._since, self._count = now, 0
            if left > 0:
                record.msg, record.args = f"[{left} lines were left out] {record.getMessage()}", ()
        self._count += 1
        return self._count <= BURST
