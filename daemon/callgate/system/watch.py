"""Says that something in some folders changed, soon after it did, and once for a burst of changes."""

from __future__ import annotations

import contextlib
import fnmatch
import logging
import os
import posixpath
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from callgate.system.files import identity

log = logging.getLogger(__name__)

SETTLE = 0.15
"""Seconds between a change and the call: agents write a temporary file, rename it, and often write again."""
IGNORED = frozenset({"opened", "closed_no_write"})


class Watch(FileSystemEventHandler):
    """Calls `changed()` on a thread of its own after files whose names match one of the patterns changed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._names: frozenset[str] = frozenset()
        self._patterns: tuple[str, ...] = ()
        self._folders: dict[str, tuple[ObservedWatch, tuple[int, int] | None]] = {}
        """Each watched folder, and which one it is: one that was removed and made again is watched anew."""
        self._gone: set[str] = set()
        """Watched folders of which the system said that they were removed."""
        self._observer = Observer()
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._observer.start()

    def look_at(self, folders: Iterable[str], names: Iterable[str]) -> list[str]:
        """Watch exactly these folders (not those below them) for files and folders of these names (patterns may hold
        `*`); links to folders are followed. What changed in a folder before it was watched is not told, so a new one
        counts as a change itself.

        Returns the folders that cannot be watched (they vanished, or the system's limit is reached): the caller's
        periodic look covers them.
        """
        wanted, names = {os.path.realpath(folder) for folder in folders}, list(names)  # a link itself never changes
        self._names = frozenset(name for name in names if "*" not in name)
        self._patterns = tuple(name for name in names if "*" in name)
        for folder, (watch, seen) in list(self._folders.items()):
            if folder not in wanted or folder in self._gone or identity(Path(folder)) != seen:
                self._gone.discard(folder)
                del self._folders[folder]
                with contextlib.suppress(KeyError, OSError):
                    self._observer.unschedule(watch)
        refused = []
        new = wanted - set(self._folders)
        for folder in new:
            try:
                seen = identity(Path(folder))
                self._folders[folder] = self._observer.schedule(self, folder), seen
            except OSError as error:
                log.info("cannot watch %s: %s", folder, error)
                refused.append(folder)
        if len(refused) < len(new):
            self._begin()
        return refused

    def on_any_event(self, event: FileSystemEvent) -> None:
        """A change reported by the system: begin the pause after which `changed` is called."""
        if event.event_type == "deleted" and event.src_path in self._folders:
            self._gone.add(os.fsdecode(event.src_path))
        elif event.event_type in IGNORED or not any(map(self._matters, (event.src_path, event.dest_path))):
            return
        self._begin()

    def _begin(self) -> None:
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(SETTLE, self._ring)
                self._timer.daemon = True
                self._timer.start()

    def _ring(self) -> None:
        with self._lock:
            self._timer = None  # what comes from now on is a change after this call
        self._changed()

    def stop(self) -> None:
        """Watch no more."""
        self._observer.stop()
        self._observer.join(timeout=5)

    def _matters(self, path: str | bytes) -> bool:
        name = posixpath.basename(path if isinstance(path, str) else path.decode(errors="replace"))
        return name in self._names or any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns)
