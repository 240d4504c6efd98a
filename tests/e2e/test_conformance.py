"""The official conformance suite finds nothing to complain of in a client whose servers stand behind Callgate.

The suite speaks HTTP and tests a client. Here that client is the official SDK on stdio, its server is our shim, and the
server behind the shim passes all on to the suite: what the suite sees of the client has gone through the shim.
Scenarios of OAuth and of HTTP alone do not apply.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ground.product import Product
from ground.toolbox import BIN, PATH, PYTHON, need

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]

GROUND = Path(__file__).parent / "ground"
SCENARIOS = [
    ("initialize", "2025-11-25"),
    ("tools_call", "2025-11-25"),
    ("elicitation-sep1034-client-defaults", "2025-11-25"),
    ("json-schema-2020-12-preservation", "2025-11-25"),
    ("tools_call", "2026-07-28"),
    ("request-metadata", "2026-07-28"),
    ("sep-2322-client-request-state", "2026-07-28"),
    ("json-schema-2020-12-preservation", "2026-07-28"),
    ("json-schema-ref-no-deref", "2026-07-28"),
]


@pytest.mark.parametrize(("scenario", "version"), SCENARIOS)
def test_a_client_behind_callgate_conforms(scenario: str, version: str, observed: Product, tmp_path: Path) -> None:
    client = shlex.join([need(PYTHON / "python"), str(GROUND / "conformance_client.py")])
    server = [*observed.shim, sys.executable, str(GROUND / "http_bridge.py")]
    command = [need(BIN / "node"), need(BIN / "conformance"), "client", "--command", client]
    asked = len(observed.log("--kind", "server.launched"))
    done = subprocess.run(
        [*command, "--scenario", scenario, "--spec-version", version, "-o", str(tmp_path)],
        env=observed.env | {"PATH": PATH, "CONFORMANCE_COMMAND": json.dumps(server)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "OVERALL: PASSED" in done.stdout + done.stderr
    assert len(observed.log("--kind", "server.launched")) == asked + 1
