"""What survives a power cut and a crash: unsynced bytes are dropped at every length, lines torn at every byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from callgate.audit import checkpoints
from callgate.audit.store import Writer
from callgate.audit.verdict import judge
from callgate.model.event import Event
from callgate.settings import Durability
from crime import Scene, trust

FRAME = 4096 + 24
"""Bytes of one page in the write-ahead log."""


@pytest.mark.timeout(180)
def test_a_power_cut_never_takes_away_a_row_that_was_signed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.writer.sync()  # as before each signature; what the disk has from here on is at least this
    synced = scene.log.with_name("audit.db-wal").stat().st_size
    scene.seal()
    signed = checkpoints.read(scene.log).sealed[-1].checkpoint.size
    for _ in range(6):
        scene.write(3)
    whole = {path: path.read_bytes() for path in tmp_path.iterdir() if path.name != "audit.db-shm"}
    scene.close()
    wal = scene.log.with_name("audit.db-wal")
    cuts = range(synced, len(whole[wal]) + FRAME, FRAME // 2)
    assert len(cuts) > 10
    for cut in cuts:
        for path, data in whole.items():
            path.write_bytes(data[:cut] if path == wal else data)
        wal.with_name("audit.db-shm").unlink(missing_ok=True)
        found = judge(scene.log, trust())
        assert found["signed"]["rows"] == signed, cut
        assert all("lost in a power cut" in one for one in found["findings"]), (cut, found["findings"])
        writer = Writer.open(scene.log, Durability.COMMIT)
        writer.append(Event("daemon.started", 1))
        writer.close()
        assert judge(scene.log, trust())["signed"]["rows"] == signed, cut


@pytest.mark.parametrize(("durability", "level"), [(Durability.COMMIT, 1), (Durability.FSYNC, 2)])
def test_each_mode_asks_the_database_for_what_it_promises(tmp_path: Path, durability: Durability, level: int) -> None:
    tmp_path.chmod(0o700)
    writer = Writer.open(tmp_path / "audit.db", durability)
    assert writer._connection.execute("PRAGMA synchronous").fetchone() == (level,)
    writer.close()


def test_a_checkpoint_that_a_crash_tore_is_no_fault_and_the_next_one_is_whole(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.close()
    path = checkpoints.beside(scene.log)
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        book = checkpoints.read(scene.log)
        assert book.faults == () and len(book.sealed) == 2
    checkpoints.append(scene.log, checkpoints.stated(checkpoints.read(scene.log).sealed[0]))
    book = checkpoints.read(scene.log)
    assert book.faults == () and len(book.sealed) == 3 and path.read_bytes()[:start] == whole[:start]
