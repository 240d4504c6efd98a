"""The registry file on this machine: read, kept as the last good one, changed by `allow` and `deny`."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from callgate.model.call import Effect
from callgate.model.errors import CallgateError, RegistryError
from callgate.model.identity import ServerIdentity
from callgate.policy.allowlist import Allowlist
from callgate.registry import bundle
from callgate.system.files import read_capped, replace_file

REGISTRY_MAX = 16 * 1024 * 1024
"""Bytes of the registry file: five thousand servers with their tools need less."""

log = logging.getLogger(__name__)


class LocalRegistry:
    """The rules in force, from one file. A file that turns bad leaves the last good rules in force.

    `rules` is None only while no good file was ever read; a missing file is good, and approves nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rules: Allowlist | None = None
        self.problem: str | None = None

    def reload(self) -> bool:
        """Read the file again. True if the rules in force changed; what is wrong with the file is in `problem`."""
        before = self.rules
        try:
            self.rules = bundle.rules(self._document(), str(self.path))
            self.problem = None
        except CallgateError as error:
            self.problem = str(error)
            log.error("registry: %s", error)
        return self.rules != before

    def set(self, identity: ServerIdentity, tool: str | None, effect: Effect, name: str = "") -> None:
        """Approve or deny a server, or one tool of it, in the file and at once; a new entry is called after `name`.

        Raises RegistryError, and then the rules in force are what they were.
        """
        document = bundle.with_effect(self._document(), str(self.path), identity, tool, effect, name)
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        rules = bundle.rules(document, str(self.path))
        try:
            replace_file(self.path, text.encode())
        except OSError as error:
            raise RegistryError(str(self.path), f"cannot be written ({error.strerror})", "check its folder") from error
        self.rules, self.problem = rules, None

    def _document(self) -> object:
        try:
            text = read_capped(self.path, REGISTRY_MAX)
        except FileNotFoundError:
            return bundle.empty()
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RegistryError(
                str(self.path), f"is not JSON ({error})", "restore it, or delete it to start with an empty registry"
            ) from error
