"""A policy that is feared is told when it comes, and again after each restart for as long as it is in force."""

from __future__ import annotations

from pathlib import Path

import pytest
from callgate.model.event import Event
from callgate.policy.allowlist import Allowlist
from callgate.policy.cedar import Policies
from callgate.registry import roles
from callgate.service.registrar import Registrar
from callgate.settings import Registry
from callgate.system.paths import Folders
from nginx import Nginx
from organisation import Organisation
from until import until

ONE = "npm:one@1.0.0"
GOOD = b'@id("approved")\npermit(principal, action, resource);\n'
BAD = GOOD + b'@id("stop")\nforbid(principal, action, resource);\n'


def feared(rules: Allowlist, policies: Policies) -> str:
    """As the daemon's rehearsal says it as long as the log still knows calls that were let through."""
    return "it denies all" if len(policies.policies) > 1 else ""


def forgetful(rules: Allowlist, policies: Policies) -> str:
    """The same when the log knows of denials only."""
    return ""


class Machine:
    """A registrar over the same folders at each start."""

    def __init__(self, where: Folders, org: Organisation, url: str) -> None:
        self._where, self._settings = where, Registry(url=url, root=str(org.root), poll=1)
        self.events: list[Event] = []

    def start(self, rehearse: object = feared) -> Registrar:
        self.events.clear()
        made = Registrar(self._where, self._settings, record=self.events.extend, rehearse=rehearse)  # type: ignore[arg-type]
        made.load()
        made.start()
        until(lambda: made.rules is not None, "the rules", 20)
        return made

    @property
    def warnings(self) -> list[str]:
        return [event.reason for event in self.events if event.kind == "policy.warned"]


@pytest.mark.parametrize("damage", [None, b"{", b"[1]", b'{"policy": 1}'])
def test_a_warning_outlives_restarts_and_goes_with_its_policy(tmp_path: Path, damage: bytes | None) -> None:
    where = Folders(tmp_path / "config", tmp_path / "data", tmp_path / "run")
    where.make()
    org = Organisation(tmp_path / "org")
    org.publish(ONE, files={roles.POLICY: BAD})
    with Nginx(org.public) as web:
        machine = Machine(where, org, web.url)
        first = machine.start()
        assert machine.warnings == ["it denies all"] and any("it denies all" in one for one in first.problems)
        first.stop(10)

        for _ in range(2):
            again = machine.start(forgetful)
            assert machine.warnings == ["it denies all"] and any("it denies all" in one for one in again.problems)
            again.stop(10)

        if damage is not None:
            (where.data / "policy-warning.json").write_bytes(damage)
            quiet = machine.start(forgetful)
            assert machine.warnings == [] and quiet.problems == []
            quiet.stop(10)
            return
        org.publish(ONE, "npm:two@1.0.0", files={roles.POLICY: BAD})
        other = machine.start(forgetful)
        until(lambda: len(other.rules.approvals) == 2 if other.rules else False, "the second server", 20)
        assert machine.warnings == ["it denies all"], "the same policy with other approvals"
        org.publish(ONE, files={roles.POLICY: GOOD})
        other.poll()
        until(lambda: other.problems == [], "no more to fear", 20)
        other.stop(10)
        last = machine.start()
        assert machine.warnings == [] and last.problems == []
        last.stop(10)
