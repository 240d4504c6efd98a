"""Whatever breaks while a user's file is wrapped or unwrapped: it holds the old bytes or the new ones, never less, and
unwrapping still gives everything back.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from callgate.agents.formats import document
from callgate.agents.shapes import SHAPES
from callgate.model.errors import CallgateError, DocumentError, WrapError
from callgate.model.inventory import ConfigFile, Entry, Format, Inventory, Scope, Surroundings
from callgate.settings import Settings
from callgate.system.paths import Folders
from callgate.wrap.apply import Wrapper
from callgate.wrap.plan import Why
from callgate.wrap.report import Did, Report

CONFIG = {"theme": "dark", "mcpServers": {"a": {"command": "npx", "args": ["a"]}, "b": {"command": "uvx"}}}


class CrashError(BaseException):
    """The process dies here: nothing may catch it, nothing may be cleaned up after it."""


class Person:
    """A home with one config, and Callgate's folders beside it."""

    def __init__(self, base: Path, like: Person | None = None) -> None:
        self.home = base / "home"
        self.home.mkdir(parents=True)
        state = base / "state"
        self.folders = Folders(state / "config", state / "data", state / "run")
        if like is not None:  # the shim's copy is the same for all and takes a hundred syncs to make
            shutil.copytree(like.folders.shim.resolve(), self.folders.data / like.folders.shim.readlink())
            self.folders.shim.symlink_to(like.folders.shim.readlink())
        self.folders.make()
        self.path = self.home / ".claude.json"
        self.path.write_text(json.dumps(CONFIG, indent=2))
        self.original = self.path.read_bytes()

    @property
    def wrapper(self) -> Wrapper:
        return Wrapper(self.folders, Settings(), Surroundings(str(self.home), "linux", {}), lambda: None)

    def look(self) -> Inventory:
        file = ConfigFile("claude-code", Scope.USER, str(self.path), Format.JSON, "claude-state")
        try:
            raws = SHAPES[file.shape].read(document.parse(self.path.read_bytes(), file.format)).entries
        except (OSError, DocumentError):
            raws = ()
        return Inventory(
            entries=tuple(Entry(file.agent, r.name, file, r.at, r.transport, r.argv) for r in raws), files=(file,)
        )

    def wrap(self) -> Report:
        return self.wrapper.wrap(self.wrapper.plan(self.look()))

    def unwrap(self) -> Report:
        return self.wrapper.unwrap(None, self.look().entries)

    def is_wrapped(self) -> bool:
        entries = self.look().entries
        ours = [Path(each.argv[0]).is_relative_to(self.folders.launchers) for each in entries]
        assert ours in ([True, True], [False, False]), "half wrapped"
        if ours[0]:
            for each in entries:
                assert os.access(each.argv[0], os.X_OK), "a config names a launcher that is not there"
        return ours[0]


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


CHANGES = ("replace", "rename", "unlink", "fsync", "mkdir", "symlink", "chmod", "fchmod", "rmdir")


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], bool]) -> Iterator[list[str]]:
    """Before each change of the file system ask `act(number)`; it may raise, or say True to raise after the change."""
    seen: list[str] = []
    with monkeypatch.context() as patch:
        for name in CHANGES:
            real = getattr(os, name)

            def changed(
                *args: object, _real: Callable[..., object] = real, _name: str = name, **more: object
            ) -> object:
                seen.append(_name)
                after = act(len(seen))
                result = _real(*args, **more)
                if after:
                    raise CrashError
                return result

            patch.setattr(os, name, changed)
        yield seen


def crash_at(number: int, *, after: bool) -> Callable[[int], bool]:
    def act(now: int) -> bool:
        if now > number:
            raise CrashError  # a dead process changes nothing more, not even in its finally blocks
        if now == number and not after:
            raise CrashError
        return now == number

    return act


def steps_of(person: Person, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> int:
    with failing(monkeypatch, lambda _: False) as seen:
        action()
    return len(seen)


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_step_of_wrapping_leaves_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    first = Person(tmp_path / "count")
    first.wrapper.install()
    steps = steps_of(first, monkeypatch, first.wrap)
    assert steps > 10
    outcomes = set()
    for number in range(1, steps + 1):
        person = Person(tmp_path / str(number), first)
        person.wrapper.install()
        with failing(monkeypatch, crash_at(number, after=after)), pytest.raises(CrashError):
            person.wrap()
        was_wrapped = person.is_wrapped()
        outcomes.add(was_wrapped)
        person.wrapper.recover()
        assert person.is_wrapped() == was_wrapped
        assert bool(person.wrapper.owned()) == was_wrapped
        if number % 2:
            person.wrap()
            assert person.is_wrapped()
        person.unwrap()
        assert person.path.read_bytes() == person.original, number
        assert [p.name for p in person.folders.journal.iterdir()] == ["lock"]
        assert [p.name for p in person.home.iterdir()] == [".claude.json"]
        assert not list(person.folders.launchers.rglob("*-*")) or not was_wrapped
    assert outcomes == {True, False}


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_step_of_unwrapping_leaves_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    first = Person(tmp_path / "count")
    first.wrap()
    steps = steps_of(first, monkeypatch, first.unwrap)
    for number in range(1, steps + 1):
        person = Person(tmp_path / str(number), first)
        person.wrap()
        with failing(monkeypatch, crash_at(number, after=after)), pytest.raises(CrashError):
            person.unwrap()
        wrapped = person.is_wrapped()
        assert wrapped or person.path.read_bytes() == person.original
        person.wrapper.recover()
        assert bool(person.wrapper.owned()) == wrapped
        person.unwrap()
        assert person.path.read_bytes() == person.original
        assert not list(person.folders.journal.glob("*.json"))
        assert not list(person.folders.journal.glob("*.original"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_an_error_at_any_step_is_reported_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    first = Person(tmp_path / "count")
    first.wrapper.install()
    steps = steps_of(first, monkeypatch, first.wrap)
    for number in range(1, steps + 1):

        def act(now: int, number: int = number) -> bool:
            if now == number:
                raise OSError(code, os.strerror(code))
            return False

        person = Person(tmp_path / str(number), first)
        person.wrapper.install()
        try:
            with failing(monkeypatch, act):
                report = person.wrap()
        except CallgateError as error:
            assert os.strerror(code) in str(error)
            assert person.path.read_bytes() == person.original
        else:
            wrapped = person.is_wrapped()
            assert {item.done for item in report.items} == ({Did.WRAPPED} if wrapped else {Did.FAILED}), report
            assert wrapped or person.path.read_bytes() == person.original
        person.wrapper.recover()
        person.unwrap()
        assert person.path.read_bytes() == person.original


def test_a_full_disk_changes_nothing(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.wrapper.install()
    real = os.fsync

    def full(fd: int) -> None:
        if "home" in str(Path(f"/proc/self/fd/{fd}").readlink()):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(fd)

    monkeypatch.setattr(os, "fsync", full)
    report = person.wrap()
    assert {item.done for item in report.items} == {Did.FAILED}
    assert "No space left" in report.items[0].why
    assert person.path.read_bytes() == person.original
    assert [p.name for p in person.home.iterdir()] == [".claude.json"]
    assert person.wrapper.owned() == ()


def test_an_agent_that_writes_all_the_time_loses_nothing(person: Person) -> None:
    """It counts up in its own file, in place by rename, while we wrap and unwrap: every state it wrote is kept."""
    stop = threading.Event()
    counts = [0]

    def agent() -> None:
        while not stop.is_set():
            state = json.loads(person.path.read_bytes())
            counts[0] += 1
            state["numStartups"] = counts[0]
            fresh = person.path.with_name(".claude.json.tmp")
            fresh.write_text(json.dumps(state, indent=2))
            fresh.replace(person.path)
            stop.wait(0.01)

    thread = threading.Thread(target=agent)
    thread.start()
    try:
        for _ in range(5):
            person.wrap()
            person.unwrap()
    finally:
        stop.set()
        thread.join()
    for _ in range(2):
        person.unwrap()
    state = json.loads(person.path.read_bytes())
    assert state.pop("numStartups") == counts[0]
    assert state == CONFIG


def test_a_change_between_plan_and_write_is_kept(person: Person) -> None:
    plan = person.wrapper.plan(person.look())
    changed = person.original.replace(b'"dark"', b'"light"').replace(b'"uvx"', b'"other"')
    person.path.write_bytes(changed)
    report = person.wrapper.wrap(plan)
    assert {(item.entry, item.done, item.code) for item in report.items} == {
        ("a", Did.WRAPPED, ""),
        ("b", Did.LEFT, Why.CHANGED),
    }
    person.wrap()
    assert person.is_wrapped()
    person.unwrap()
    assert person.path.read_bytes() == changed


def test_what_the_agent_or_the_user_changes_while_wrapped_is_kept(person: Person) -> None:
    person.wrap()
    state = json.loads(person.path.read_bytes())
    state["numStartups"] = 7
    state["mcpServers"]["b"]["env"] = {"K": "v"}
    state["mcpServers"]["c"] = {"command": "new"}
    state["mcpServers"]["renamed"] = state["mcpServers"].pop("a")
    person.path.write_text(json.dumps(state))
    person.wrap()
    report = person.unwrap()
    assert {item.done for item in report.items} == {Did.UNWRAPPED}
    after = json.loads(person.path.read_bytes())
    assert after == {
        "theme": "dark",
        "numStartups": 7,
        "mcpServers": {
            "b": {"command": "uvx", "env": {"K": "v"}},
            "c": {"command": "new"},
            "renamed": {"command": "npx", "args": ["a"]},
        },
    }


def test_a_copy_in_another_file_is_unwrapped_too(person: Person) -> None:
    person.wrap()
    other = person.home / ".mcp.json"
    other.write_bytes(person.path.read_bytes())
    file = ConfigFile("copilot-cli", Scope.USER, str(other), Format.JSON, "claude")
    found = SHAPES["claude"].read(document.parse(other.read_bytes(), Format.JSON)).entries
    copies = tuple(Entry("copilot-cli", r.name, file, r.at, r.transport, r.argv) for r in found)
    assert {left.why for left in person.wrapper.plan(Inventory(entries=copies)).left} == {Why.OURS}
    person.wrapper.unwrap(None, copies)
    wanted = dict(CONFIG, mcpServers={"a": {"command": "npx", "args": ["a"]}, "b": {"command": "uvx", "args": []}})
    assert json.loads(other.read_bytes()) == wanted
    assert person.path.read_bytes() == person.original


def test_a_file_that_someone_broke_stays_wrapped_in_the_journal(person: Person) -> None:
    person.wrap()
    whole = person.path.read_bytes()
    person.path.write_bytes(whole[:-5])
    report = person.unwrap()
    assert {item.done for item in report.items} == {Did.FAILED}
    assert person.path.read_bytes() == whole[:-5]
    person.path.write_bytes(whole)
    person.unwrap()
    assert person.path.read_bytes() == person.original


def test_a_file_that_is_gone_is_forgotten(person: Person) -> None:
    person.wrap()
    person.path.unlink()
    assert {item.done for item in person.unwrap().items} == {Did.UNWRAPPED}
    assert person.wrapper.owned() == ()
    assert not person.path.exists()


def test_what_was_unwrapped_behind_our_back_is_wrapped_again_and_comes_back_exactly(person: Person) -> None:
    person.wrap()
    person.path.write_bytes(person.original + b"\n\n")
    plan = person.wrapper.plan(person.look())
    assert [w.again for w in plan.wrappings] == [True, True]
    person.wrapper.wrap(plan)
    assert person.is_wrapped()
    person.unwrap()
    assert person.path.read_bytes() == person.original + b"\n\n"


def test_a_second_wrap_keeps_the_first_original(person: Person) -> None:
    plan = person.wrapper.plan(person.look())
    person.wrapper.wrap(plan, [plan.wrappings[0].entry])
    person.wrap()
    assert person.is_wrapped()
    person.unwrap()
    assert person.path.read_bytes() == person.original


def test_a_lost_journal_is_made_up_for(person: Person) -> None:
    person.wrap()
    for path in person.folders.journal.glob("*"):
        path.unlink()
    assert person.wrapper.owned() == ()
    person.wrap()
    assert len(person.wrapper.owned()) == 2
    assert person.look().entries[0].argv[1:] == ("--", "npx", "a")
    person.unwrap()
    after = json.loads(person.path.read_bytes())
    assert after["mcpServers"] == {"a": {"command": "npx", "args": ["a"]}, "b": {"command": "uvx", "args": []}}


def test_a_broken_record_is_kept_and_said(person: Person) -> None:
    person.wrap()
    (record,) = person.folders.journal.glob("*.json")
    record.write_bytes(b"{}")
    assert person.wrapper.owned() == ()
    report = person.wrap()
    assert {item.done for item in report.items if item.code != Why.OURS} == {Did.FAILED}
    assert record.read_bytes() == b"{}"


def test_a_launcher_that_someone_changed_is_written_anew(person: Person) -> None:
    person.wrap()
    first, second = (Path(each.argv[0]) for each in person.look().entries)
    text = first.read_bytes()
    first.write_bytes(b"#!/bin/sh\nexec evil\n")
    second.unlink()
    report = person.wrap()
    assert [item.entry for item in report.of(Did.REPAIRED)] == ["a", "b"]
    assert first.read_bytes() == text
    assert second.exists()


def test_two_processes_take_turns(person: Person) -> None:
    threads = [threading.Thread(target=person.wrap if n % 2 else person.unwrap) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    person.is_wrapped()
    person.unwrap()
    assert person.path.read_bytes() == person.original


def test_folders_of_ours_that_cannot_be_written_stop_before_any_file(person: Person) -> None:
    (person.folders.data / "shim").mkdir()
    with pytest.raises(WrapError):
        person.wrap()
    assert person.path.read_bytes() == person.original
