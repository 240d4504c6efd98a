"""An organisation with a registry of its own keys, and machines that follow it: the real code, in scratch folders."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from callgate.model.call import Effect
from callgate.model.identity import Identified, ServerIdentity
from callgate.registry import keys, publishing, roles, rotation, signing
from callgate.registry.activation import InForce
from callgate.registry.cache import Cache
from callgate.registry.places import Place
from callgate.registry.repository import Repository
from callgate.registry.sync import Source, Sync
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import MetaFile, TargetFile


def document(*approved: str) -> bytes:
    """A registry document that approves these identities."""
    servers = [
        {
            "server": {"name": f"test/server-{number}", "description": "", "version": "1"},
            "_meta": {"dev.callgate/approval": {"identities": [identity], "effect": "allow"}},
        }
        for number, identity in enumerate(approved)
    ]
    return json.dumps({"servers": servers, "metadata": {"count": len(servers)}}).encode()


class Organisation:
    """Its repository, its keys by role, and the folder that a web server hands out."""

    def __init__(self, folder: Path, *, root_keys: int = 2, root_threshold: int = 2) -> None:
        counts = {roles.ROOT: root_keys}
        self.folder = folder
        self.keys: dict[str, list[CryptoSigner]] = {
            role: [keys.make(folder / "keys", f"{role}-{number}") for number in range(counts.get(role, 1))]
            for role in roles.ALL
        }
        holders = {role: [one.public_key for one in each] for role, each in self.keys.items()}
        self.repository = Repository.create(folder / "repository", holders, {roles.ROOT: root_threshold}, {})
        self.public = self.repository.public
        self.root = folder / "root.json"
        """What its machines are given to trust."""

    @property
    def signers(self) -> dict[str, CryptoSigner]:
        return {one.public_key.keyid: one for each in self.keys.values() for one in each}

    def publish(
        self, *approved: str, files: Mapping[str, bytes] | None = None, days: Mapping[str, float] | None = None
    ) -> dict[str, int]:
        """Sign and publish a document that approves these; other files as they are given. The versions."""
        for path, data in {roles.SERVERS: document(*approved), **(files or {})}.items():
            self.repository.put(path, data)
        return self.publish_as_is(days)

    def publish_as_is(self, days: Mapping[str, float] | None = None) -> dict[str, int]:
        repository = Repository(self.repository.folder)
        if days:
            repository.days = {**repository.days, **days}  # type: ignore[dict-item]
        signing.sign(repository, self.signers)
        versions = dict(publishing.publish(repository, self.signers).versions)
        if not self.root.exists():
            shutil.copy(repository.metadata / "1.root.json", self.root)
        return versions

    def forge(self, role: str, key: CryptoSigner, *approved: str) -> None:
        """Hand out, without a word of ours, a document that approves these: `key` signs for `role`, the right keys
        for all other roles.
        """
        repository, data = self.repository, document(*approved)
        target = TargetFile.from_data(roles.SERVERS, data, ["sha256"])
        file = repository.targets / "registry" / f"{target.hashes['sha256']}.servers.json"
        file.write_bytes(data)
        changed = ["registry", *([roles.TARGETS] if role == roles.TARGETS else []), *roles.ONLINE]
        found = {each: repository.published(each) for each in changed}  # before any of it is written over
        for each, metadata in found.items():
            assert metadata is not None
            metadata.signed.version += 1
            if each == "registry":
                metadata.signed.targets[roles.SERVERS] = target
            elif each == roles.SNAPSHOT:
                lower = {f"{one}.json": MetaFile(found[one].signed.version) for one in changed[:-2]}  # type: ignore[union-attr]
                metadata.signed.meta = {**metadata.signed.meta, **lower}
            elif each == roles.TIMESTAMP:
                metadata.signed.snapshot_meta = MetaFile(found[roles.SNAPSHOT].signed.version)  # type: ignore[union-attr]
            metadata.signatures.clear()
            for signer in [key] if each == role else self.keys[each]:
                metadata.sign(signer, append=True)
            name = "timestamp.json" if each == roles.TIMESTAMP else f"{metadata.signed.version}.{each}.json"
            (repository.metadata / name).write_bytes(metadata.to_bytes())

    def rotate(self, role: str, *, revoke: Sequence[CryptoSigner] | None = None) -> list[CryptoSigner]:
        """Give a role a new key in place of its first one; in force at the next publish. The revoked ones."""
        revoked = list(revoke if revoke is not None else self.keys[role][:1])
        fresh = keys.make(self.folder / "keys", f"{role}-{time.monotonic_ns()}")
        dropped = [one.public_key.keyid for one in revoked]
        rotation.change_keys(self.repository, role, add=[fresh.public_key], drop=dropped)
        self.keys[role].append(fresh)
        return revoked

    def forget(self, revoked: Sequence[CryptoSigner], role: str) -> None:
        """The revoked keys sign no more."""
        self.keys[role] = [one for one in self.keys[role] if one not in revoked]

    def snapshot(self, name: str) -> Path:
        """A copy of what is public now."""
        return Path(shutil.copytree(self.public, self.folder / name))

    def restore(self, copy: Path) -> None:
        """Hand out that copy instead."""
        shutil.rmtree(self.public)
        shutil.copytree(copy, self.public)


class Machine:
    """One machine that follows a registry. `rules` are in force, `activations` is how often they changed."""

    made: ClassVar[list[Machine]] = []
    """All of them, so that a fixture can close what they hold open."""

    def __init__(
        self,
        folder: Path,
        place: Place,
        root: Path,
        *,
        channel: str = "stable",
        now: Callable[[], float] = time.time,
    ) -> None:
        self.rules: InForce | None = None
        self.activations = 0
        self.sync = Sync(Source(place, root, channel), Cache(folder), self._activate, now)
        self.loaded = self.sync.load()
        self.made.append(self)

    @classmethod
    def close_all(cls) -> None:
        while cls.made:
            cls.made.pop().sync.source.place.close()

    def _activate(self, found: InForce) -> None:
        self.rules = found
        self.activations += 1

    def allows(self, identity: str) -> bool:
        """Would this server run?"""
        assert self.rules is not None, "there are no rules"
        found = Identified(ServerIdentity.parse(identity), "test")
        return self.rules.allowlist.server(found).effect is Effect.ALLOW
