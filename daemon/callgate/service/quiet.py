"""Keeps the daemon's own log small, however many lines others cause in it."""

from __future__ import annotations

import logging
import time

BURST = 200
"""Lines a minute: more than a daemon in trouble has to say, too few to fill a disk."""
MINUTE = 60.0


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
