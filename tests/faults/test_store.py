"""What must not cost a row or break the chain: kill -9, a full disk, a second daemon, damage to the files."""

import contextlib
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from callgate.audit.check import Harm
from callgate.audit.payload import Kept
from callgate.audit.store import Filter, Reader, Writer
from callgate.model.errors import AuditError
from callgate.model.event import Event
from callgate.settings import Durability

PROGRAM = Path(__file__).with_name("audit_writer.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "audit.db"


def start(path: Path, durability: str, seed: int, tidy: int = 31) -> "subprocess.Popen[str]":
    command = [sys.executable, str(PROGRAM), str(path), durability, str(seed), str(tidy)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def fill(path: Path, count: int, size: int = 10) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    for n in range(count):
        writer.append(Event("call.asked", n, uid=f"u-{n}", reason="x" * size))
        if n % 50 == 0:
            writer.commit()
    writer.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("durability", "tidy"), [("commit", 31), ("fsync", 31), ("commit", 1)])
def test_kill_9_at_any_moment_loses_no_acknowledged_row(path: Path, durability: str, tidy: int) -> None:
    """With `tidy` 1 most of the time goes into moving the write-ahead log, so most of the kills fall into that."""
    dice = random.Random(7)
    acknowledged = 0
    for round_ in range(15):
        process = start(path, durability, round_ * 1000, tidy)
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "findings\n", process.stderr.read()
        said = [process.stdout.readline() for _ in range(dice.randrange(0, 200))]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()  # what was acknowledged until it died
        process.communicate(timeout=30)
        acknowledged = max([acknowledged, *(int(line) for line in said if line.endswith("\n"))])
        found = Reader(path).verify()
        assert found.ok, found.faults
        assert found.last[0] >= acknowledged
        assert {row.seq for row in Reader(path).rows(Filter())} == set(range(found.cut + 1, found.last[0] + 1))
    assert acknowledged > 1000


def test_two_daemons_cannot_write_one_log_and_the_second_can_follow(path: Path) -> None:
    process = start(path, "commit", 1)
    assert process.stdout is not None
    assert process.stdout.readline() == "findings\n"
    with pytest.raises(AuditError, match="another daemon"):
        Writer.open(path, Durability.COMMIT)
    process.kill()
    process.communicate(timeout=30)
    writer = Writer.open(path, Durability.COMMIT)
    assert writer.findings == ()
    writer.close()


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of that size at `folder`."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "callgate-test", str(folder)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def write_until_refused(writer: Writer) -> tuple[list[str], str]:
    """Uids of all that was committed, and the error that ended it."""
    durable: list[str] = []
    for turn in range(100_000):
        batch = [f"{turn}-{n}" for n in range(5)]
        try:
            for uid in batch:
                writer.append(Event("call.asked", 1, uid=uid), Kept("d", 1, "x" * 500, salt=b"s"))
            writer.commit()
        except AuditError as error:
            assert writer.pending == 0
            return durable, str(error)
        durable += batch
    raise AssertionError("the disk never filled up")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
@pytest.mark.parametrize("durability", Durability)
def test_a_full_disk_refuses_whole_batches_and_works_again_with_room(tmp_path: Path, durability: Durability) -> None:
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    with small_disk(disk, "2m"):
        path = disk / "audit.db"
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 900_000)
        writer = Writer.open(path, durability)
        durable, error = write_until_refused(writer)
        assert "free some space" in error or "full" in error
        assert [row.event.uid for row in Reader(path).rows(Filter())] == durable
        for _ in range(3):
            with pytest.raises(AuditError):
                for n in range(1000):
                    writer.append(Event("call.asked", 1, uid=f"lost-{n}", reason="x" * 4000))
                writer.commit()
        ballast.unlink()
        writer.append(Event("call.asked", 2, uid="again"))
        writer.commit()
        writer.close()
        assert [row.event.uid for row in Reader(path).rows(Filter())] == [*durable, "again"]
        assert Reader(path).verify().ok


def test_a_file_size_limit_refuses_whole_batches_and_works_again_when_lifted(path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = Writer.open(path, Durability.COMMIT)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    try:
        durable, error = write_until_refused(writer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "audit.db" in error and durable
    writer.append(Event("call.asked", 2, uid="again"))
    writer.commit()
    writer.close()
    assert [row.event.uid for row in Reader(path).rows(Filter())] == [*durable, "again"]
    assert Reader(path).verify().ok


def killed_with_rows_in_the_wal(path: Path) -> int:
    process = start(path, "commit", 1)
    assert process.stdout is not None
    last = ""
    for _ in range(20):
        last = process.stdout.readline()
    process.kill()
    said = [last, *process.stdout.read().split("\n")[:-1]]
    process.communicate(timeout=30)
    return int(said[-1])


def test_a_deleted_write_ahead_log_is_noticed(path: Path) -> None:
    last = killed_with_rows_in_the_wal(path)
    path.with_name("audit.db-wal").unlink()
    (fault,) = Reader(path).verify().faults
    assert fault.harm is Harm.CUT_END and fault.last >= last
    writer = Writer.open(path, Durability.COMMIT)
    assert "missing at the end" in writer.findings[0] and writer.append(Event("daemon.started", 1)) > last
    writer.close()
    assert Reader(path).verify().faults[0].last >= last


def test_a_truncated_write_ahead_log_is_noticed(path: Path) -> None:
    last = killed_with_rows_in_the_wal(path)
    wal = path.with_name("audit.db-wal")
    os.truncate(wal, wal.stat().st_size // 2)
    faults = Reader(path).verify().faults
    assert [fault.harm for fault in faults] == [Harm.CUT_END] and faults[0].last >= last
    writer = Writer.open(path, Durability.COMMIT)
    assert "missing at the end" in writer.findings[0] and writer.append(Event("daemon.started", 1)) > last
    writer.close()


def test_garbage_in_the_write_ahead_log_never_crashes(path: Path) -> None:
    dice = random.Random(3)
    killed_with_rows_in_the_wal(path)
    wal = path.with_name("audit.db-wal")
    kept, main = wal.read_bytes(), path.read_bytes()
    for _ in range(30):
        spoilt = bytearray(kept)
        for _ in range(dice.randrange(1, 50)):
            spoilt[dice.randrange(len(spoilt))] ^= 1 << dice.randrange(8)
        wal.write_bytes(spoilt)
        path.write_bytes(main)
        path.with_name("audit.db-shm").unlink(missing_ok=True)
        with contextlib.suppress(AuditError):
            Reader(path).verify()
        Writer.open(path, Durability.COMMIT).close()


def test_any_truncation_of_the_file_is_noticed(path: Path) -> None:
    fill(path, 500, 200)
    whole = path.read_bytes()
    note = path.with_name("audit.db.head").read_bytes()
    for size in (*range(4096, len(whole), 16 * 4096), len(whole) - 1, 4097, 100, 1):
        path.write_bytes(whole[:size])
        path.with_name("audit.db.head").write_bytes(note)
        with contextlib.suppress(AuditError):
            assert not Reader(path).verify().ok, size
        writer = Writer.open(path, Durability.COMMIT)
        assert writer.findings, size
        writer.append(Event("daemon.started", 1))
        writer.close()
        for file in path.parent.iterdir():
            if file != path:
                file.unlink()


def test_a_corrupted_page_is_a_finding_or_an_error_never_a_crash(path: Path) -> None:
    fill(path, 500, 200)
    whole = path.read_bytes()
    named = 0
    for page in range(len(whole) // 4096):
        spoilt = bytearray(whole)
        spoilt[page * 4096 : (page + 1) * 4096] = random.Random(page).randbytes(4096)
        path.write_bytes(spoilt)
        reader = Reader(path)
        try:
            found = reader.verify()
            named += any(fault.harm is Harm.DAMAGED for fault in found.faults)
            assert not found.faults or found.checked < 500 or all(fault.first for fault in found.faults)
        except AuditError:
            continue
        with contextlib.suppress(AuditError):
            list(reader.rows(Filter(limit=100)))
        with contextlib.suppress(AuditError):
            reader.get("u-7")
        with contextlib.suppress(AuditError):
            reader.counts()
    assert named > 10


def test_rows_around_a_damaged_page_are_still_checked(path: Path) -> None:
    fill(path, 500, 200)
    whole = path.read_bytes()
    at = whole.index(b'"uid":"u-250"') // 4096
    path.write_bytes(whole[: at * 4096] + b"\xff" * 4096 + whole[(at + 1) * 4096 :])
    found = Reader(path).verify()
    (fault,) = found.faults
    assert fault.harm is Harm.DAMAGED and fault.first <= 251 <= fault.last and fault.last - fault.first < 20
    assert found.checked == 500 - (fault.last - fault.first + 1)


def test_a_daemon_goes_on_writing_where_an_old_page_is_damaged(path: Path) -> None:
    fill(path, 3000, 200)
    whole = path.read_bytes()
    at = whole.index(b'"uid":"u-250"') // 4096
    path.write_bytes(whole[: at * 4096] + b"\xff" * 4096 + whole[(at + 1) * 4096 :])
    writer = Writer.open(path, Durability.COMMIT)
    assert writer.findings == () and writer.append(Event("daemon.started", 1)) == 3001
    writer.commit()
    with contextlib.suppress(AuditError):
        while writer.cut(2000, 5000):
            pass
    assert writer.append(Event("call.asked", 1)) > 3001
    writer.close()
    assert [fault.harm for fault in Reader(path).verify().faults] == [Harm.DAMAGED]


def test_a_log_deleted_under_a_running_writer_is_noticed_at_the_next_start(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    writer.append(Event("call.asked", 1))
    writer.commit()
    for side in ("", "-wal", "-shm"):
        path.with_name(path.name + side).unlink()
    with contextlib.suppress(AuditError):
        writer.append(Event("call.asked", 1))
        writer.commit()
    with contextlib.suppress(AuditError):
        writer.close()
    writer = Writer.open(path, Durability.COMMIT)
    assert "missing" in writer.findings[0]
    writer.close()


def test_a_table_that_vanishes_under_a_running_writer_is_an_error_not_a_crash(path: Path) -> None:
    writer = Writer.open(path, Durability.COMMIT)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("DROP TABLE event")
    other.close()
    with pytest.raises(AuditError):
        writer.append(Event("call.asked", 1))
    with pytest.raises(AuditError):
        writer.find_call("u")
    writer.close()
    assert "set aside" in Writer.open(path, Durability.COMMIT).findings[0]
