"""Pure: the rules of the model channel, as settings state them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Secrets(StrEnum):
    """What happens to secrets in what an agent says to a model that is not approved for them."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class ModelRules:
    """The rules of the model channel. Patterns hold `*` and `?`, and are compared in lower case with
    `HOST/MODEL`.
    """

    allow: tuple[str, ...] = ()
    """Models that may be asked; none: all may."""
    trusted: tuple[str, ...] = ()
    """Models that may see secrets."""
    secrets: Secrets = Secrets.ALLOW
    """What is done where secrets are found in a request to another model."""
