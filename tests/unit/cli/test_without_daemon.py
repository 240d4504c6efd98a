"""Commands where no daemon runs, nothing was set up, or settings, folders and environment are not as they should be."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command import Cli, Ran
from installation import Installation

NEED_DAEMON = [["status"], ["agents"], ["servers"], ["log"], ["explain", "1"], ["allow", "cat"], ["deny", "cat", "x"]]
ONE_SERVER = '{"mcpServers": {"cat": {"command": "/bin/cat"}}}'


def config(place: Installation) -> Path:
    """A config file with one server."""
    path = place.home / ".claude.json"
    path.write_text(ONE_SERVER)
    return path


@pytest.mark.parametrize("words", NEED_DAEMON, ids=" ".join)
def test_without_a_daemon_one_line_says_how_to_start_it(cli: Cli, words: list[str]) -> None:
    ran = cli(*words)
    assert ran.code == 3 and "is not running" in ran.line and "callgate up" in ran.line


def test_files_are_found_wrapped_and_given_back(cli: Cli) -> None:
    path = config(cli.place)
    assert [one["entry"] for one in cli.good("discover", "--json").json["servers"]] == ["cat"]
    cli.good("wrap", "--dry-run")
    assert path.read_text() == ONE_SERVER
    assert "wrapped" in cli.good("wrap").out and path.read_text() != ONE_SERVER
    assert "unwrapped" in cli.good("unwrap").out and path.read_text() == ONE_SERVER


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_what_is_done_to_another_home_leaves_ones_own_alone(cli: Cli) -> None:
    path = config(cli.place)
    other = cli.place.root / "other"
    other.mkdir()
    theirs = other / ".claude.json"
    theirs.write_text(ONE_SERVER)
    cli.good("wrap")
    wrapped = path.read_bytes()
    cli.good("wrap", "--home", str(other))
    assert theirs.read_text() != ONE_SERVER
    for words in (["--dry-run"], []):
        report = cli.good("unwrap", "--home", str(other), "--json", *words).json["items"]
        assert [one["file"] for one in report if one["entry"] != "hooks"] == [str(theirs)]
        assert all(str(other) in one["file"] for one in report)
    assert theirs.read_text() == ONE_SERVER and path.read_bytes() == wrapped
    cli.good("unwrap")
    cli.good("wrap", "--home", str(other))
    cli.place.start()  # keeps wrapped what its user wants wrapped: that is nothing here
    assert path.read_text() == ONE_SERVER
    cli.good("down")
    assert theirs.read_text() == ONE_SERVER


def test_down_gives_the_files_back_though_the_daemon_is_dead(cli: Cli) -> None:
    path = config(cli.place)
    cli.good("up")
    cli.place.signal(signal.SIGKILL)
    assert path.read_text() != ONE_SERVER
    done = cli.good("down", "--json").json
    assert done["stopped"] is False and path.read_text() == ONE_SERVER
    assert "was not running" in cli.good("down").out


def test_another_home_is_looked_at_by_any_path(cli: Cli) -> None:
    other = cli.place.root / "other home"
    other.mkdir()
    (other / ".claude.json").write_text(ONE_SERVER)
    relative = Cli(cli.place, cwd=str(cli.place.root))
    for home in (str(other), "other home"):
        found = relative.good("discover", "--home", home, "--json").json["servers"]
        assert [one["file"] for one in found] == [str(other / ".claude.json")]
    ran = cli("discover", "--home", str(cli.place.root / "none"))
    assert ran.code == 2 and "does not exist" in ran.line


def test_an_agent_that_is_none_finds_nothing(cli: Cli) -> None:
    assert cli.good("discover", "--agent", "no-such-agent", "--json").json["servers"] == []


def test_verify_without_a_log_says_so(cli: Cli) -> None:
    ran = cli("verify")
    assert ran.code == 1 and "there is no log yet" in ran.line


def test_a_log_that_was_edited_leaves_with_4(cli: Cli) -> None:
    cli.good("up")
    cli.good("down")
    cli.good("verify")
    code = (
        "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]);"
        "c.execute(\"UPDATE event SET body=replace(body,'daemon.started','daemon.sterted')\"); c.commit()"
    )
    subprocess.run([sys.executable, "-c", code, str(cli.place.folders.audit)], check=True, timeout=20)
    ran = cli("verify")
    assert ran.code == 4 and "✗" in ran.out and ran.err == ""
    ran = cli("verify", "--json")
    assert ran.code == 4 and not ran.json["ok"]
    ran = cli("doctor")
    assert ran.code == 1 and "log" in ran.out


@pytest.mark.parametrize(
    ("text", "names_it"),
    [
        ("mode = 'fierce'", "mode"), ("frob = 1", "frob"), ("[audit]\npayload = 7", "audit.payload"),
        ("deadline = -1", "deadline"), ("deadline = 'x'", "deadline"), ("mode = ", "config.toml"),
        ("audit = 1", "audit"), ("on_doubt = 'maybe'", "maybe"), ("deadline = nan", "deadline"),
        ('"\\u001b[31m\\n" = 1', "unknown setting"), ("x" * 300_000, "over the limit"), ("\xff", "UTF-8"),
    ],
    ids=lambda value: value[:20],
)  # fmt: skip
def test_broken_settings_are_one_line_that_names_the_key(cli: Cli, text: str, names_it: str) -> None:
    cli.place.settle("")
    cli.place.folders.settings.write_bytes(text.encode("latin-1"))
    ran = cli("up")
    assert ran.code in (1, 2) and names_it in ran.line and "\x1b" not in ran.line, ran


def test_doctor_finds_broken_settings(cli: Cli) -> None:
    cli.place.settle("frob = 1")
    ran = cli("doctor")
    assert ran.code == 1 and "settings" in ran.out and "frob" in ran.out


def test_home_unset_is_the_accounts_home(place: Installation) -> None:
    Cli(place, {"HOME": None}).good("discover", "--home", str(place.home))
    assert Cli(place, {"HOME": None})("status").code == 3


@pytest.mark.parametrize("home", ["relative", "/no/such/home"])
def test_a_home_that_is_none_is_no_traceback(place: Installation, home: str) -> None:
    assert Cli(place, {"HOME": home})("discover").code in (0, 2)
    assert Cli(place, {"HOME": home, "CALLGATE_HOME": None})("status").code in (2, 3)


@pytest.mark.parametrize("name", ["with space", "üß", "x" * 120, "quote'\"`;", "line\nbreak"])
def test_any_callgate_home_will_do_or_is_told(place: Installation, name: str) -> None:
    cli = Cli(place, {"CALLGATE_HOME": str(place.root / name)})
    path = config(place)
    ran = cli("up", "--json")
    if "\n" in name:
        assert ran.code == 1 and "line break" in ran.err
        cli("down")  # the daemon runs nevertheless, and says what is wrong
        return
    (server,) = ran.json["inventory"]["servers"]
    if server["state"] == "left":  # a path that some agents could not start
        assert server["why"] and path.read_text() == ONE_SERVER
    else:
        entry = json.loads(path.read_text())["mcpServers"]["cat"]
        ping = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
        command = [entry["command"], *entry.get("args", [])]
        done = subprocess.run(command, input=ping, timeout=20, capture_output=True, env={"PATH": "/bin"}, cwd="/")
        assert done.stdout == ping, done
        assert "server.launched" in cli.good("log").out
    cli("down")
    assert path.read_text() == ONE_SERVER


def test_a_relative_callgate_home_means_the_same_to_command_and_daemon(place: Installation) -> None:
    cli = Cli(place, {"CALLGATE_HOME": "s"}, cwd=str(place.root))
    cli.good("up")
    assert place.client.running() and not Path("/s").exists()
    cli.good("down")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_callgate_home_of_another_user_is_refused(place: Installation) -> None:
    place.folders.make()
    os.chown(place.folders.data, 65534, 65534)
    for words in (["up"], ["wrap"]):
        ran = Cli(place)(*words)
        assert ran.code == 2 and "belongs to user 65534" in ran.line
    ran = Cli(place)("doctor")
    assert ran.code == 1 and "belongs to user" in ran.out


@pytest.mark.parametrize("root", ["file", "file/below", "/proc/nowhere", "/dev/null"])
def test_a_callgate_home_that_cannot_be_made_is_told(place: Installation, root: str) -> None:
    (place.root / "file").write_text("x")
    cli = Cli(place, {"CALLGATE_HOME": str(place.root / root)})
    ran = cli("up")
    assert ran.code == 2 and "cannot be made" in ran.line, ran
    assert cli("status").code == 3
    assert cli("doctor").code == 1


def grade(ran: Ran, what: str) -> str:
    (found,) = [one for one in ran.json["checks"] if one["check"] == what]
    assert found["found"]
    return str(found["grade"])


def test_doctor_before_anything_was_set_up_points_to_up(cli: Cli) -> None:
    ran = cli("doctor", "--json")
    assert ran.code == 1 and grade(ran, "daemon") == "fail" and grade(ran, "shim") == "warn"
    assert "callgate up" in cli("doctor").out


def test_doctor_names_each_thing_that_is_broken(cli: Cli) -> None:
    config(cli.place)
    cli.good("up")
    folders = cli.place.folders
    cli.good("doctor")

    (launcher,) = [path for path in folders.launchers.rglob("*") if path.is_file()]
    launcher.unlink()
    assert grade(cli("doctor", "--json"), "launchers") == "fail" or launcher.exists()  # the daemon may be faster
    cli.good("up")
    assert launcher.exists()

    build = folders.shim.readlink()
    folders.shim.unlink()
    folders.shim.symlink_to("shim-of-old")
    assert grade(cli("doctor", "--json"), "shim") in ("fail", "warn")
    folders.shim.unlink()
    folders.shim.symlink_to(build)

    cli.place.kill()
    (folders.spool / "x.jsonl").write_text("{}\n")
    ran = cli("doctor", "--json")
    assert grade(ran, "daemon") == "fail" and grade(ran, "spool") == "warn"


def test_help_and_version(cli: Cli) -> None:
    assert cli.good("--version").out.startswith("callgate ")
    commands = cli.good().out
    assert cli.good("--help").out == commands
    named = re.findall(r"^  ([a-z]+)  ", commands, re.M)
    assert {"up", "down", "demo", "shim", "log"} <= set(named)
    assert "--follow" in cli.good("log", "--help").out


def test_a_pid_file_that_a_dead_daemon_left_is_no_obstacle(cli: Cli) -> None:
    cli.place.folders.make()
    cli.place.folders.pid_file.write_text("1\n")
    cli.good("up")
    assert cli.place.pid > 1
