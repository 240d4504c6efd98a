"""What was feared of the policy in force when it came, kept over restarts: later calls no longer tell.

A policy that denies everything leaves a log of nothing but denials, in which it denies nothing that was let through.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from callgate.model.errors import FileRefusedError
from callgate.policy.cedar import Policies
from callgate.system.files import read_capped, replace_file

log = logging.getLogger(__name__)

NOTE_MAX = 64 * 1024
"""Bytes of the note."""


class Fears:
    """The warning about one policy, in a file. A note that cannot be read or written costs only the repetition."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, policies: Policies) -> str:
        """What was feared of this very policy, "" if nothing was."""
        try:
            said = json.loads(read_capped(self._path, NOTE_MAX))
            return str(said["warning"]) if said["policy"] == _digest(policies) else ""
        except (FileNotFoundError, FileRefusedError, OSError, ValueError, TypeError, KeyError, RecursionError):
            return ""

    def keep(self, policies: Policies, warning: str) -> None:
        """Note what is feared of the policy that comes into force ("": nothing)."""
        try:
            if warning:
                replace_file(self._path, json.dumps({"policy": _digest(policies), "warning": warning}).encode())
            else:
                self._path.unlink(missing_ok=True)
        except (OSError, FileRefusedError) as error:
            log.warning("%s cannot be written: %s", self._path, error)


def _digest(policies: Policies) -> str:
    return hashlib.sha256("\0".join(one.text for one in policies.policies).encode()).hexdigest()
