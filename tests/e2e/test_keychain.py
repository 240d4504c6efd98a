"""The device's key in a real Secret Service (GNOME's), on a session bus of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from callgate.service.offline import verify_offline
from installation import Installation
from until import until

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment by which an unlocked keychain is reached."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        if os.environ.get("CALLGATE_REQUIRE_TOOLS"):
            pytest.fail(f"{missing} not installed")
        pytest.skip(f"{missing} not installed")
    address = f"unix:path={tmp_path}/bus"
    own = {"DBUS_SESSION_BUS_ADDRESS": address, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    daemon = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--address", address])
    until((tmp_path / "bus").exists, "the bus", 20)
    keys = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
        env={**os.environ, **own},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert keys.stdin is not None
    keys.stdin.write(b"a password")
    keys.stdin.close()
    yield own
    for one in (keys, daemon):
        one.kill()
        one.wait(20)


def test_the_daemon_signs_with_a_key_that_the_keychain_keeps(bus: dict[str, str]) -> None:
    with Installation() as place:
        place.env["DBUS_SESSION_BUS_ADDRESS"] = bus["DBUS_SESSION_BUS_ADDRESS"]
        place.settle('[audit]\ndevice_key = "keychain"\n')
        place.start()
        key = place.folders.device_key
        assert place.client.status()["problems"] == []
        assert key.read_text().startswith("keychain:device-key-")
        before = place.client.checkpoint()["key"]
        place.client.rotate_key()
        assert place.client.checkpoint()["key"] != before
        place.kill()
        place.start()
        assert not [path for path in place.folders.data.iterdir() if path.is_file() and b"PRIVATE" in path.read_bytes()]
        found = verify_offline(place.folders)
        assert found["ok"] and found["signed"]["rows"]


def test_without_a_keychain_the_daemon_says_that_the_key_lies_in_a_file() -> None:
    with Installation() as place:
        place.settle('[audit]\ndevice_key = "keychain"\n')
        place.start()
        (problem,) = [one for one in place.client.status()["problems"] if "device's key" in one]
        assert "not in the keychain" in problem and str(place.folders.device_key) in problem
        assert place.rows(kind="log.checkpoint")
