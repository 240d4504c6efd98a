"""A listener on a real socket, with a real gate and log, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from callgate.audit.store import Reader
from gate_site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    site.open()
    yield site
    site.close()
    assert Reader(site.audit).verify().ok
