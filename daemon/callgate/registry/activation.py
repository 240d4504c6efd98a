"""Pure: from the bytes of verified target files to what the gate decides by. All of it, or an error and nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from callgate.model.errors import RegistryError
from callgate.policy.allowlist import Allowlist
from callgate.policy.cedar import Policies
from callgate.policy.compiling import compile_policies
from callgate.registry import bundle, options, reading, roles
from callgate.registry.options import Options

BASIS_DIGITS = 12
"""Of the digest that names a set of rules: enough to tell those of one organisation apart."""
MISTAKES_TOLD = 5
"""Mistakes in a policy that one error names."""


@dataclass(frozen=True, slots=True)
class InForce:
    """One consistent set of rules, as it came from one version of the registry."""

    allowlist: Allowlist
    options: Options
    policies: Policies | None = None
    """None: the registry has no policy."""
    basis: str = ""
    """The first digits of a digest over all files: names these rules in the audit log."""


def compiled(files: Mapping[str, bytes], source: str, *, strict: bool = False, signed_at: float = 0.0) -> InForce:
    """The rules that these target files state (by path, without a ring's prefix). Raises RegistryError that names
    `source`, the file and what is wrong in it. With `strict`, for whoever signs, unknown options are errors too.
    `signed_at` is when they were signed (seconds since the epoch).
    """
    servers = files.get(roles.SERVERS)
    if servers is None:
        raise RegistryError(source, f"has no {roles.SERVERS}", "its owner must publish one")
    named = f"{source}, {roles.SERVERS}"
    try:
        document = reading.read(servers)
    except ValueError as error:
        raise RegistryError(named, str(error), "see docs/registry.md for the form") from error
    stated = files.get(roles.OPTIONS)
    said = options.read(stated, f"{source}, {roles.OPTIONS}", strict=strict) if stated is not None else Options()
    policy = files.get(roles.POLICY)
    policies = _policies(policy, f"{source}, {roles.POLICY}") if policy is not None else None
    return InForce(bundle.rules(document, named, signed_at), said, policies, _basis(files))


def _basis(files: Mapping[str, bytes]) -> str:
    parts = (sha256(path.encode()).digest() + sha256(files[path]).digest() for path in sorted(files))
    return sha256(b"".join(parts)).hexdigest()[:BASIS_DIGITS]


def _policies(data: bytes, source: str) -> Policies:
    try:
        found = compile_policies(data.decode())
    except UnicodeDecodeError as error:
        raise RegistryError(source, "is not UTF-8", "save it as UTF-8") from error
    if isinstance(found, tuple):
        listed = "; ".join(str(mistake) for mistake in found[:MISTAKES_TOLD])
        more = f"; and {len(found) - MISTAKES_TOLD} more" if len(found) > MISTAKES_TOLD else ""
        raise RegistryError(source, listed + more, "`callgate policy check FILE` lists all that is wrong with a policy")
    return found
