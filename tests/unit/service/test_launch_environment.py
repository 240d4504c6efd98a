"""A real shim tells the gate what in its environment changes what is started; the values go nowhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from installation import Installation
from until import until

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

SECRET = "vErY-secret-0123"
CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}\n'


@pytest.fixture
def place() -> Iterator[Installation]:
    with Installation() as place:
        (place.home / "server.py").write_text("import sys\nsys.stdin.read()\n")
        entry = {"command": sys.executable, "args": [str(place.home / "server.py")]}
        document = {"mcpServers": {"plain": entry, "odd": entry | {"env": {"PYTHONPATH": SECRET, "NODE_ENV": "x"}}}}
        (place.home / ".claude.json").write_text(json.dumps(document))
        place.start()
        place.client.wrap()
        yield place


def launch(place: Installation, **env: str) -> dict[str, Any]:
    """The row of one start of the wrapped entry."""
    command, *words = json.loads((place.home / ".claude.json").read_text())["mcpServers"]["plain"].values()
    seen = len(place.rows(kind="server.launched")) if place.pid else 0
    subprocess.run([command, *words[0]], input=CALL, env=env, timeout=60, check=False)
    if not place.pid:
        return {}
    return until(lambda: place.rows(kind="server.launched")[seen:], "the row of the launch", 20)[0]


def test_what_an_environment_changes_is_another_server_and_its_values_are_kept_nowhere(place: Installation) -> None:
    usual = {"PATH": "/usr/bin:/bin", "HOME": str(place.home)}
    plain = launch(place, **usual)["server"]
    assert (
        launch(place, **usual, npm_config_yes="true", NODE_ENV=SECRET, AWS_SECRET_ACCESS_KEY=SECRET)["server"] == plain
    )
    odd = launch(place, **usual, PYTHONPATH=f"/{SECRET}")
    assert odd["server"] != plain and odd["server"].startswith("exe:")
    assert odd["server"] == launch(place, **usual, PYTHONPATH=f"/{SECRET}")["server"]
    assert odd["server"] != launch(place, **usual, PYTHONPATH=f"/{SECRET}2")["server"]
    assert "PYTHONPATH" in json.dumps(odd)
    place.kill()
    launch(place, **usual, PYTHONPATH=f"/{SECRET}")  # spooled
    kept = [path for path in place.folders.data.rglob("*") if path.is_file()]
    assert any(path.parent.name == "spool" for path in kept)
    config = place.home / ".claude.json"
    originals = [path for path in kept if path.suffix == ".original"]  # the config as it was, which holds the value
    assert SECRET in config.read_text() and all(SECRET in path.read_text() for path in originals)
    assert not [path for path in kept if path not in originals and SECRET.encode() in path.read_bytes()]


def test_a_configured_name_is_warned_of(place: Installation) -> None:
    found = {one["entry"]: one["evidence"] for one in place.client.inventory()["servers"]}
    assert "the entry sets PYTHONPATH, which may change what is started: settled when it is launched" in found["odd"]
    assert "sets" not in found["plain"] and "NODE_ENV" not in found["odd"]
