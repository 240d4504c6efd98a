"""Pure: which models may be asked, and what may be said to them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from callgate.model.call import Effect, Verdict
from callgate.model.channel import ModelRules, Secrets

ALLOWED = "model.allowed"
UNAPPROVED = "model.unapproved"
EXPOSED = "model.secret"
UNREAD = "model.unread"


def judge(rules: ModelRules, host: str, model: str | None, secrets: Sequence[str]) -> Verdict:
    """May this request go to that model? `model` is None where the request could not be read; `secrets` are the kinds
    of secrets that were found in it.
    """
    name = f"{host}/{model or '?'}"
    if model is None and (rules.allow or rules.secrets is Secrets.DENY):
        return Verdict(Effect.DENY, UNREAD, f"a request to {host} cannot be read, so no rule for models can hold")
    if rules.allow and not _matches(rules.allow, name):
        return Verdict(Effect.DENY, UNAPPROVED, f"the model {name} is not approved (model.allow)")
    if secrets and rules.secrets is Secrets.DENY and not _matches(rules.trusted, name):
        kinds = ", ".join(sorted(set(secrets)))
        why = f"the request holds what looks like a secret ({kinds}), and {name} may not see secrets (model.trusted)"
        return Verdict(Effect.DENY, EXPOSED, why)
    return Verdict(Effect.ALLOW, ALLOWED, "the model may be asked")


def _matches(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
