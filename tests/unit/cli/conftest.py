"""The installed command in scratch homes; one daemon for all tests that only look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from command import Cli, write_config
from installation import Installation


@pytest.fixture(scope="module")
def running() -> Iterator[Cli]:
    """A daemon that is up, over a home with servers. Tests that use it leave it up."""
    with Installation() as place:
        write_config(place.home)
        cli = Cli(place)
        cli.good("up")
        yield cli


@pytest.fixture
def place() -> Iterator[Installation]:
    with Installation() as place:
        yield place


@pytest.fixture
def cli(place: Installation) -> Cli:
    """Nothing was ever set up here."""
    return Cli(place)
