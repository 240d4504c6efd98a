"""What a user is told to do next suits who decides: the user, or an organisation."""

from __future__ import annotations

import json
from pathlib import Path

from command import Cli
from nginx import Nginx
from organisation import Organisation
from until import until


def with_server(cli: Cli) -> None:
    entry = {"command": "npx", "args": ["-y", "mcp-time@1.0.0"]}
    (cli.place.home / ".claude.json").write_text(json.dumps({"mcpServers": {"time": entry}}))


def test_whoever_decides_alone_is_told_to_allow(cli: Cli) -> None:
    with_server(cli)
    assert "callgate allow time" in cli.good("up").out
    assert "`callgate allow time` allows it" in cli.good("explain", "time").out


def test_whoever_follows_an_organisation_is_told_to_ask_it(cli: Cli, tmp_path: Path) -> None:
    with_server(cli)
    org = Organisation(tmp_path / "org")
    org.publish("npm:other@1.0.0")
    with Nginx(org.public) as web:
        cli.place.settle(f'[registry]\nurl = "{web.url}"\nroot = "{org.root}"\npoll = 1\n')
        cli.good("up")
        until(lambda: cli.good("registry", "status", "--json").json["version"] == 1, "the first rules", 30)
        shown = cli.good("up").out
        assert "callgate request time" in shown and "--why" in shown and "callgate allow" not in shown
        explained = cli.good("explain", "time").out
        assert "callgate request time --why" in explained and "callgate allow" not in explained
