"""The registry file on this machine: read, kept as the last good one, changed by `allow` and `deny`."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from pathlib import Path

from callgate.model.call import Effect
from callgate.model.errors import CallgateError, FileChangedError, FileRefusedError, RegistryError
from callgate.model.identity import ServerIdentity
from callgate.policy.allowlist import Allowlist
from callgate.registry import bundle
from callgate.system.files import read_capped, replace_file

REGISTRY_MAX = 16 * 1024 * 1024
"""Bytes of the registry file: five thousand servers with their tools need less."""

log = logging.getLogger(__name__)


TRIES = 5
"""Times that `set` begins anew when somebody else writes the file at the same moment."""


class LocalRegistry:
    """The rules in force, from one file. A file that turns bad leaves the last good rules in force. Safe to use from
    several threads.

    `rules` is None only while no good file was ever read; a missing file is good, and approves nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rules: Allowlist | None = None
        self.problem: str | None = None
        self._read: bytes | None = None
        self._lock = threading.Lock()

    def reload(self) -> bool:
        """Read the file again; cheap if it is as it was. True if the rules in force or the problem with the file
        changed; what is wrong with it is in `problem`.
        """
        with self._lock:
            before = (self.rules, self.problem)
            try:
                data = self._bytes()
                if self.rules is not None and self.problem is None and data == self._read:
                    return False
                self.rules = bundle.rules(self._parsed(data), str(self.path))
                self.problem, self._read = None, data
            except CallgateError as error:
                self.problem = str(error)
            if (self.rules, self.problem) == before:
                return False
            if self.problem:
                log.error("registry: %s", self.problem)
            return True

    def set(self, identity: ServerIdentity, tool: str | None, effect: Effect, name: str = "") -> None:
        """Approve or deny a server, or one tool of it, in the file and at once; a new entry is called after `name`.

        Raises RegistryError, and then the rules in force are what they were.
        """
        with self._lock:
            for _ in range(TRIES):
                with contextlib.suppress(FileChangedError):
                    return self._set(identity, tool, effect, name)
        raise RegistryError(str(self.path), "is being changed by another program all the time", "try again")

    def _set(self, identity: ServerIdentity, tool: str | None, effect: Effect, name: str) -> None:
        before = self._bytes()
        document = bundle.with_effect(self._parsed(before), str(self.path), identity, tool, effect, name)
        data = (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        rules = bundle.rules(document, str(self.path))
        target = self.path.resolve() if self.path.is_symlink() else self.path
        try:
            replace_file(target, data, expected=before)
        except OSError as error:
            raise RegistryError(str(self.path), f"cannot be written ({error.strerror})", "check its folder") from error
        self.rules, self.problem, self._read = rules, None, data

    def _bytes(self) -> bytes | None:
        """What the file holds; None if there is none."""
        try:
            return read_capped(self.path, REGISTRY_MAX)
        except FileNotFoundError:
            return None
        except FileRefusedError as error:
            raise RegistryError(error.thing, error.problem, "restore it, or move it away") from error

    def _parsed(self, data: bytes | None) -> object:
        if data is None:
            return bundle.empty()
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise RegistryError(
                str(self.path), f"is not JSON ({error})", "restore it, or delete it to start with an empty registry"
            ) from error
