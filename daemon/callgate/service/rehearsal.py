"""What a policy would have done on this machine: the log's newest calls and launches, asked again."""

from __future__ import annotations

import os
import time

from callgate.audit.store import Filter, Reader
from callgate.policy.allowlist import Allowlist
from callgate.policy.cedar import Policies
from callgate.policy.compiling import NEEDING, unpermitted
from callgate.policy.facts import Moment
from callgate.policy.replay import KINDS, Machine, Replayed, replay
from callgate.system.accounts import account

LAST = 1000
"""Questions, newest first, that a policy is asked before it comes into force: a second at most."""


def rehearse(
    reader: Reader, rules: Allowlist | None, candidate: Policies, last: int = LAST, since: int = 0
) -> Replayed:
    """Ask the candidate about the last so many recorded questions (0: all) since then (nanoseconds).

    Raises AuditError if there is no log that can be read.
    """
    who = account(os.getuid())
    known = rules or Allowlist()
    machine = Machine(who.name, who.groups, who.home, known.known, moment)
    wanted = [Filter(kind=kind, since=since, limit=last, newest_first=True) for kind in KINDS]
    rows = sorted((row for one in wanted for row in reader.rows(one)), key=lambda row: row.seq)
    return replay(rows[-last:] if last else rows, candidate, machine)


def moment(nanoseconds: int) -> Moment:
    """The local time of an event."""
    local = time.localtime(max(0, nanoseconds) // 10**9)
    return Moment(local.tm_hour, local.tm_wday + 1)


def fear(candidate: Policies, found: Replayed) -> str:
    """What is to be feared of a policy after its rehearsal, "" if nothing is."""
    if len(unpermitted(candidate)) == len(NEEDING):
        return "it permits nothing at all"
    if found.denies_everything:
        return f"it denies all of the last {found.questions:,} calls and launches that were let through or asked about"
    return ""
