"""Publish what is signed: files first, the timestamp last, so that no client ever sees half a state."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp

from callgate.model.errors import RegistryError
from callgate.registry import roles, signing
from callgate.registry.repository import METADATA_MAX, SIGNED_AT, SOURCE_MAX, AnyMetadata, Repository, utc_now
from callgate.system.files import read_capped, replace_file

KEPT = 8
"""Older snapshots whose files stay in public/: a client that began before a publish must be able to finish."""


@dataclass(frozen=True, slots=True)
class Published:
    """What is public now."""

    versions: Mapping[str, int]
    changed: tuple[str, ...]
    """Roles with a new version."""


def publish(repository: Repository, signers: Mapping[str, Signer]) -> Published:
    """Make everything that is signed visible. Raises RegistryError, and then clients see what they saw before.

    Needs the online keys (snapshot, timestamp) only; each call renews the timestamp.
    """
    check(repository)
    files: list[tuple[Path, bytes]] = []
    for role in roles.DELEGATED:
        files += _target_files(repository, cast("Targets", _effective(repository, role).signed))
    changed = [role for role in roles.OFFLINE if repository.staged(role)]
    for role in (*roles.DELEGATED, roles.TARGETS):
        files.append(_versioned(repository, role, _effective(repository, role)))
    snapshot = _snapshot(repository, signers)
    files.append(_versioned(repository, roles.SNAPSHOT, snapshot))
    timestamp = _timestamp(repository, snapshot, signers)
    files.append(_versioned(repository, roles.ROOT, _effective(repository, roles.ROOT)))
    before = repository.published(roles.SNAPSHOT)
    if before is None or before.signed.version != snapshot.signed.version:
        changed.append(roles.SNAPSHOT)
    versions = {role: _effective(repository, role).signed.version for role in roles.OFFLINE}
    versions |= {roles.SNAPSHOT: snapshot.signed.version, roles.TIMESTAMP: timestamp.signed.version}
    for path, data in files:
        _write(path, data)
    _write(repository.metadata / "timestamp.json", timestamp.to_bytes())
    for role in roles.OFFLINE:
        repository.unstage(role)
    _prune(repository)
    return Published(versions, (*changed, roles.TIMESTAMP))


def copy(repository: Repository, to: Path) -> int:
    """Bring another folder up to date with what is signed in public/, the timestamp last. How many files were written.

    Raises RegistryError. Files of older versions stay there.
    """
    written = 0
    parts = (repository.metadata, repository.targets)
    paths = sorted(path for part in parts for path in part.rglob("*") if path.is_file())
    last = [path for path in paths if path.name.endswith(".root.json")] + [repository.metadata / "timestamp.json"]
    for path in [*(path for path in paths if path not in last), *last]:
        data, there = read_capped(path, SOURCE_MAX), to / path.relative_to(repository.public)
        if not _holds(there, data):
            _write(there, data)
            written += 1
    return written


def published_documents(repository: Repository) -> dict[str, bytes]:
    """The documents that clients see, by path. Raises RegistryError."""
    found = {}
    for role in roles.DELEGATED:
        metadata = repository.published(role)
        for path, target in cast("Targets", metadata.signed).targets.items() if metadata else ():
            found[path] = read_capped(_public(repository, target), SOURCE_MAX)
    return found


def unsigned_changes(repository: Repository) -> list[str]:
    """Documents whose source is not what is signed."""
    wanted, changed = repository.wanted(), []
    for role in roles.DELEGATED:
        metadata = repository.effective(role)
        stated = cast("Targets", metadata.signed).targets if metadata else {}
        changed += [path for path in {*wanted[role], *stated} if wanted[role].get(path) != stated.get(path)]
    return sorted(changed)


def check(repository: Repository) -> None:
    """Raises RegistryError if something is not signed, or by too few keys, or has expired."""
    if changed := unsigned_changes(repository):
        raise RegistryError(changed[0], "was changed and is not signed", "run `callgate registry sign` first")
    for role in roles.OFFLINE:
        found = signing.state(repository, role)
        if not found.complete:
            have = f"has {found.signed} of {found.threshold} signatures (version {found.version})"
            raise RegistryError(role, have, "run `callgate registry sign` with the missing keys")
        if found.expires <= utc_now():
            raise RegistryError(
                role, f"has expired on {found.expires:%F}", "run `callgate registry sign` with its keys"
            )


def _effective(repository: Repository, role: str) -> AnyMetadata:
    found = repository.effective(role)
    if found is None:
        raise RegistryError(str(repository.folder), f"has no {role}", "run `callgate registry sign` first")
    return found


def _versioned(repository: Repository, role: str, metadata: AnyMetadata) -> tuple[Path, bytes]:
    return repository.metadata / f"{metadata.signed.version}.{role}.json", metadata.to_bytes()


def _target_files(repository: Repository, signed: Targets) -> list[tuple[Path, bytes]]:
    files = []
    for path, target in signed.targets.items():
        files.append((_public(repository, target), read_capped(repository.source / path, SOURCE_MAX)))
    return files


def _public(repository: Repository, target: TargetFile) -> Path:
    folder, _, name = target.path.rpartition("/")
    return repository.targets / folder / f"{target.hashes['sha256']}.{name}"


def _snapshot(repository: Repository, signers: Mapping[str, Signer]) -> AnyMetadata:
    meta = {}
    for role in (roles.TARGETS, *roles.DELEGATED):
        metadata = _effective(repository, role)
        meta[f"{role}.json"] = _described(metadata)
    before = repository.published(roles.SNAPSHOT)
    if before is not None:
        # Clients refuse a snapshot that has lost a role, and earlier versions of Callgate had one more.
        meta = {
            **{name: told for name, told in cast("Snapshot", before.signed).meta.items() if name not in meta},
            **meta,
        }
        signed, threshold = signing.count(repository, roles.SNAPSHOT, before)
        old = signing.is_old(before, repository.days[roles.SNAPSHOT])
        if cast("Snapshot", before.signed).meta == meta and signed >= threshold and not old:
            return before
    fresh = repository.next(roles.SNAPSHOT)
    cast("Snapshot", fresh.signed).meta = meta
    return _signed_online(repository, roles.SNAPSHOT, fresh, signers)


def _timestamp(repository: Repository, snapshot: AnyMetadata, signers: Mapping[str, Signer]) -> AnyMetadata:
    fresh = repository.next(roles.TIMESTAMP)
    signed = cast("Timestamp", fresh.signed)
    signed.snapshot_meta = _described(snapshot)
    signed.unrecognized_fields[SIGNED_AT] = f"{utc_now():%FT%TZ}"
    return _signed_online(repository, roles.TIMESTAMP, fresh, signers)


def _described(metadata: AnyMetadata) -> MetaFile:
    data = metadata.to_bytes()
    return MetaFile(metadata.signed.version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})


def _signed_online(
    repository: Repository, role: str, metadata: AnyMetadata, signers: Mapping[str, Signer]
) -> AnyMetadata:
    metadata.signed.expires = utc_now() + datetime.timedelta(days=repository.days[role])
    for keyid in sorted(signing.holders(repository, role) & set(signers)):
        metadata.sign(signers[keyid], append=True)
    signed, threshold = signing.count(repository, role, metadata)
    if signed < threshold:
        have = f"{signed} of the {threshold} keys that must sign it are at hand"
        raise RegistryError(role, have, "name the folder that holds the online keys by --keys")
    return metadata


def _write(path: Path, data: bytes) -> None:
    if _holds(path, data):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        replace_file(path, data, mode=0o644)
    except OSError as error:
        raise RegistryError(
            str(path), f"cannot be written ({error.strerror})", "check the folder and the disk"
        ) from error


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and read_capped(path, SOURCE_MAX) == data
    except OSError:
        return False


def _prune(repository: Repository) -> None:
    """Remove files that only snapshots older than the last KEPT lead to. Roots stay for ever: they are the chain."""
    newest = cast("Snapshot", _effective(repository, roles.SNAPSHOT).signed).version
    keep: set[Path] = {repository.metadata / "timestamp.json"}
    for version in range(max(1, newest - KEPT), newest + 1):
        path = repository.metadata / f"{version}.snapshot.json"
        if not path.exists():
            continue
        keep.add(path)
        for name, meta in Metadata[Snapshot].from_bytes(read_capped(path, METADATA_MAX)).signed.meta.items():
            listed = repository.metadata / f"{meta.version}.{name}"
            keep.add(listed)
            if listed.exists():
                targets = Metadata[Targets].from_bytes(read_capped(listed, METADATA_MAX)).signed.targets
                keep |= {_public(repository, target) for target in targets.values()}
    for path in (*repository.metadata.glob("*"), *repository.targets.rglob("*")):
        if path.is_file() and path not in keep and not path.name.endswith(".root.json"):
            path.unlink(missing_ok=True)
