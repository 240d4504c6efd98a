"""A thousand machines poll one nginx while a publish and a rotation of the root happen: all converge, none is bare."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from callgate.registry import roles
from nginx import Nginx
from organisation import Organisation

FLEET = int(os.environ.get("CALLGATE_FLEET", "1000"))
"""Machines, each with its own cache and its own TUF client."""
PROCESSES = 4
POLICY = b'@id("approved")\npermit(principal, action, resource);\n'
PATIENCE = 240.0
"""Seconds for one change to reach all of them, on a busy machine with two cores."""
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(900)


class Crew:
    """One process with its share of the machines; `said` is its last round."""

    def __init__(self, web: Nginx, org: Organisation, folder: Path, count: int) -> None:
        script = ROOT / "tests" / "fakes" / "fleet.py"
        paths = os.pathsep.join([str(script.parent), str(ROOT / "tests" / "e2e"), os.environ.get("PYTHONPATH", "")])
        self.said: dict[str, Any] = {}
        self.process = subprocess.Popen(
            [sys.executable, str(script), web.url, str(org.root), str(folder), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": paths},
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self._half = b""

    def hear(self) -> dict[str, Any]:
        """The last whole round."""
        assert self.process.stdout is not None and self.process.poll() is None, "a crew has ended"
        lines = (self._half + (self.process.stdout.read() or b"")).split(b"\n")
        self._half = lines.pop()
        if lines:
            self.said = json.loads(lines[-1])
        return self.said

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def total(crews: list[Crew], field: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for crew in crews:
        found.update(crew.said.get(field, {}))
    return found


def converge(crews: list[Crew], fits: Callable[[], bool], what: str) -> float:
    """Seconds until it is so of every machine."""
    started = time.monotonic()
    while True:
        for crew in crews:
            crew.hear()
        if fits():
            return time.monotonic() - started
        spent = time.monotonic() - started
        assert spent < PATIENCE, (what, total(crews, "approvals"), total(crews, "roots"), total(crews, "outcomes"))
        time.sleep(0.2)


def test_a_fleet_follows_a_publish_and_a_rotation_of_the_root_and_none_is_ever_without_rules(tmp_path: Path) -> None:
    org = Organisation(tmp_path / "org")
    org.publish("npm:one@1.0.0", files={roles.POLICY: POLICY})
    share = FLEET // PROCESSES
    everyone = share * PROCESSES
    with Nginx(org.public) as web:
        crews = [Crew(web, org, tmp_path / f"crew-{number}", share) for number in range(PROCESSES)]
        try:
            first = converge(crews, lambda: total(crews, "approvals")["1"] == everyone, "the first rules")
            org.publish("npm:one@1.0.0", "npm:two@1.0.0")
            second = converge(crews, lambda: total(crews, "approvals")["2"] == everyone, "the publish")
            for role in (roles.ROOT, roles.TIMESTAMP, "registry"):
                org.forget(org.rotate(role), role) if role != roles.ROOT else org.rotate(role)
            org.publish("npm:one@1.0.0", "npm:two@1.0.0", "npm:three@1.0.0")
            third = converge(
                crews,
                lambda: total(crews, "approvals")["3"] == everyone and total(crews, "roots")["2"] == everyone,
                "the rotation",
            )
            assert sum(crew.said["lost"] for crew in crews) == 0, "a machine was without rules"
            outcomes = total(crews, "outcomes")
            assert outcomes["updated"] == 3 * everyone, outcomes
            print(f"{everyone} machines: first rules {first:.0f} s, publish {second:.0f} s, rotation {third:.0f} s; "
                  f"{len(web.asked()):,} requests; {dict(outcomes)}")  # fmt: skip
        finally:
            for crew in crews:
                crew.close()
