"""Says that something in some folders changed, soon after it did, and once for a burst of changes."""

from __future__ import annotations

import contextlib
import fnmatch
import logging
import posixpath
import threading
from collections.abc import Callable, Iterable

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

log = logging.getLogger(__name__)

SETTLE = 0.15
"""Seconds of quiet that end a burst: agents write a temporary file, rename it, and often write again."""
IGNORED = frozenset({"opened", "closed_no_write"})


class Watch(FileSystemEventHandler):
    """Calls `changed()` on a thread of its own after files whose names match one of the patterns changed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._names: frozenset[str] = frozenset()
        self._patterns: tuple[str, ...] = ()
        self._folders: dict[str, ObservedWatch] = {}
        self._observer = Observer()
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._observer.start()

    def look_at(self, folders: Iterable[str], names: Iterable[str]) -> list[str]:
        """Watch exactly these folders (not those below them) for files of these names (patterns may hold `*`).

        Returns the folders that cannot be watched (they vanished, or the system's limit is reached): the caller's
        periodic look covers them.
        """
        wanted, names = set(folders), list(names)
        self._names = frozenset(name for name in names if "*" not in name)
        self._patterns = tuple(name for name in names if "*" in name)
        for folder in set(self._folders) - wanted:
            with contextlib.suppress(KeyError, OSError):
                self._observer.unschedule(self._folders.pop(folder))
        refused = []
        for folder in wanted - set(self._folders):
            try:
                self._folders[folder] = self._observer.schedule(self, folder)
            except OSError as error:
                log.info("cannot watch %s: %s", folder, error)
                refused.append(folder)
        return refused

    def on_any_event(self, event: FileSystemEvent) -> None:
        """A change reported by the system: start or prolong the pause after which `changed` is called."""
        if event.event_type in IGNORED or not any(map(self._matters, (event.src_path, event.dest_path))):
            return
        with self._lock:
            if self._timer is None or not self._timer.is_alive():
                self._timer = threading.Timer(SETTLE, self._changed)
                self._timer.daemon = True
                self._timer.start()

    def stop(self) -> None:
        """Watch no more."""
        self._observer.stop()
        self._observer.join(timeout=5)

    def _matters(self, path: str | bytes) -> bool:
        name = posixpath.basename(path if isinstance(path, str) else path.decode(errors="replace"))
        return name in self._names or any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns)
