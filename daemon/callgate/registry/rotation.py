"""Other keys for a role: added, revoked, another threshold. Staged like any change, and then signed and published."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import cast

from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Role, Root, Targets

from callgate.model.errors import RegistryError
from callgate.registry import roles
from callgate.registry.repository import Repository


def keyids(repository: Repository, role: str) -> list[str]:
    """The ids of the keys that may sign for a role, as they are or will be. Raises RegistryError."""
    return list(_role(repository, role).keyids)


def change_keys(
    repository: Repository,
    role: str,
    *,
    add: Sequence[Key] = (),
    drop: Collection[str] = (),
    threshold: int | None = None,
) -> int:
    """Stage other keys for a role; returns the version of the role above (root or targets) that says so.

    Raises RegistryError if a key to drop is not there, or if the threshold could not be reached any more.
    """
    _role(repository, role)
    above = roles.TARGETS if role in roles.DELEGATED else roles.ROOT
    metadata = repository.next(above)
    signed = cast("Root | Targets", metadata.signed)
    for keyid in drop:
        try:
            signed.revoke_key(keyid, role)
        except ValueError as error:
            raise RegistryError(f"key {keyid[:12]}", f"does not sign for {role}", "see the ids by `verify`") from error
    for key in add:
        signed.add_key(key, role)
    found = signed.get_delegated_role(role)
    if threshold is not None:
        found.threshold = threshold
    if not 1 <= found.threshold <= len(found.keyids):
        have = f"would have {len(found.keyids)} keys and a threshold of {found.threshold}"
        raise RegistryError(role, have, "add keys, or give another --threshold")
    repository.stage(above, metadata)
    return int(signed.version)


def _role(repository: Repository, role: str) -> Role | DelegatedRole:
    if role not in roles.ALL:
        raise RegistryError(role, "is no role", f"one of {', '.join(roles.ALL)}")
    return repository.delegator(role).get_delegated_role(role)
