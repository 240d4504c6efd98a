"""A daemon that watches a home: what is taken out is put back, what is new is wrapped, and `unwrap` is a last word."""

from __future__ import annotations

import json
import os
import shutil
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from installation import Installation
from until import until

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

CLAUDE = {"numStartups": 7, "mcpServers": {"cat": {"command": "/bin/cat", "args": ["-u"]}}}


@pytest.fixture(scope="module")
def watched() -> Iterator[Installation]:
    """A daemon that keeps wrapped what it finds."""
    with Installation() as place:
        write(place.home / ".claude.json", CLAUDE)
        place.start()
        place.client.wrap()
        yield place


@pytest.fixture
def place(watched: Installation) -> Installation:
    """The same with Claude Code's file as at first, wrapped."""
    write(watched.home / ".claude.json", CLAUDE)
    watched.client.wrap()
    assert command(watched) != "/bin/cat"
    return watched


def write(path: Path, document: object) -> None:
    """As agents do: beside, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".tmp")
    new.write_text(json.dumps(document, indent=2))
    new.rename(path)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def command(place: Installation, name: str = "cat") -> str:
    """What Claude Code would start."""
    return str(read(place.home / ".claude.json")["mcpServers"][name]["command"])


def ours(place: Installation, text: str) -> bool:
    return text.startswith(str(place.folders.launchers))


def last(place: Installation) -> int:
    """The number of the newest row."""
    return int(place.client.events({"limit": 1, "order": "newest"})[0]["seq"])


def test_an_entry_taken_out_by_hand_is_wrapped_again_within_two_seconds_and_both_are_in_the_log(
    place: Installation,
) -> None:
    took = []
    for _ in range(3):
        before, started = last(place), time.monotonic()
        write(place.home / ".claude.json", CLAUDE)
        until(lambda: ours(place, command(place)), "the entry to be wrapped again")
        took.append(time.monotonic() - started)
        until(lambda before=before: place.rows(kind="entry.wrapped", after=before), "the row of it")
        (changed,) = place.rows(kind="entry.changed", after=before, entry="cat")
        assert changed["agent"] == "claude-code" and changed["detail"]["file"] == str(place.home / ".claude.json")
        assert ours(place, changed["detail"]["before"]["argv"][0])
        assert changed["detail"]["after"]["argv"] == ["/bin/cat", "-u"]
        (wrapped,) = place.rows(kind="entry.wrapped", after=before)
        assert wrapped["seq"] > changed["seq"]
        assert wrapped["detail"]["before"] != wrapped["detail"]["after"]
    assert min(took) < 2 or os.getloadavg()[0] > 2, took
    assert read(place.home / ".claude.json")["numStartups"] == 7


def test_a_new_entry_is_seen_and_wrapped(place: Installation) -> None:
    before = last(place)
    document = read(place.home / ".claude.json")
    document["mcpServers"]["new"] = {"command": "/bin/echo", "args": ["--api-key", "s3cret-value-1234"]}
    write(place.home / ".claude.json", document)
    until(lambda: ours(place, command(place, "new")), "the new entry to be wrapped")
    until(lambda: place.rows(kind="entry.wrapped", after=before, entry="new"), "its row")
    (added,) = place.rows(kind="entry.added", after=before, entry="new")
    assert added["detail"]["before"] is None and "s3cret" not in json.dumps(place.rows(after=before))


def test_an_entry_that_goes_is_in_the_log(place: Installation) -> None:
    before = last(place)
    write(place.home / ".claude.json", {"mcpServers": {}})
    until(lambda: place.rows(kind="entry.removed", after=before, entry="cat"), "its row")


def test_the_first_file_of_an_agent_is_wrapped_though_not_even_its_folder_was_there(place: Installation) -> None:
    path = place.home / ".codex" / "config.toml"
    for _ in range(2):  # and again, after the agent was removed and installed anew
        before = last(place)
        path.parent.mkdir()
        path.write_text('# mine\n[mcp_servers.cat]\ncommand = "/bin/cat"\n')
        until(lambda: ours(place, tomllib.loads(path.read_text())["mcp_servers"]["cat"]["command"]), "it to be wrapped")
        assert path.read_text().startswith("# mine\n")
        until(lambda before=before: place.rows(kind="entry.wrapped", after=before, agent="codex"), "its row")
        before = last(place)
        shutil.rmtree(path.parent)
        until(lambda before=before: place.rows(kind="entry.removed", after=before, agent="codex"), "its end to be seen")


def test_files_and_folders_behind_links_are_watched_where_they_really_are(place: Installation) -> None:
    dotfiles = place.home / "dotfiles"
    write(dotfiles / "claude.mine", CLAUDE)
    write(dotfiles / "gemini" / "settings.json", {"mcpServers": {}})
    (place.home / ".claude.json").unlink()
    (place.home / ".claude.json").symlink_to(dotfiles / "claude.mine")
    (place.home / ".gemini").symlink_to(dotfiles / "gemini")
    until(lambda: ours(place, command(place)), "the file behind the link to be wrapped")
    write(dotfiles / "gemini" / "settings.json", {"mcpServers": {"cat": {"command": "/bin/cat"}}})
    until(
        lambda: ours(place, read(dotfiles / "gemini" / "settings.json")["mcpServers"]["cat"]["command"]),
        "the one in the linked folder to be wrapped",
    )
    write(dotfiles / "claude.mine", CLAUDE)
    until(lambda: ours(place, command(place)), "it to be wrapped again")
    assert (place.home / ".claude.json").is_symlink()
    (place.home / ".claude.json").unlink()


def test_a_hundred_rewrites_end_wrapped_and_whole(place: Installation) -> None:
    for number in range(100):
        write(place.home / ".claude.json", CLAUDE | {"numStartups": number})
        assert read(place.home / ".claude.json")
    until(lambda: ours(place, command(place)), "the last one to be wrapped")
    assert read(place.home / ".claude.json")["numStartups"] == 99
    assert not [path.name for path in place.home.iterdir() if "callgate" in path.name]


def test_a_file_that_stops_being_readable_is_told_and_wrapped_once_it_is_again(place: Installation) -> None:
    path = place.home / ".claude.json"
    path.write_text("{half a")
    until(lambda: place.client.inventory()["skipped"], "it to be skipped")
    assert path.read_text() == "{half a"
    write(path, CLAUDE)
    until(lambda: ours(place, command(place)), "it to be wrapped")


def test_what_was_unwrapped_on_purpose_stays_so(place: Installation) -> None:
    place.client.unwrap()
    assert command(place) == "/bin/cat"
    before = last(place)
    document = CLAUDE | {"mcpServers": CLAUDE["mcpServers"] | {"marker": {"command": "/bin/echo"}}}  # type: ignore[operator]
    write(place.home / ".claude.json", document)
    until(lambda: place.rows(kind="entry.added", after=before, entry="marker"), "the change to be seen")
    assert read(place.home / ".claude.json") == document
    assert not place.rows(kind="entry.wrapped", after=before)


def test_one_agent_that_was_unwrapped_on_purpose_stays_so_and_others_are_kept(place: Installation) -> None:
    cursor = place.home / ".cursor" / "mcp.json"
    write(cursor, {"mcpServers": {"cat": {"command": "/bin/cat"}}})
    until(lambda: ours(place, read(cursor)["mcpServers"]["cat"]["command"]), "the new file to be wrapped")
    place.client.unwrap("cursor")
    write(place.home / ".claude.json", CLAUDE)
    until(lambda: ours(place, command(place)), "the other agent's entry to be wrapped again")
    assert read(cursor)["mcpServers"]["cat"]["command"] == "/bin/cat"
    place.client.wrap("cursor")
    assert ours(place, read(cursor)["mcpServers"]["cat"]["command"])


def test_a_launcher_that_is_removed_is_there_again_after_up(place: Installation) -> None:
    launcher = Path(command(place))
    launcher.unlink()
    place.client.wrap()
    assert launcher.exists()
