"""Commands that ask a running daemon: what they show to people and programs, and what they leave with."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess

import pytest
from command import COMMAND, EVIL, Cli
from frame_client import FrameClient

STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
LOOKING = [
    ["status"], ["agents"], ["servers"], ["log"], ["discover"], ["wrap", "--dry-run"], ["unwrap", "--dry-run"],
    ["verify"], ["doctor"], ["explain", "1"],
]  # fmt: skip


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_each_command_shows_something_harmless_to_people_and_json_to_programs(running: Cli, words: list[str]) -> None:
    shown = running.good(*words).out
    assert shown and not STEERING.search(shown) and "💀" not in shown
    told = running.good(*words, "--json").out
    documents = told.splitlines() if words == ["log"] else [told]
    assert documents and all(isinstance(json.loads(each), dict) for each in documents)
    assert told.isascii() and not STEERING.search(told)


def test_hostile_names_are_shown_as_they_are_written_and_nothing_else(running: Cli) -> None:
    for words in (["servers"], ["discover"], ["log"], ["unwrap", "--dry-run"]):
        shown = running.good(*words).out
        assert r"\x1b" in shown and "[red]" in shown and ":skull:" in shown, (words, shown)
    (found,) = [one for one in running.good("servers", "--json").json["servers"] if one["entry"].startswith("evil")]
    assert found["entry"] == EVIL
    assert "s3cret" not in running.good("servers", "--json").out + running.good("log", "--json").out


@pytest.mark.parametrize("words", [["explain", EVIL], ["allow", EVIL], [EVIL], ["log", "--since", EVIL], ["--" + EVIL]])
def test_a_hostile_name_in_an_error_stays_one_harmless_line(running: Cli, words: list[str]) -> None:
    ran = running(*words[:-1], words[-1] + "x")
    assert ran.code in (1, 2) and not STEERING.search(ran.line)


def test_status_says_what_is_governed(running: Cli) -> None:
    status = running.good("status", "--json").json
    assert status["mode"] == "observe" and status["servers"] == {"wrapped": 6} and status["agents"] >= 2
    assert status["pid"] == running.place.pid
    assert "claude-code" in status["hooks"]["installed"]
    assert "nothing is blocked" in running.good("status").out


def test_up_again_changes_nothing_and_says_that_it_runs(running: Cli) -> None:
    before = (running.place.home / ".claude.json").read_bytes()
    pid = running.place.pid
    assert f"running (pid {pid})" in running.good("up").out
    assert running.good("up", "--json").json["status"]["pid"] == pid
    assert (running.place.home / ".claude.json").read_bytes() == before


def test_enforcing_is_switched_on_and_off_while_it_runs(running: Cli) -> None:
    def mode() -> str:
        with FrameClient(running.place.folders.gate_socket) as shim:
            return "observe" if shim.greet(argv=["/bin/ls"]).allowed else "enforce"

    assert "enforce" in running.good("up", "--enforce").out and mode() == "enforce"
    assert 'mode = "enforce"' in running.place.folders.settings.read_text()
    assert "mode=enforce" in running.place.folders.shim_conf.read_text()
    running.good("up")
    assert mode() == "enforce", "up alone keeps the mode"
    assert "observe" in running.good("up", "--observe").out and mode() == "observe"
    ran = running("up", "--enforce", "--observe")
    assert ran.code == 2 and "exclude each other" in ran.line


def test_allow_and_deny_by_name_identity_and_tool(running: Cli) -> None:
    def effect(entry: str) -> str:
        found = running.good("servers", "--json").json["servers"]
        return next(one["effect"] for one in found if one["entry"] == entry)

    assert effect("cat") == "deny"
    done = running.good("allow", "cat", "--json").json
    assert effect("cat") == effect("kitty") == "allow", "two names, one server"
    assert sorted(done["entries"]) == ["cat", "kitty"] and done["effect"] == "allow"
    running.good("deny", done["identity"])
    assert effect("cat") == "deny"
    assert "read_file" in running.good("allow", "cat", "read_file").out
    with FrameClient(running.place.folders.gate_socket) as shim:
        shim.greet()
        shim.ask("read_file")
        shim.ask("write_file")
    rows = running.place.rows(kind="call.asked", entry="an entry")
    assert [row["effect"] for row in rows[-2:]] == ["allow", "deny"]
    running.good("deny", "cat")


def test_an_entry_that_is_named_like_an_identity_does_not_get_what_that_is_given(running: Cli) -> None:
    path = running.place.home / ".cursor" / "mcp.json"
    before = path.read_bytes()
    servers = json.loads(before)["mcpServers"] | {"npm:good-server": {"command": "/bin/false"}}
    path.write_text(json.dumps({"mcpServers": servers}))
    found = running.place.client.inventory(fresh=True)["servers"]
    assert "npm:good-server" in [one["entry"] for one in found]
    done = running.good("allow", "npm:good-server", "--json").json
    assert (done["identity"], done["entries"]) == ("npm:good-server", [])
    running.good("deny", "npm:good-server")
    path.write_bytes(before)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["allow", "nobody"], "is not known"),
        (["allow", ""], "`server` is missing"),
        (["allow", "npm:"], "is not known"),
        (["allow", "twin"], "is the name of several servers"),
        (["explain", "nobody"], "is not known"),
        (["explain", "999999"], "is not in the log"),
        (["explain", "9" * 30], "is not in the log"),
        (["explain", "0" * 16], "is not in the log"),
        (["log", "--since", "yesterday"], "is not a time"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_one_line(running: Cli, words: list[str], says: str) -> None:
    ran = running(*words)
    assert ran.code == 1 and says in ran.line, ran


def test_a_server_that_is_in_no_config_can_be_allowed_by_identity(running: Cli) -> None:
    done = running.good("allow", "npm:@scope/some-server", "--json").json
    assert (done["identity"], done["floats"], done["entries"]) == ("npm:@scope/some-server", True, [])
    (found,) = running.good("explain", "npm:@scope/some-server", "--json").json["servers"]
    assert found["effect"] == "allow" and "callgate deny" in found["change"]


def test_an_event_is_explained_with_its_reason_rule_and_arguments(running: Cli) -> None:
    with FrameClient(running.place.folders.gate_socket) as shim:
        shim.greet("00000000000000aa")
        shim.ask("delete", {"path": "/tmp/\x1b[31mx", "password": "hunter2"}, serial=7)
    for ref in ("00000000000000aa-7", str(running.place.rows(uid="00000000000000aa-7")[0]["seq"])):
        shown = running.good("explain", ref).out
        assert "call.asked" in shown and "reason" in shown and "/tmp/" in shown
        assert "hunter2" not in shown and not STEERING.search(shown)


def test_the_log_is_filtered_and_limited(running: Cli) -> None:
    with FrameClient(running.place.folders.gate_socket) as shim:
        shim.greet("00000000000000bb")
        for tool in ("first", "second", "third"):
            shim.ask(tool)

    def tools(*words: str) -> list[str]:
        lines = running.good("log", "--json", "--kind", "call.asked", *words).out.splitlines()
        return [json.loads(line)["tool"] for line in lines]

    assert tools("-n", "2") == ["second", "third"]
    assert tools("--tool", "first", "--since", "1h") == ["first"]
    assert tools("--until", "2020-01-01") == [] and tools("--agent", "nobody") == []
    assert running.good("log", "--find", "no such text").out == ""


@pytest.mark.parametrize("words", [["log", "-n", "0"], ["log", "-n", "x"], ["log", "--frob"], ["frob"], ["allow"]])
def test_a_wrong_command_line_is_one_line_and_leaves_with_2(running: Cli, words: list[str]) -> None:
    ran = running(*words)
    assert ran.code == 2 and "callgate --help" in ran.line


def test_following_the_log_sees_a_new_row_and_ends_with_an_interrupt(running: Cli) -> None:
    follow = running.start("log", "--follow", "--json", "-n", "1", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert follow.stdout
    assert select.select([follow.stdout], [], [], 20)[0]
    follow.stdout.readline()
    with FrameClient(running.place.folders.gate_socket) as shim:
        shim.greet("00000000000000cc")
    while True:
        assert select.select([follow.stdout], [], [], 20)[0], "the new row did not come"
        if json.loads(follow.stdout.readline()).get("uid") == "00000000000000cc":
            break
    follow.send_signal(signal.SIGINT)
    _, err = follow.communicate(timeout=20)
    assert follow.returncode == 130 and err == ""


@pytest.mark.parametrize("words", [["servers"], ["servers", "--json"], ["log", "-n", "1000", "--json"], ["--help"]])
def test_a_reader_that_has_gone_is_no_failure(running: Cli, words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    process = running.start(*words, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(("redirect", "code"), [(">&-", 0), (">/dev/full", 1), ("<&- >&- 2>&-", 0)])
def test_a_closed_or_full_output_is_at_most_one_line(running: Cli, redirect: str, code: int) -> None:
    shell = ["/bin/sh", "-c", f'"$0" status {redirect}', str(COMMAND)]
    done = subprocess.run(shell, env=running.env, capture_output=True, text=True, timeout=30)
    assert done.returncode == code and "Traceback" not in done.stderr and done.stderr.count("\n") <= 1, done


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_knows_no_unicode_is_no_obstacle(running: Cli, encoding: str) -> None:
    cli = Cli(running.place, {"PYTHONIOENCODING": encoding})
    assert "wrapped" in cli.good("servers").out
    assert cli("allow", "ü\u202e").code == 1


@pytest.mark.parametrize("columns", ["1", "0", "x", "100000"])
def test_any_width_will_do(running: Cli, columns: str) -> None:
    Cli(running.place, {"COLUMNS": columns}).good("servers")


def test_doctor_is_content(running: Cli) -> None:
    checks = running.good("doctor", "--json").json
    assert checks["ok"] and {one["grade"] for one in checks["checks"]} <= {"ok", "warn"}


def test_one_agent_is_unwrapped_and_wrapped_again_by_the_daemon(running: Cli) -> None:
    config = running.place.home / ".cursor" / "mcp.json"
    wrapped = config.read_bytes()
    report = running.good("unwrap", "--agent", "cursor", "--json").json["items"]
    assert ("twin", "unwrapped") in [(one["entry"], one["done"]) for one in report]
    assert json.loads(config.read_bytes()) == {"mcpServers": {"twin": {"command": "/bin/ls"}}}
    assert {one["state"] for one in running.good("servers", "--json").json["servers"]} == {"wrapped", "open"}
    running.good("wrap", "--agent", "cursor")
    assert config.read_bytes() == wrapped
