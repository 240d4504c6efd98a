"""What a signed log proves, and what it proves to somebody who kept a checkpoint of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from callgate.audit import checkpoints
from callgate.audit.merkle import root_of
from callgate.audit.note import COSIGNER, PLAIN, Checkpoint, Key, Note, Signer
from callgate.audit.opening import Signed
from callgate.audit.signed import Sealed, rotation
from callgate.audit.store import Writer
from callgate.audit.verdict import Trust, judge
from callgate.model.errors import AuditError
from callgate.model.event import Event
from callgate.settings import Durability
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DAY = 24 * 3600 * 10**9
DEVICE = Ed25519PrivateKey.from_private_bytes(b"d" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
TRUST = Trust((Key("", PLAIN, DEVICE.public_key().public_bytes_raw()),))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "audit.db"


def write(writer: Writer, count: int, start: int = 0) -> None:
    for n in range(start, start + count):
        writer.append(Event("call.asked", n * DAY, uid=f"u-{n}"))
    writer.commit()


def seal(writer: Writer, key: Ed25519PrivateKey = DEVICE) -> Sealed:
    """Sign what is there, as the daemon does."""
    (size, last), frontier = writer.durable
    checkpoint = Checkpoint(writer.origin, size, root_of(frontier))
    note = Note(checkpoint.text, (Signer(writer.origin, key).sign(checkpoint.text),))
    made = Sealed(note, checkpoint, frontier, last)
    checkpoints.append(writer.path, checkpoints.stated(made))
    return made


def signed(made: Sealed) -> Signed:
    return Signed(made.checkpoint.origin, (made.checkpoint.size, made.last), made.frontier)


def test_what_was_signed_is_proved_and_what_came_later_is_not(log: Path) -> None:
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 300)
    seal(writer)
    write(writer, 10, 300)
    writer.close()
    found = judge(log, TRUST)
    assert found["ok"] and found["signed"]["rows"] == 300 and found["signed"]["checkpoints"] == 1
    assert any("rows 1 to 300: exactly those that were signed" in sentence for sentence in found["proved"])
    assert any("rows 301 to 310: not signed yet" in sentence for sentence in found["not_proved"])


def test_a_log_without_checkpoints_proves_nothing_against_who_recomputes_it(log: Path) -> None:
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 3)
    writer.close()
    found = judge(log, TRUST)
    assert found["ok"] and "nobody recomputed" in found["not_proved"][0]


def test_a_tree_goes_on_after_a_restart_with_and_without_its_checkpoints(log: Path) -> None:
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 300)
    first = seal(writer)
    writer.close()
    for known in (signed(first), None):
        writer = Writer.open(log, Durability.COMMIT, known)
        assert writer.findings == ()
        write(writer, 77)
        seal(writer)
        writer.close()
    found = judge(log, TRUST)
    assert found["ok"] and found["signed"] == found["signed"] | {"rows": 454, "checkpoints": 3}


def test_retention_breaks_no_proof_between_checkpoints_old_and_new(log: Path) -> None:
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 700)
    kept = seal(writer)
    write(writer, 300, 700)
    while writer.cut(900 * DAY, 10**4 * DAY):
        pass
    seal(writer)
    writer.close()
    found = judge(log, TRUST, str(kept.note))
    assert found["ok"] and found["cut"] == 900 and found["signed"]["checkpoints"] == 3
    assert any("retention removed them" in sentence for sentence in found["not_proved"])
    writer = Writer.open(log, Durability.COMMIT)
    assert root_of(writer.durable[1]) == Checkpoint.parse(seal(writer).note.text).root
    writer.close()
    assert judge(log, TRUST)["ok"]


def test_rows_that_were_signed_and_then_taken_away_stay_missing_and_the_log_goes_on_consistently(log: Path) -> None:
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 300)
    kept = seal(writer)
    writer.close()
    with sqlite3.connect(log) as other:
        other.execute("DELETE FROM event WHERE seq > 250")
    other.close()
    writer = Writer.open(log, Durability.COMMIT, signed(kept))
    assert writer.append(Event("daemon.started", 1)) == 301
    write(writer, 50, 301)
    seal(writer)
    writer.close()
    found = judge(log, TRUST)
    assert not found["ok"] and found["signed"]["rows"] == 351
    assert any(sentence.startswith("rows 251 to 300") for sentence in found["findings"])
    assert all("351" not in sentence for sentence in found["findings"])


def test_rows_that_were_lost_before_they_were_signed_are_leaves_of_no_data(log: Path) -> None:
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 10)
    writer.close()
    with sqlite3.connect(log) as other:
        other.execute("DELETE FROM event WHERE seq > 7")
    other.close()
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 5)
    seal(writer)
    writer.close()
    found = judge(log, TRUST)
    assert found["findings"] == ["rows 8 to 10: missing between rows 7 and 11: deleted, or lost in a power cut"]
    assert found["signed"]["rows"] == 15


def test_a_checkpoint_kept_elsewhere_shows_a_restored_backup(log: Path) -> None:
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 10)
    seal(writer)
    writer.close()
    backup = {path: path.read_bytes() for path in log.parent.iterdir()}
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 10)
    kept = seal(writer)
    writer.close()
    for path, data in backup.items():
        path.write_bytes(data)
    assert judge(log, TRUST)["ok"]
    assert "older copy" in " ".join(judge(log, TRUST, str(kept.note))["findings"])
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 30, 50)
    seal(writer)
    writer.close()
    assert judge(log, TRUST)["ok"]
    found = judge(log, TRUST, str(kept.note))
    assert not found["ok"] and "are not those that the checkpoint of row 20 signed" in found["findings"][0]


@pytest.mark.parametrize("text", ["", "x" * 1000, "no note\n\n— a AAAA\n"])
def test_what_is_no_checkpoint_is_an_error(log: Path, text: str) -> None:
    Writer.open(log, Durability.COMMIT).close()
    with pytest.raises(AuditError, match="the checkpoint"):
        judge(log, TRUST, text or "\n\n")


def test_a_checkpoint_of_another_log_or_key_is_an_error(log: Path, tmp_path: Path) -> None:
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 3)
    stranger = seal(writer, OTHER)
    own = seal(writer)
    writer.close()
    with pytest.raises(AuditError, match="none of the trusted keys"):
        judge(log, TRUST, str(stranger.note))
    elsewhere = own.note.text.replace(writer.origin, "callgate/other/0123456789abcdef")
    note = Note(elsewhere, (Signer("callgate/other/0123456789abcdef", DEVICE).sign(elsewhere),))
    with pytest.raises(AuditError, match="another log"):
        judge(log, TRUST, str(note))


def test_after_a_rotation_older_checkpoints_count_by_the_new_key_and_newer_ones_by_the_old(log: Path) -> None:
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 3)
    seal(writer)
    old, new = Signer(writer.origin, DEVICE), Signer(writer.origin, OTHER)
    text = rotation(writer.origin, 3, old.key, new.key)
    checkpoints.append(log, {"rotation": str(Note(text, (old.sign(text), new.sign(text))))})
    write(writer, 3, 3)
    seal(writer, OTHER)
    writer.close()
    for trust in (TRUST, Trust((Key("", PLAIN, new.key.public),), given=True)):
        found = judge(log, trust)
        assert found["ok"] and found["signed"]["checkpoints"] == 2


def test_a_rotation_that_the_old_key_did_not_sign_is_forged(log: Path) -> None:
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 3)
    seal(writer)
    old, new = Signer(writer.origin, DEVICE), Signer(writer.origin, OTHER)
    text = rotation(writer.origin, 3, old.key, new.key)
    checkpoints.append(log, {"rotation": str(Note(text, (new.sign(text),)))})
    write(writer, 3, 3)
    seal(writer, OTHER)
    writer.close()
    findings = " ".join(judge(log, TRUST)["findings"])
    assert "a key rotation in the checkpoints is forged" in findings and "none of the trusted keys" in findings


def test_what_a_witness_saw_is_proved_with_its_time(log: Path) -> None:
    witness = Signer("witness.example", OTHER, COSIGNER)
    writer = Writer.open(log, Durability.COMMIT)
    write(writer, 3)
    made = seal(writer)
    writer.close()
    checkpoints.append(log, {"cosigned": 3, "lines": witness.sign(made.note.text, 1_800_000_000)})
    checkpoints.append(log, {"cosigned": 3, "lines": witness.sign("something else\n", 1_900_000_000)})
    found = judge(log, Trust(TRUST.keys, witnesses=(witness.key,)))
    assert found["signed"]["witnesses"] == [{"name": "witness.example", "rows": 3, "time": 1_800_000_000}]
    assert any("2027-01-15 08:00:00 UTC" in sentence for sentence in found["proved"])
