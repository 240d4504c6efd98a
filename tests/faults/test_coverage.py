"""A real daemon, launcher, hook and port, each broken in its own way: no cell is green that should not be."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from callgate.model.errors import DaemonAwayError
from command import COMMAND
from installation import Installation
from shimmed import Shimmed, peer, refusal
from until import until

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]
PROVED = ("enforced", "observed")
CHANNELS = ("stdio", "http", "tools", "model")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


class Covered(Installation):
    """A home with one agent whose four channels lead through the gate."""

    def __init__(self, mode: str = "enforce") -> None:
        super().__init__()
        self.settle(f'mode = "{mode}"\n[http]\nport = {free_port()}\n[coverage]\nprove = false\n')
        self.config = self.home / ".claude.json"
        self.hooks = self.home / ".claude" / "settings.json"
        self.marks = self.home / "started"
        self.hooks.parent.mkdir()
        self.hooks.write_text("{}\n")
        server = ["/bin/sh", "-c", f'echo x >> {self.marks}; exec "$0" "$@"', *peer()]
        servers = {
            "notes": {"command": server[0], "args": server[1:], "env": {"A_KEY": "a value"}},
            "web": {"type": "http", "url": "http://127.0.0.1:9/mcp"},
        }
        self.config.write_text(json.dumps({"mcpServers": servers}))

    def up(self) -> None:
        """Start the daemon, wrap, and lead the model through us."""
        self.start()
        self.client.wrap()
        self.client.route_models()

    def states(self, found: dict[str, Any]) -> dict[str, str]:
        """The state of each channel."""
        return {cell["channel"]: cell["state"] for cell in found["cells"] if cell["agent"] == "claude-code"}

    def cell(self, found: dict[str, Any], channel: str) -> dict[str, Any]:
        """One cell."""
        return next(one for one in found["cells"] if (one["agent"], one["channel"]) == ("claude-code", channel))

    def alone(self) -> None:
        """From now on nothing is put back by the daemon."""
        text = self.folders.settings.read_text()
        self.settle(text + "[watch]\nrewrap = false\n")
        self.client.reload()

    def entry(self) -> dict[str, Any]:
        """The wrapped entry of the local server."""
        found: dict[str, Any] = json.loads(self.config.read_text())["mcpServers"]["notes"]
        return found


@pytest.fixture
def site() -> Iterator[Covered]:
    """All channels proved."""
    with Covered() as one:
        one.up()
        found = one.client.prove()
        assert {one.states(found)[channel] for channel in CHANNELS} == {"enforced"}, found
        one.alone()
        yield one


def test_four_channels_are_proved_by_rows_of_refused_canaries_and_no_server_is_started(site: Covered) -> None:
    found = site.client.coverage()
    rows = {row["seq"]: row for row in site.rows(kind="canary.refused")}
    for channel in CHANNELS:
        (way,) = site.cell(found, channel)["ways"]
        row = rows[way["row"]]
        assert (row["effect"], row["rule"], row["mode"]) == ("deny", "canary", "enforce")
        assert row["tool"].startswith("callgate_canary_")
    assert not site.marks.exists()
    assert site.rows(kind="server.launched") == []
    assert site.rows(kind="call.asked") == []
    assert site.states(found)["processes"] == site.states(found)["files"] == "unproved"


def test_in_observe_mode_a_canary_proves_that_the_gate_sees_and_no_server_is_started() -> None:
    with Covered("observe") as site:
        site.up()
        found = site.client.prove()
        assert {site.states(found)[channel] for channel in CHANNELS} == {"observed"}
        assert not site.marks.exists()


def test_before_any_canary_nothing_is_green_however_well_it_is_configured() -> None:
    with Covered() as site:
        site.up()
        assert {site.states(site.client.coverage())[channel] for channel in CHANNELS} == {"unproved"}


def broken(site: Covered, channel: str, word: str = "") -> None:
    """The channel is not green now, nor after the next canary, and the loss is in the log."""
    assert site.states(site.client.coverage())[channel] not in PROVED
    found = site.client.prove()
    assert site.states(found)[channel] not in PROVED
    assert word in site.cell(found, channel)["evidence"]
    others = [one for one in CHANNELS if one != channel]
    assert {site.states(found)[one] for one in others} == {"enforced"}, found
    lost = site.rows(kind="coverage.changed")
    assert [(row["detail"]["channel"], row["detail"]["before"]) for row in lost][:1] == [(channel, "enforced")]


def test_a_launcher_that_is_deleted(site: Covered) -> None:
    Path(site.entry()["command"]).unlink()
    broken(site, "stdio", "is missing")
    assert [row["entry"] for row in site.rows(kind="coverage.failed")] == ["notes"]
    assert any("coverage of claude-code" in problem for problem in site.client.status()["problems"])


def test_a_launcher_that_was_replaced_is_not_run(site: Covered) -> None:
    mark = site.home / "ran"
    launcher = Path(site.entry()["command"])
    launcher.write_text(f"#!/bin/sh\ntouch {mark}\nexec /bin/cat\n")
    broken(site, "stdio", "not the one that we wrote")
    assert not mark.exists()


def test_an_entry_that_was_rewritten(site: Covered) -> None:
    whole = json.loads(site.config.read_text())
    whole["mcpServers"]["notes"] = {"command": peer()[0], "args": peer()[1:]}
    site.config.write_text(json.dumps(whole))
    broken(site, "stdio")
    assert site.states(site.client.coverage())["stdio"] == "uncovered"


def test_an_entry_that_is_added_unwrapped_takes_the_green_from_its_cell(site: Covered) -> None:
    whole = json.loads(site.config.read_text())
    whole["mcpServers"]["new"] = {"command": peer()[0], "args": peer()[1:]}
    site.config.write_text(json.dumps(whole))
    broken(site, "stdio", "new")


def test_a_shim_that_asks_nobody(site: Covered) -> None:
    folder = site.folders.shim.resolve()
    (folder / "run.py").write_text("import os, sys\nos.execv('/bin/cat', ['/bin/cat'])\n")
    found = site.client.coverage()
    assert not {site.states(found)[channel] for channel in CHANNELS} & set(PROVED)
    found = site.client.prove()
    assert site.states(found)["stdio"] == "unproved"
    assert "let through" in site.cell(found, "stdio")["evidence"]


def test_a_shim_that_refuses_by_itself_proves_nothing(site: Covered) -> None:
    folder = site.folders.shim.resolve()
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"isError": True, "content": []}}
    (folder / "run.py").write_text(f"import sys\nsys.stdin.read()\nprint({json.dumps(answer)!r})\n")
    found = site.client.prove()
    assert site.states(found)["stdio"] == "unproved"
    assert "no row is in the log" in site.cell(found, "stdio")["evidence"]


def test_hooks_that_a_neighbour_removed(site: Covered) -> None:
    site.hooks.write_text(json.dumps({"hooks": {}, "env": json.loads(site.hooks.read_text())["env"]}))
    broken(site, "tools")


def test_hooks_that_a_neighbour_switched_off(site: Covered) -> None:
    whole = json.loads(site.hooks.read_text())
    site.hooks.write_text(json.dumps({**whole, "disableAllHooks": True}))
    broken(site, "tools", "no hook is to run")


def test_a_hook_client_that_lets_everything_pass(site: Covered) -> None:
    launcher = site.folders.data / "hooks" / "claude-code"
    launcher.write_text("#!/bin/sh\nexit 0\n")
    broken(site, "tools", "not the one that we wrote")


def test_an_address_of_a_remote_server_that_was_changed(site: Covered) -> None:
    whole = json.loads(site.config.read_text())
    whole["mcpServers"]["web"]["url"] = "http://127.0.0.1:9/mcp"
    site.config.write_text(json.dumps(whole))
    broken(site, "http")


def test_an_address_of_a_model_that_was_changed(site: Covered) -> None:
    whole = json.loads(site.hooks.read_text())
    whole["env"]["ANTHROPIC_BASE_URL"] = "https://api.anthropic.com"
    site.hooks.write_text(json.dumps(whole))
    found = site.client.prove()
    assert site.states(found)["model"] == "uncovered"


def test_a_socket_that_leads_elsewhere(site: Covered) -> None:
    conf = site.folders.shim_conf
    conf.write_bytes(conf.read_bytes().replace(os.fsencode(site.folders.gate_socket), b"/nonexistent"))
    assert site.states(site.client.coverage())["stdio"] == "unproved"
    found = site.client.prove()
    assert site.states(found)["stdio"] == site.states(found)["tools"] == "unproved"


def test_without_a_daemon_nothing_is_green_and_a_new_one_proves_anew(site: Covered) -> None:
    site.signal()
    with pytest.raises(DaemonAwayError):
        site.client.coverage()
    site.start()
    assert not {site.states(site.client.coverage())[channel] for channel in CHANNELS} & set(PROVED)


def test_a_change_of_mode_takes_back_what_was_proved_in_the_other(site: Covered) -> None:
    site.settle(site.folders.settings.read_text().replace("enforce", "observe"))
    site.client.reload()
    assert not {site.states(site.client.coverage())[channel] for channel in CHANNELS} & set(PROVED)
    assert {site.states(site.client.prove())[channel] for channel in CHANNELS} == {"observed"}


def test_a_proof_that_is_too_old_is_none(site: Covered) -> None:
    site.settle(site.folders.settings.read_text().replace("prove = false", "prove = false\nproof_valid = 0"))
    site.client.reload()
    assert not {site.states(site.client.coverage())[channel] for channel in CHANNELS} & set(PROVED)


def test_after_up_canaries_are_tried_without_being_asked_for() -> None:
    with Covered() as site:
        site.settle(site.folders.settings.read_text().replace("prove = false", "prove = true"))
        site.up()
        until(lambda: len(site.rows(kind="canary.refused")) >= len(CHANNELS), "canaries", 120)
        until(lambda: site.client.status()["parts"]["coverage"].get("enforced") == len(CHANNELS), "the proofs", 60)
        assert site.client.status()["problems"] == []


def test_doctor_proves_and_fails_where_a_canary_was_not_refused(site: Covered) -> None:
    command = [COMMAND, "doctor", "--prove", "--json"]
    good = subprocess.run(command, env=site.env, capture_output=True, timeout=120, check=False)
    checks = [one for one in json.loads(good.stdout)["checks"] if one["check"] == "coverage"]
    assert [one["grade"] for one in checks].count("ok") == len(CHANNELS)
    assert good.returncode == 0, [one for one in json.loads(good.stdout)["checks"] if one["grade"] == "fail"]
    (site.folders.data / "hooks" / "claude-code").unlink()
    bad = subprocess.run(command, env=site.env, capture_output=True, timeout=120, check=False)
    failed = [one["found"] for one in json.loads(bad.stdout)["checks"] if one["grade"] == "fail"]
    assert bad.returncode == 1
    assert any("tools PreToolUse: unproved: the canary failed" in found for found in failed)


def test_an_agent_that_calls_a_canarys_name_is_refused_in_observe_mode_too() -> None:
    with Covered("observe") as site:
        site.up()
        command = site.entry()
        with Shimmed([command["command"], *command["args"]], env=site.env) as shim:
            assert "canary" in refusal(shim.call(1, "callgate_canary_0"))
            assert "callgate_canary_0" not in json.dumps(shim.call(2, "log"))
            shim.close()
            shim.ended()
        assert [row["effect"] for row in site.rows(kind="canary.refused")] == ["deny"]
        assert site.states(site.client.coverage())["stdio"] == "unproved"
