"""The device's key: made once, ours alone, handed over completely or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from callgate.audit import checkpoints
from callgate.audit.merkle import root_of
from callgate.audit.note import Checkpoint, Note, Signer
from callgate.audit.signed import Sealed, rotation
from callgate.audit.store import Writer
from callgate.model.errors import AuditError
from callgate.model.event import Event
from callgate.service import devicekey
from callgate.settings import Durability
from callgate.system.paths import Folders, folders


@pytest.fixture
def where(tmp_path: Path) -> Folders:
    made = folders({"CALLGATE_HOME": str(tmp_path / "s"), "HOME": str(tmp_path)})
    made.make()
    return made


def public(key: object) -> bytes:
    return key.public_key().public_bytes_raw()  # type: ignore[attr-defined, no-any-return]


def test_it_is_made_once_and_is_ours_alone(where: Folders) -> None:
    assert devicekey.public_key(where) is None
    key = devicekey.private_key(where).key
    assert public(devicekey.private_key(where).key) == public(key) == devicekey.public_key(where)
    assert stat.S_IMODE(where.device_key.stat().st_mode) == 0o600


def test_a_key_that_others_can_read_or_that_is_none_is_refused(where: Folders) -> None:
    devicekey.private_key(where)
    where.device_key.chmod(0o644)
    with pytest.raises(AuditError, match="can be read by other users"):
        devicekey.private_key(where)
    where.device_key.write_text("no key")
    with pytest.raises(AuditError, match="is no key of ours"):
        devicekey.private_key(where)


def test_a_public_half_that_was_swapped_is_put_right_by_the_daemon(where: Folders) -> None:
    key = devicekey.private_key(where).key
    where.device_key.with_suffix(".pub").write_text("AAAA")
    assert devicekey.public_key(where) is None
    devicekey.private_key(where)
    assert devicekey.public_key(where) == public(key)


def test_the_newest_checkpoint_tells_the_log_where_to_go_on(where: Folders) -> None:
    key = devicekey.private_key(where).key
    assert devicekey.newest_signed(where) is None
    writer = Writer.open(where.audit, Durability.COMMIT)
    for n in range(3):
        writer.append(Event("call.asked", n))
        writer.commit()
        (size, last), frontier = writer.durable
        checkpoint = Checkpoint(writer.origin, size, root_of(frontier))
        note = Note(checkpoint.text, (Signer(writer.origin, key).sign(checkpoint.text),))
        checkpoints.append(where.audit, checkpoints.stated(Sealed(note, checkpoint, frontier, last)))
    writer.close()
    found = devicekey.newest_signed(where)
    assert found is not None and (found.last, found.frontier) == writer.durable and found.origin == writer.origin
    for file in where.data.glob("audit.db*"):
        if file.name != "audit.db.checkpoints":
            file.unlink()
    writer = Writer.open(where.audit, Durability.COMMIT, found)
    assert writer.origin == found.origin and writer.append(Event("daemon.started", 1)) == 4
    assert "missing" in writer.findings[0]
    writer.close()


@pytest.mark.parametrize("said", [True, False])
def test_a_rotation_that_a_crash_interrupted_is_completed_if_it_was_said(where: Folders, said: bool) -> None:
    old = devicekey.private_key(where).key
    new = devicekey.successor(where).key
    name = "callgate/a/0123456789abcdef"
    one, two = Signer(name, old), Signer(name, new)
    text = rotation(name, 1, one.key, two.key)
    if said:
        checkpoints.append(where.audit, {"rotation": str(Note(text, (one.sign(text), two.sign(text))))})
    assert devicekey.finish_rotation(where) is said
    assert public(devicekey.private_key(where).key) == devicekey.public_key(where) == public(new if said else old)
    assert devicekey.finish_rotation(where) is False
