"""The policy as a file of the registry: compiled before it comes into force, refused with its lines, or absent."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from asked import APPROVED, call
from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.registry import activation, options, roles
from callgate.registry.activation import InForce
from callgate.registry.cache import Cache
from callgate.registry.places import Folder
from callgate.registry.sync import Outcome, Source, Sync
from organisation import Organisation, document

DENY = APPROVED + '@id("no") forbid(principal, action, resource);'
BAD = APPROVED + '@id("no") forbid(principal, action, resource)\nwhen { context.colour };'


def compiled(policy: bytes | None, strict: bool = False) -> InForce:
    files = {roles.SERVERS: document("npm:files")} | ({roles.POLICY: policy} if policy is not None else {})
    return activation.compiled(files, "org", strict=strict)


def test_a_registry_need_not_have_a_policy() -> None:
    assert compiled(None).policies is None


def test_a_policy_comes_into_force_compiled() -> None:
    found = compiled(DENY.encode()).policies
    assert found is not None and found.judge(call()).verdict.effect is Effect.DENY


@pytest.mark.parametrize(
    ("policy", "told"),
    [(BAD.encode(), "line 3: "), (b"", "no policy"), (b"\xff\xfe", "UTF-8"), (b"permit;" * 30, "and 25 more")],
)
def test_a_policy_that_is_none_refuses_the_whole_registry(policy: bytes, told: str) -> None:
    for strict in (False, True):
        with pytest.raises(RegistryError, match=r"org, policy/policy\.cedar") as refused:
            compiled(policy, strict)
        assert told in str(refused.value)


def test_a_machine_keeps_the_policy_that_is_good(tmp_path: Path) -> None:
    org = Organisation(tmp_path / "org")
    org.publish("npm:files", files={roles.POLICY: DENY.encode()})
    put: list[InForce] = []
    source = Source(Folder(org.public), org.root, "stable")
    machine = Sync(source, Cache(tmp_path / "cache"), put.append, time.time)
    assert machine.poll() is Outcome.UPDATED and put[-1].policies is not None
    org.publish("npm:files", "npm:more", files={roles.POLICY: BAD.encode()})
    assert machine.poll() is Outcome.REFUSED and "line 3" in str(machine.error) and len(put) == 1
    again = Sync(source, Cache(tmp_path / "cache"), put.append, time.time)  # and over a restart, without a network
    assert again.load() and put[-1].policies is not None
    assert put[-1].policies.judge(call()).verdict.rule == "policy:no" and len(put[-1].allowlist.approvals) == 1
    org.publish("npm:files", files={roles.POLICY: APPROVED.encode()})
    assert again.poll() is Outcome.UPDATED and put[-1].policies is not None
    assert put[-1].policies.judge(call()).verdict.effect is Effect.ALLOW


def test_the_time_of_a_break_glass_is_the_organisations() -> None:
    assert options.read(b"{}", "org").break_glass_minutes == 60
    assert options.read(b'{"break_glass_minutes": 0}', "org").break_glass_minutes == 0
    for text in (b'{"break_glass_minutes": 1441}', b'{"break_glass_minutes": -1}', b'{"break_glass_minutes": true}'):
        with pytest.raises(RegistryError, match="minutes"):
            options.read(text, "org")
