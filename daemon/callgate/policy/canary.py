"""Pure: canaries, calls and requests that are made only to be refused: how they are known, and by which rule.

A name that begins with PREFIX is refused in every mode, whoever calls it, by a rule that no registry and no policy can
change: so no canary ever reaches a server or a model by way of the gate.
"""

from __future__ import annotations

from typing import TypeGuard

from callgate.model.call import Effect, Verdict

PREFIX = "callgate_canary_"
"""How the name of a canary tool or model begins; what follows is random and used once."""
RULE = "canary"
VERDICT = Verdict(Effect.DENY, RULE, "a canary: it is made to be refused, and shows that this way passes the gate")


def is_canary(name: str | None) -> TypeGuard[str]:
    """Is this the name of a canary?"""
    return name is not None and name.startswith(PREFIX)
