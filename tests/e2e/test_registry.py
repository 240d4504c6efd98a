"""An organisation's registry end to end: the owner's commands, nginx, the daemon of a machine, and kill -9 between."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ground.product import Product
from nginx import Nginx
from organisation import Organisation

pytestmark = pytest.mark.timeout(240)

ROUNDS = int(os.environ.get("CALLGATE_KILL_ROUNDS", "12"))
"""Publishes that a daemon is killed in."""
TIME = "npm:mcp-time@1.0.0"


def bounded(fits: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not fits():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def follow(product: Product, url: str, root: Path, poll: int = 1) -> None:
    """The settings of a machine that follows that registry."""
    config = product.state / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.toml").write_text(
        f'mode = "enforce"\n[registry]\nurl = "{url}"\nroot = "{root}"\npoll = {poll}\n'
    )


def effect(product: Product, entry: str) -> str:
    """What the registry says of an entry, as `callgate servers` shows it."""
    found = json.loads(product.run("servers", "--json").stdout)["servers"]
    (one,) = [server for server in found if server["entry"] == entry]
    return str(one["effect"])


@pytest.fixture
def owner(tmp_path: Path, product: Product) -> Iterator[Callable[..., str]]:
    """The owner's commands, on a registry that was just made."""

    def run(command: str, *arguments: str) -> str:
        return product.run("registry", command, str(tmp_path / "org"), *arguments).stdout

    run("init", "--keys", str(tmp_path / "keys"))
    yield run


def test_from_a_request_to_an_approval_to_a_revocation(
    product: Product, owner: Callable[..., str], tmp_path: Path
) -> None:
    keys = ("--keys", str(tmp_path / "keys"))
    owner("sign", *keys)
    owner("publish", *keys)
    org = tmp_path / "org"
    entry = {"command": "npx", "args": ["-y", "mcp-time@1.0.0"]}
    (product.home / ".claude.json").write_text(json.dumps({"mcpServers": {"time": entry}}))
    with Nginx(org / "public") as web:
        product.run("registry", "verify", web.url, "--root", str(org / "public/metadata/1.root.json"))
        follow(product, web.url, org / "public/metadata/1.root.json")
        product.up()
        bounded(
            lambda: json.loads(product.run("registry", "status", "--json").stdout)["version"] == 1, "the first rules"
        )
        refused = product.run("allow", "time", check=False)
        assert refused.returncode == 1 and "callgate request" in refused.stderr
        asked = json.loads(product.run("request", "time", "--why", "to know the time", "--json").stdout)
        assert asked["identity"] == TIME
        shown = owner("add", "--requests", str(Path(asked["file"]).parent))
        assert "to know the time" in shown and f"+ local/time: allow {TIME}" in shown
        assert effect(product, "time") == "deny", "asked for is not approved"
        owner("sign", *keys)
        owner("publish", *keys)
        bounded(lambda: effect(product, "time") == "allow", "the approval")
        owner("revoke", TIME)
        owner("rotate", "registry", *keys)
        owner("sign", *keys)
        owner("publish", *keys)
        bounded(lambda: effect(product, "time") == "deny", "the revocation")
        kinds = [row["kind"] for row in product.log()]
        assert kinds.count("registry.updated") == 3 and "registry.refused" not in kinds


def test_a_daemon_that_is_killed_while_rules_change_has_rules_again_and_catches_up(
    product: Product, tmp_path: Path
) -> None:
    org = Organisation(tmp_path / "org")
    org.publish(TIME)
    rng = random.Random(7)
    with Nginx(org.public) as web:
        follow(product, web.url, org.root)
        product.up()
        bounded(lambda: approvals(product) == 1, "the first rules")
        for number in range(2, ROUNDS + 2):
            org.publish(TIME, *(f"npm:server-{one}@1.0.0" for one in range(number - 1)))
            time.sleep(rng.random() * 1.3)  # the moment of the kill, anywhere in poll, update and switch
            product.kill_daemon()
            product.up()
            assert approvals(product) in (number - 1, number), "never without rules"
            bounded(lambda count=number: approvals(product) == count, "the newest rules")  # type: ignore[misc]


def approvals(product: Product) -> int:
    return int(json.loads(product.run("registry", "status", "--json").stdout)["approvals"])
