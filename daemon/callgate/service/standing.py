"""What the rules in force say of a server or of one entry of it, as the local API gives it."""

from __future__ import annotations

import time
from typing import Any

from callgate.model.call import Effect
from callgate.model.identity import Identified
from callgate.model.inventory import Entry
from callgate.policy import ladder
from callgate.policy.allowlist import Allowlist
from callgate.service.worker import Worker


def standing(
    worker: Worker, rules: Allowlist | None, on_doubt: Effect, identified: Identified, entry: Entry | None
) -> dict[str, Any]:
    """Effect, rule and reason; with an entry, of how that entry would be started, and as what."""
    startup = worker.startup(entry, rules) if entry is not None else None
    verdict = ladder.judge_launch(rules, identified, on_doubt, time.time(), startup)
    said = {"effect": verdict.effect.word, "rule": verdict.rule, "reason": verdict.reason}
    if startup is not None and startup.instead is not None:
        said["started_as"] = str(startup.instead.server.server)
    return said
