"""A publish of new keys that is killed between any two files: machines keep their rules, the next publish heals it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from callgate.registry import roles, signing
from callgate.registry.places import Folder
from callgate.registry.sync import Outcome
from organisation import Machine, Organisation, document

OLD, NEW = "npm:old@1.0.0", "npm:new@1.0.0"
KILLED = """
import os, signal, sys
from pathlib import Path
from callgate.registry import keys, publishing
from callgate.registry.repository import Repository

real, left = publishing._write, int(sys.argv[3])

def write(path, data):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    real(path, data)

publishing._write = write
publishing.publish(Repository(Path(sys.argv[1])), keys.find([Path(sys.argv[2])]))
"""


@pytest.mark.parametrize("writes", range(9))
def test_a_rotation_that_is_killed_anywhere_leaves_no_machine_bare_and_heals(tmp_path: Path, writes: int) -> None:
    org = Organisation(tmp_path / "org")
    org.publish(OLD)
    machine = Machine(tmp_path / "cache", Folder(org.public), org.root)
    assert machine.sync.poll() is Outcome.UPDATED
    for role in (roles.ROOT, roles.TIMESTAMP, roles.SNAPSHOT, "registry"):
        revoked = org.rotate(role)
        if role != roles.ROOT:  # the old root keys must still sign the root that replaces them
            org.forget(revoked, role)
    org.repository.put(roles.SERVERS, document(NEW))
    signing.sign(org.repository, org.signers)
    command = [sys.executable, "-c", KILLED, str(org.repository.folder), str(org.folder / "keys"), str(writes)]
    killed = subprocess.run(command, capture_output=True, timeout=60).returncode == -signal.SIGKILL
    outcome = machine.sync.poll()
    if killed:
        assert outcome is not Outcome.UPDATED and machine.allows(OLD) and not machine.allows(NEW)
    restarted = Machine(tmp_path / "cache", Folder(org.public), org.root)
    assert restarted.loaded and restarted.allows(OLD) is killed
    org.publish(NEW)
    assert machine.sync.poll() in (Outcome.UPDATED, Outcome.UNCHANGED) and machine.allows(NEW)
    fresh = Machine(tmp_path / "fresh", Folder(org.public), org.root)
    assert fresh.sync.poll() is Outcome.UPDATED and fresh.allows(NEW) and not fresh.allows(OLD)
