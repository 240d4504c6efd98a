"""This machine's own registry: the same repository as an organisation's, with one key that lies on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callgate.model.call import Effect
from callgate.model.errors import FileRefusedError, RegistryError
from callgate.model.identity import ServerIdentity
from callgate.policy.allowlist import Allowlist
from callgate.registry import activation, bundle, options, reading, roles
from callgate.system.files import locked, read_capped, replace_file

if TYPE_CHECKING:  # tuf costs half a second and 12 MB: paid when something is signed
    from callgate.registry.repository import Repository

DOCUMENT_MAX = 64 * 1024 * 1024
"""Bytes of the registry document."""
KEY_NAME = "local"
TAKEN_OVER = ".taken-over"
"""Suffix of the unsigned file of earlier versions, once its content is signed."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a new entry says."""

    name: str = ""
    """What it is called after; its identity, if this is empty."""
    file: str = ""
    """The file that the identity rests on: an edit of it is then told from a server that nobody knows."""


class LocalRepository:
    """Changes this machine's own registry. One thread at a time."""

    def __init__(self, folder: Path, keys: Path, earlier: Path) -> None:
        self.folder = folder
        self.root = folder / "public" / "metadata" / "1.root.json"
        self._keys = keys
        self._earlier = earlier
        self._servers = folder / "source" / roles.SERVERS
        self._own_edit = folder / ".own-edit"

    def exists(self) -> bool:
        """Was anything ever signed here?"""
        return (self.folder / "public" / "metadata" / "timestamp.json").exists()

    def take_over(self) -> bool:
        """Sign the unsigned file of earlier versions, if there is one and nothing was signed yet. True if so.

        Raises RegistryError if that file is bad: then it stays where it is, and nothing is signed.
        """
        if self.exists() or not self._earlier.exists():
            return False
        self.earlier_rules()
        self._publish({roles.SERVERS: read_capped(self._earlier, DOCUMENT_MAX)})
        self._earlier.replace(self._earlier.with_name(self._earlier.name + TAKEN_OVER))
        return True

    def earlier_rules(self) -> Allowlist:
        """What holds before anything is signed: the unsigned file of earlier versions, or nothing is approved.

        Raises RegistryError.
        """
        try:
            data = read_capped(self._earlier, DOCUMENT_MAX)
        except FileNotFoundError:
            return Allowlist()
        return bundle.rules(_parsed(self._earlier, data), str(self._earlier))

    def set(
        self, identity: ServerIdentity, tool: str | None, effect: Effect, fresh: Fresh, signed: Mapping[str, str]
    ) -> None:
        """Approve or deny a server, or one tool of it: edited, signed and published; not in force before the next
        poll. `fresh` is for a new entry; `signed` are the digests of what is in force, by path.

        Raises RegistryError, and then what was published is published still.
        """
        if problem := self.edited(signed):
            raise problem
        source = str(self._servers)
        try:
            document = _parsed(self._servers, read_capped(self._servers, DOCUMENT_MAX))
        except FileNotFoundError:
            document = bundle.empty()
        changed = bundle.with_effect(document, source, identity, tool, effect, fresh.name)
        if fresh.file and len(changed["servers"]) > len(document.get("servers", [])):
            stated = {"launch": {"files": {fresh.file: _digest(fresh.file)}}}
            changed = bundle.with_statements(changed, source, identity, stated)
        bundle.rules(changed, source)
        self._publish({roles.SERVERS: _written(changed)})

    def set_policy(self, text: bytes | None, signed: Mapping[str, str]) -> None:
        """Replace the policy, or (for None) remove it: signed and published, as `set` does.

        Raises RegistryError, and then what was published is published still.
        """
        if problem := self.edited(signed):
            raise problem
        changed: dict[str, bytes | None] = {roles.POLICY: text}
        if not self._servers.exists():
            changed[roles.SERVERS] = _written(bundle.empty())
        self._publish(changed)

    def edited(self, signed: Mapping[str, str]) -> RegistryError | None:
        """Was a document edited and not signed? `signed` are the digests of what is in force, by path."""
        if not self.exists():
            return None
        for path in (roles.SERVERS, roles.POLICY, roles.OPTIONS):
            there = self.folder / "source" / path
            try:
                digest = hashlib.sha256(read_capped(there, DOCUMENT_MAX)).hexdigest()
            except FileNotFoundError:
                continue
            except FileRefusedError as error:
                return RegistryError(error.thing, error.problem, "restore it")
            if signed.get(path) != digest and digest not in self._last_own_edit():
                how = f"{self.folder} --keys {self._keys}"
                return RegistryError(
                    str(there),
                    "was changed by hand and is not signed, so it does not count",
                    f"`callgate registry sign {how}` and `callgate registry publish {how}` put it in force",
                )
        return None

    def _last_own_edit(self) -> list[str]:
        """What we were about to sign when we were last at it: an edit of ours that a crash cut short is ours."""
        try:
            return read_capped(self._own_edit, 200).decode("ascii", "replace").split()
        except (FileNotFoundError, FileRefusedError):
            return []

    def _publish(self, changed: Mapping[str, bytes | None]) -> None:
        """Replace these documents (None: remove it), sign and publish."""
        from callgate.registry import keys, publishing, signing

        try:
            if not (self.folder / "repository.json").exists():
                self._create()
            with locked(self.folder / ".lock"):
                repository = self._repository()
                signers = keys.find([self._keys])
                digests = [hashlib.sha256(data).hexdigest() for data in changed.values() if data is not None]
                replace_file(self._own_edit, " ".join(digests).encode())
                for name, data in changed.items():
                    repository.put(name, data)
                activation.compiled(repository.documents(), str(self.folder), strict=True)
                signing.sign(repository, signers)
                publishing.publish(repository, signers)
        except BlockingIOError as error:
            raise RegistryError(str(self.folder), "is being changed by another command", "try again") from error
        except OSError as error:
            raise RegistryError(str(self.folder), f"cannot be written ({error.strerror})", "check the disk") from error

    def _repository(self) -> Repository:
        from callgate.registry.repository import Repository

        return Repository(self.folder)

    def _create(self) -> None:
        from callgate.registry import keys
        from callgate.registry.repository import Repository

        path = self._keys / f"{KEY_NAME}{keys.SUFFIX}"
        signer = keys.load(path) if path.exists() else keys.make(self._keys, KEY_NAME)
        holders = {role: [signer.public_key] for role in roles.ALL}
        made = Repository.create(self.folder, holders, {}, roles.FOREVER)
        made.put(roles.OPTIONS, json.dumps(_LOCAL_OPTIONS, indent=2).encode() + b"\n")


_LOCAL_OPTIONS = {name: getattr(options.LOCAL, name) for name in ("soft_stale_hours", "hard_stale_hours")}


def _digest(file: str) -> str:
    try:
        with Path(file).open("rb") as opened:
            return "sha256:" + hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise RegistryError(file, f"cannot be read ({error.strerror})", "then allow it again") from error


def _parsed(path: Path, data: bytes) -> Any:
    try:
        return reading.read(data)
    except ValueError as error:
        raise RegistryError(str(path), str(error), "correct it, or delete it to start anew") from error


def _written(document: object) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
