"""Pure: the roles of a registry's repository, what each may sign, and how long its word holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ROOT = "root"
TARGETS = "targets"
SNAPSHOT = "snapshot"
TIMESTAMP = "timestamp"

DELEGATED: Mapping[str, str] = {
    "registry": "registry/*",
    "policy": "policy/*",
    "canary": "canary/*/*",
}
"""Role -> the target paths that it alone may sign. A stolen key reaches no further than its own folder."""

OFFLINE = (ROOT, TARGETS, *DELEGATED)
"""In the order in which they are signed: each is trusted by the one before it."""
ONLINE = (SNAPSHOT, TIMESTAMP)
"""Signed at each publish; their keys lie where the publishing job runs."""
ALL = (*OFFLINE, *ONLINE)

CANARY = "canary/"
"""In front of a path: the same file for the machines of the canary ring, which fall back to the plain path."""

SERVERS = "registry/servers.json"
POLICY = "policy/policy.cedar"
OPTIONS = "policy/options.json"

DAYS: Mapping[str, int] = {ROOT: 365, TARGETS: 365, **dict.fromkeys(DELEGATED, 180), SNAPSHOT: 14, TIMESTAMP: 3}
"""Days until a signature expires. The timestamp's is how long an attacker who holds back news can hide it."""
FOREVER: Mapping[str, int] = dict.fromkeys(ALL, 3650)
"""Days for a repository that the same machine signs and reads: there is nobody who could hold back news."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a new repository is set up: keys and threshold per role (one of one, where nothing is said)."""

    root_keys: int = 3
    root_threshold: int = 2
    targets_keys: int = 1
    targets_threshold: int = 1
    days: Mapping[str, int] | None = None
    """Days until expiry that differ from DAYS."""

    def problem(self) -> str | None:
        """What is wrong with this plan."""
        for role, keys, threshold in (
            (ROOT, self.root_keys, self.root_threshold),
            (TARGETS, self.targets_keys, self.targets_threshold),
        ):
            if not 1 <= threshold <= keys <= KEYS_MAX:
                return f"{role}: a threshold of {threshold} of {keys} keys makes no sense (1 to {KEYS_MAX} keys)"
        for role, days in (self.days or {}).items():
            if role not in ALL or not 1 <= days <= DAYS_MAX:
                return f"{role}: {days} days makes no sense (1 to {DAYS_MAX}, for one of {', '.join(ALL)})"
        return None


KEYS_MAX = 16
"""Keys of one role: more people than that do not share a secret."""
DAYS_MAX = 3650
"""Days: ten years."""


def role_of(path: str) -> str | None:
    """The role that may sign this target path, None if no role may."""
    parts = path.split("/")
    if not all(part and part not in (".", "..") for part in parts):
        return None
    role = parts[0]
    pattern = DELEGATED.get(role)
    return role if pattern is not None and len(parts) == pattern.count("/") + 1 else None
