"""Fixtures of the end-to-end tests: the product in a scratch home, in front of real servers and under real agents."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the parts of the test ground: `from ground.stdio import Peer`

from ground.product import Product


@pytest.fixture(scope="session")
def observed() -> Iterator[Product]:
    """A running daemon in observe mode, shared by tests that only pass calls through it."""
    with Product() as product:
        product.up()
        yield product


@pytest.fixture
def product() -> Iterator[Product]:
    """An installation of one test's own; nothing runs yet."""
    with Product() as product:
        yield product
