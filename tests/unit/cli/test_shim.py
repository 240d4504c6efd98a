"""`callgate shim -- CMD`: any server behind the gate, with the daemon up, away, or never set up."""

from __future__ import annotations

import subprocess
import time

import pytest
from command import COMMAND, Cli
from until import until

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}\n'
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'


def shim(cli: Cli, *words: str, say: bytes = PING) -> subprocess.CompletedProcess[bytes]:
    """A server behind `callgate shim` that is sent one message and then the end of its input."""
    return subprocess.run(
        [str(COMMAND), "shim", *words], input=say, env=cli.env, cwd="/", capture_output=True, timeout=30
    )


def test_any_server_is_put_behind_the_gate_and_can_be_named(running: Cli) -> None:
    done = shim(running, "--name", "my cat", "--", "/bin/cat")
    assert (done.returncode, done.stdout) == (0, PING), done
    until(lambda: running.place.rows(kind="server.launched", entry="my cat"), "its row")
    assert running.good("allow", "my cat", "--json").json["effect"] == "allow"
    running.good("deny", "my cat")


def test_the_exit_code_is_the_servers(running: Cli) -> None:
    assert shim(running, "--", "/bin/sh", "-c", "exit 7").returncode == 7
    done = shim(running, "--", "/no/such/server")
    assert done.returncode == 127 and b"not found" in done.stderr and b"Traceback" not in done.stderr


def test_where_nothing_was_ever_set_up_it_observes_and_keeps_what_it_did(cli: Cli) -> None:
    done = shim(cli, "--", "/bin/cat", say=CALL)
    assert (done.returncode, done.stdout) == (0, CALL), done
    (file,) = cli.place.folders.spool.glob("*.jsonl")
    cli.good("up")
    assert not file.exists() and cli.place.rows(kind="call.asked", tool="t")


def test_without_a_daemon_it_enforces_what_the_settings_say(cli: Cli) -> None:
    cli.place.settle('mode = "enforce"\ndeadline = 0.3\n')
    started = time.monotonic()
    done = shim(cli, "--", "/bin/cat")
    assert done.returncode == 126 and PING not in done.stdout and time.monotonic() < started + 10, done


def test_broken_settings_are_told_before_anything_starts(cli: Cli) -> None:
    cli.place.settle("mode = 7")
    ran = cli("shim", "--", "/bin/cat")
    assert ran.code == 2 and "mode" in ran.line


@pytest.mark.parametrize(
    "words", [[], ["cat"], ["--"], ["--name"], ["--name", "x"], ["--name", "x", "--"], ["--frob", "--", "x"]]
)
def test_without_a_command_it_says_how_it_is_used(cli: Cli, words: list[str]) -> None:
    ran = cli("shim", *words)
    assert ran.code == 2 and "usage: callgate shim" in ran.line


def test_help_is_given(cli: Cli) -> None:
    assert "usage" in cli.good("shim", "--help").out
