"""Many machines in one process, polling one registry in turn; a line of JSON on stdout after each round.

python fleet.py URL ROOT FOLDER COUNT      ends when its stdin does
"""

from __future__ import annotations

import json
import random
import select
import sys
from collections import Counter
from pathlib import Path

from callgate.registry.sync import Outcome
from callgate.registry.web import Web
from organisation import Machine

EVERYWHERE = "npm:one@1.0.0"
"""Approved in every version of the registry."""
RESTARTS = 20
"""One machine in so many is restarted in each round, and must have its rules before it has seen the network."""


def bare(machine: Machine) -> bool:
    """Is this machine without the rules or the policy that every version of the registry has?"""
    return machine.rules is None or machine.rules.policies is None or not machine.allows(EVERYWHERE)


def main(url: str, root: str, folder: str, count: int) -> None:
    """Poll until nobody wants to know any more."""
    machines = [Machine(Path(folder) / str(number), Web(url), Path(root)) for number in range(count)]
    outcomes: Counter[str] = Counter()
    lost = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        for number in random.sample(range(count), count):
            machine = machines[number]
            had = machine.rules is not None
            if had and random.randrange(RESTARTS) == 0:
                machine.sync.source.place.close()
                machine = machines[number] = Machine(Path(folder) / str(number), Web(url), Path(root))
                outcomes["restarted"] += 1
                lost += bare(machine)
            outcome = machine.sync.poll()
            outcomes[outcome.value] += 1
            lost += had and bare(machine)
            if outcome is Outcome.REFUSED:
                outcomes[f"refused: {machine.sync.error}"[:200]] += 1
        good = [machine.sync.good for machine in machines]
        said = {
            "approvals": Counter(
                len(machine.rules.allowlist.approvals) if machine.rules else 0 for machine in machines
            ),
            "roots": Counter(one.versions["root"] if one else 0 for one in good),
            "outcomes": outcomes,
            "lost": lost,
        }
        print(json.dumps(said), flush=True)
    Machine.close_all()


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
