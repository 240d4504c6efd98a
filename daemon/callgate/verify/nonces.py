"""Which signatures were seen already: a bounded store, in memory."""

from __future__ import annotations

import heapq
import threading
import time
from typing import Protocol

NONCES_MAX = 100_000
"""Nonces that are remembered at a time: with signatures of a minute, 1,600 calls a second."""


class Nonces(Protocol):
    """Where several processes serve one server they need a store that they share."""

    def take(self, nonce: str, until: float) -> bool:
        """Remember the nonce until that moment (seconds since the epoch). False if it is known, or cannot be kept."""


class MemoryNonces:
    """For one process. Nothing is forgotten before its time: when it is full, what is new is refused."""

    def __init__(self, limit: int = NONCES_MAX) -> None:
        self._limit = limit
        self._known: set[str] = set()
        self._ends: list[tuple[float, str]] = []
        self._lock = threading.Lock()

    def take(self, nonce: str, until: float) -> bool:
        """As the protocol says. Safe to use from several threads."""
        with self._lock:
            now = time.time()
            while self._ends and self._ends[0][0] < now:
                self._known.discard(heapq.heappop(self._ends)[1])
            if nonce in self._known or len(self._known) >= self._limit:
                return False
            self._known.add(nonce)
            heapq.heappush(self._ends, (until, nonce))
            return True
