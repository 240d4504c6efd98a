"""A registry's repository as a folder: what its owner edits, what waits for signatures, what is published.

source/    the documents as their owner edits them: each file is a target of the same path
staged/    metadata that was changed and not published yet, one file a role, with the signatures so far
public/    what a web server hands out: metadata/ and targets/, nothing that must stay secret
repository.json   days until each role's signature expires
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from securesystemslib.signer import Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from callgate.model.errors import RegistryError
from callgate.registry import roles
from callgate.system.files import read_capped, replace_file

METADATA_MAX = 8 * 1024 * 1024
"""Bytes of one metadata file of our own."""
SOURCE_MAX = 64 * 1024 * 1024
"""Bytes of one document: five thousand servers with fifty thousand pins need a third of that."""
SIGNED_AT = "x-callgate-signed-at"
"""Field of the timestamp: when it was signed. A machine whose clock is behind this moment knows that it is wrong."""

AnyMetadata = Metadata[Any]


def utc_now() -> datetime.datetime:
    """The time, to the second, as TUF metadata has it."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


class Repository:
    """One repository folder. Reads always from disk; one process at a time may change it (see `lock`)."""

    def __init__(self, folder: Path) -> None:
        """Raises RegistryError if there is no repository."""
        self.folder = folder
        self.source = folder / "source"
        self.staging = folder / "staged"
        self.public = folder / "public"
        self.metadata = self.public / "metadata"
        self.targets = self.public / "targets"
        self.lock = folder / ".lock"
        try:
            said = json.loads(read_capped(folder / "repository.json", METADATA_MAX))
            days = {role: int(said["days"].get(role, roles.DAYS[role])) for role in roles.ALL}
        except FileNotFoundError:
            raise RegistryError(str(folder), "is no registry", "make one by `callgate registry init`") from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RegistryError(str(folder / "repository.json"), f"is broken ({error})", "restore it") from error
        self.days: Mapping[str, int] = days

    @classmethod
    def create(
        cls, folder: Path, keys: Mapping[str, Sequence[Key]], thresholds: Mapping[str, int], days: Mapping[str, int]
    ) -> Repository:
        """A new repository with these keys, its root and targets staged, not signed yet. Raises RegistryError."""
        if (folder / "repository.json").exists():
            raise RegistryError(str(folder), "holds a registry already", "name another folder")
        root = Root(version=1, consistent_snapshot=True)
        top = (roles.ROOT, roles.TARGETS, roles.SNAPSHOT, roles.TIMESTAMP)
        root.roles = {role: Role([], thresholds.get(role, 1)) for role in top}
        delegated = {
            role: DelegatedRole(role, [], thresholds.get(role, 1), terminating=True, paths=[pattern])
            for role, pattern in roles.DELEGATED.items()
        }
        targets = Targets(version=1, delegations=Delegations({}, delegated))
        for role, holders in keys.items():
            for key in holders:
                (root if role in top else targets).add_key(key, role)
        now = utc_now()
        root.expires = now + datetime.timedelta(days=days.get(roles.ROOT, roles.DAYS[roles.ROOT]))
        targets.expires = now + datetime.timedelta(days=days.get(roles.TARGETS, roles.DAYS[roles.TARGETS]))
        try:
            for name in ("source", "staged", "public/metadata", "public/targets"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            replace_file(folder / "staged" / "root.json", Metadata(root).to_bytes(), mode=0o644)
            replace_file(folder / "staged" / "targets.json", Metadata(targets).to_bytes(), mode=0o644)
            # Last, because it makes the folder a registry: a crash before it leaves something to be made anew.
            replace_file(folder / "repository.json", json.dumps({"days": dict(days)}, indent=2).encode() + b"\n")
        except OSError as error:
            raise RegistryError(str(folder), f"cannot be made ({error.strerror})", "check its parent") from error
        return cls(folder)

    def published(self, role: str) -> AnyMetadata | None:
        """What clients can see of a role: what the published timestamp leads to (of root: the newest there is)."""
        if role == roles.TIMESTAMP:
            return self._read(self.metadata / "timestamp.json")
        if role == roles.ROOT:
            return self._read(self.metadata / f"{version}.root.json") if (version := self._newest_root()) else None
        above = self.published(roles.TIMESTAMP if role == roles.SNAPSHOT else roles.SNAPSHOT)
        if above is None:
            return None
        if isinstance(above.signed, Timestamp):
            return self._read(self.metadata / f"{above.signed.snapshot_meta.version}.snapshot.json")
        listed = cast("Snapshot", above.signed).meta.get(f"{role}.json")
        return self._read(self.metadata / f"{listed.version}.{role}.json") if listed else None

    def staged(self, role: str) -> AnyMetadata | None:
        """What waits for signatures or for being published."""
        return self._read(self.staging / f"{role}.json")

    def effective(self, role: str) -> AnyMetadata | None:
        """What would be published next: the staged metadata, else the published one."""
        return self.staged(role) or self.published(role)

    def stage(self, role: str, metadata: AnyMetadata) -> None:
        """Keep changed metadata until it is published; its expiry is set anew where it has no signature yet."""
        if not metadata.signatures:
            metadata.signed.expires = utc_now() + datetime.timedelta(days=self.days[role])
        self._write(self.staging / f"{role}.json", metadata)

    def unstage(self, role: str) -> None:
        """Drop what was staged for a role."""
        (self.staging / f"{role}.json").unlink(missing_ok=True)

    def next(self, role: str) -> AnyMetadata:
        """A copy of a role's metadata to be changed: of the staged one, or one version after the published one."""
        if staged := self.staged(role):
            staged.signatures.clear()
            return staged
        if published := self.published(role):
            published.signatures.clear()
            published.signed.version += 1
            return published
        if role == roles.SNAPSHOT:
            return Metadata(Snapshot(version=1, meta={}))
        return Metadata(Timestamp(version=1) if role == roles.TIMESTAMP else Targets(version=1))

    def root(self) -> Root:
        """The root that is published next. Raises RegistryError if there is none at all."""
        return cast("Root", self._must(roles.ROOT).signed)

    def root_before(self, version: int) -> Root | None:
        """The published root that a root of this version follows: machines know it, and ask for its keys' signatures.

        By its number, not as the newest: a publish that was cut short may have left the new root there already.
        """
        found = self._read(self.metadata / f"{version - 1}.root.json")
        return cast("Root", found.signed) if found else None

    def delegator(self, role: str) -> Root | Targets:
        """Whose word makes this role's keys count."""
        return cast("Targets", self._must(roles.TARGETS).signed) if role in roles.DELEGATED else self.root()

    def documents(self) -> dict[str, bytes]:
        """All source files by target path. Raises RegistryError for one that no role may sign."""
        found = {}
        for path in sorted(self.source.rglob("*")):
            if path.is_dir():
                continue
            name = path.relative_to(self.source).as_posix()
            if path.name.startswith("."):
                continue  # a version control's or an editor's own
            if roles.role_of(name) is None:
                places = ", ".join(roles.DELEGATED.values())
                raise RegistryError(str(path), "is a file that no role may sign", f"expected {places}")
            found[name] = read_capped(path, SOURCE_MAX)
        return found

    def put(self, name: str, data: bytes | None) -> None:
        """Write (or, for None, remove) a source document. Raises RegistryError."""
        path = self.source / name
        try:
            if data is None:
                path.unlink(missing_ok=True)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, data, mode=0o644)
        except OSError as error:
            raise RegistryError(str(path), f"cannot be written ({error.strerror})", "check its folder") from error

    def wanted(self) -> dict[str, dict[str, TargetFile]]:
        """The target files that the source states, per delegated role."""
        wanted: dict[str, dict[str, TargetFile]] = {role: {} for role in roles.DELEGATED}
        for name, data in self.documents().items():
            wanted[str(roles.role_of(name))][name] = TargetFile.from_data(name, data, ["sha256"])
        return wanted

    def _must(self, role: str) -> AnyMetadata:
        found = self.effective(role)
        if found is None:
            raise RegistryError(str(self.folder), f"has no {role}", "restore it from a backup")
        return found

    def _newest_root(self) -> int:
        versions = [path.name.partition(".")[0] for path in self.metadata.glob("*.root.json")]
        return max((int(version) for version in versions if version.isdigit()), default=0)

    def _read(self, path: Path) -> AnyMetadata | None:
        try:
            return Metadata[Any].from_bytes(read_capped(path, METADATA_MAX))
        except FileNotFoundError:
            return None
        except RepositoryError as error:
            raise RegistryError(str(path), f"is no TUF metadata ({error})", "restore it from a backup") from error

    def _write(self, path: Path, metadata: AnyMetadata) -> None:
        try:
            replace_file(path, metadata.to_bytes(), mode=0o644)
        except OSError as error:
            raise RegistryError(str(path), f"cannot be written ({error.strerror})", "check its folder") from error
