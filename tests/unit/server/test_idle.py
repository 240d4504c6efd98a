"""The log is moved out of its write-ahead log between calls, never inside the commit that a call waits for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from callgate.audit import opening
from callgate.audit.store import Reader
from callgate.server import listener
from gate_site import Site
from until import until

PAGE = 4096 + 24


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def wal(site: Site) -> int:
    """Bytes of the write-ahead log."""
    return site.audit.with_name("audit.db-wal").stat().st_size


def test_without_any_pause_the_write_ahead_log_stays_small_and_no_commit_moves_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "UNSETTLED_MAX", 50)
    monkeypatch.setattr(listener, "PAUSE", 3600.0)
    moved: list[bool] = []
    tidy = site.writer.tidy
    monkeypatch.setattr(site.writer, "tidy", lambda: (moved.append(bool(site.writer.pending)), tidy()))
    site.open()
    with site.client() as client:
        client.greet()
        for _ in range(400):
            assert client.ask().allowed
    assert len(moved) >= 7 and not any(moved)
    assert wal(site) < 50 * 2 * 6 * PAGE
    assert Reader(site.audit).verify().ok


def test_a_short_pause_is_enough_once_some_rows_wait(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "UNSETTLED_SOME", 20)
    monkeypatch.setattr(listener, "IDLE", 3600.0)
    site.open()
    with site.client() as client:
        client.greet()
        for _ in range(30):
            client.ask()
        until(lambda: site.gate.unsettled == 0, "an idle moment", 20)


def test_a_log_that_nobody_tidies_is_bounded_all_the_same(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "UNSETTLED_MAX", 10**9)
    monkeypatch.setattr(listener, "PAUSE", 3600.0)
    (set_to,) = site.writer._connection.execute("PRAGMA wal_autocheckpoint").fetchone()
    assert set_to == opening.WAL_PAGES
    site.writer._connection.execute("PRAGMA wal_autocheckpoint = 100").fetchall()
    site.open()
    with site.client() as client:
        client.greet()
        for _ in range(300):
            client.ask()
    assert wal(site) < 3 * 100 * PAGE
