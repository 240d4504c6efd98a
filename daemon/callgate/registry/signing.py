"""Sign what changed: new versions of the offline roles, as many signatures as there are keys at hand."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from securesystemslib.signer import Signer
from tuf.api.metadata import Root, Targets

from callgate.model.errors import RegistryError
from callgate.registry import roles
from callgate.registry.repository import AnyMetadata, Repository, utc_now

RENEW = 3
"""A signature is renewed when less than one part in so many of its time is left."""


@dataclass(frozen=True, slots=True)
class RoleState:
    """How far a role is: `signed` of `threshold` signatures on `version`."""

    role: str
    version: int
    signed: int
    threshold: int
    staged: bool
    """Not published yet."""
    expires: datetime.datetime
    why: str = ""
    """What made a new version necessary."""

    @property
    def complete(self) -> bool:
        """Enough signatures to be believed?"""
        return self.signed >= self.threshold


def sign(repository: Repository, signers: Mapping[str, Signer]) -> list[RoleState]:
    """Bring the offline roles up to date with the source and sign them. Raises RegistryError.

    Where keys are missing the staged metadata keeps the signatures so far; whoever has the other keys signs next.
    """
    wanted = repository.wanted()
    states = []
    for role in roles.OFFLINE:
        why = _stale_because(repository, role, wanted)
        if why:
            fresh = repository.next(role)
            if role in roles.DELEGATED:
                cast("Targets", fresh.signed).targets = wanted[role]
            repository.stage(role, fresh)
        staged = repository.staged(role)
        if staged is not None:
            _add_signatures(repository, role, staged, signers)
        states.append(state(repository, role, why))
    return states


def due(repository: Repository) -> dict[str, str]:
    """Which roles `sign` would make a new version of, and why."""
    wanted = repository.wanted()
    return {role: why for role in roles.OFFLINE if (why := _stale_because(repository, role, wanted))}


def state(repository: Repository, role: str, why: str = "") -> RoleState:
    """How far a role is. Raises RegistryError if it does not exist yet."""
    metadata = repository.effective(role)
    if metadata is None:
        raise RegistryError(str(repository.folder), f"has no {role} yet", "run `callgate registry sign` and `publish`")
    signed, threshold = count(repository, role, metadata)
    is_staged = repository.staged(role) is not None
    return RoleState(role, metadata.signed.version, signed, threshold, is_staged, metadata.signed.expires, why)


def count(repository: Repository, role: str, metadata: AnyMetadata) -> tuple[int, int]:
    """Valid signatures on this metadata, and how many it needs. A changed root needs both those of the keys before
    and of the keys after; the side that lacks more is told.
    """
    payload, signatures = metadata.signed_bytes, metadata.signatures
    if role != roles.ROOT:
        result = repository.delegator(role).get_verification_result(role, payload, signatures)
        return len(result.signed), result.threshold
    root = cast("Root", metadata.signed)
    sides = [root.get_verification_result(roles.ROOT, payload, signatures)]
    if before := repository.root_before(root.version):
        sides.append(before.get_verification_result(roles.ROOT, payload, signatures))
    worst = max(sides, key=lambda side: side.missing)
    return len(worst.signed), worst.threshold


def is_old(metadata: AnyMetadata, days: int) -> bool:
    """Is it time for a new signature?"""
    left: datetime.timedelta = metadata.signed.expires - utc_now()
    return left < datetime.timedelta(days=days) / RENEW


def holders(repository: Repository, role: str) -> set[str]:
    """The ids of the keys whose signature on this role helps."""
    found = set(repository.delegator(role).get_delegated_role(role).keyids)
    if role == roles.ROOT and (before := repository.root_before(repository.root().version)):
        found |= set(before.roles[roles.ROOT].keyids)
    return found


def _stale_because(repository: Repository, role: str, wanted: Mapping[str, Mapping[str, object]]) -> str:
    metadata = repository.effective(role)
    if metadata is None:
        return "first version"
    if role in roles.DELEGATED and cast("Targets", metadata.signed).targets != wanted[role]:
        return "its documents changed"
    if repository.staged(role) is None:
        signed, threshold = count(repository, role, metadata)
        if signed < threshold:
            return "its keys changed"
    if is_old(metadata, repository.days[role]):
        return "it expires soon"
    return ""


def _add_signatures(repository: Repository, role: str, metadata: AnyMetadata, signers: Mapping[str, Signer]) -> None:
    helpful = holders(repository, role)
    for keyid in set(metadata.signatures) - helpful:
        del metadata.signatures[keyid]
    for keyid in sorted(helpful & set(signers)):
        metadata.sign(signers[keyid], append=True)
    repository.stage(role, metadata)
