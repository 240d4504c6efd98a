"""The registry file: the last good rules stay in force, edits by others are not lost, and bad files are told."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.identity import Identified, ServerIdentity
from callgate.policy.allowlist import Allowlist
from callgate.registry import bundle, local
from callgate.registry.local import LocalRegistry

GIT = ServerIdentity("pypi", "mcp-server-git", "1.0")
TIME = ServerIdentity("npm", "time")
BAD = [
    b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"servers":{}}', b'{"servers":[1]}',
    b'{"servers":[{"server":{"name":"x"}}]}',
    b'{"servers":[{"server":{"name":"x"},"_meta":{"dev.callgate/approval":{"identities":[],"effect":"allow"}}}]}',
    b'{"servers":[{"server":{"name":"x"},"_meta":{"dev.callgate/approval":{"identities":["npm:x"],"effect":"may"}}}]}',
    b'{"servers":[{"server":{"name":"x"},"_meta":{"dev.callgate/approval":{"identities":[7],"effect":"allow"}}}]}',
    b'{"servers":[{"server":{"name":"x"},"_meta":{"dev.callgate/approval":'
    b'{"identities":["npm:x"],"effect":"allow","tools":[1]}}}]}',
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.json"


def approved(registry: LocalRegistry, identity: ServerIdentity, tool: str | None = None) -> bool:
    assert registry.rules is not None
    found = Identified(identity, "test")
    verdict = registry.rules.server(found) if tool is None else registry.rules.tool(found, tool)
    return verdict.effect is Effect.ALLOW


def loaded(path: Path) -> LocalRegistry:
    registry = LocalRegistry(path)
    registry.reload()
    return registry


def test_a_missing_file_approves_nothing_and_is_no_problem(path: Path) -> None:
    registry = LocalRegistry(path)
    assert registry.reload() and registry.rules == Allowlist() and registry.problem is None
    assert not registry.reload()


def test_what_is_set_is_in_force_at_once_and_in_the_file(path: Path) -> None:
    registry = loaded(path)
    registry.set(GIT, None, Effect.ALLOW)
    registry.set(GIT, "git_push", Effect.DENY)
    for each in (registry, loaded(path)):
        assert approved(each, GIT) and approved(each, GIT, "git_log") and not approved(each, GIT, "git_push")
        assert not approved(each, TIME)
    assert not registry.reload()
    assert path.stat().st_mode & 0o777 == 0o600 and path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: repr(bad[:40]))
def test_a_file_that_turns_bad_leaves_the_last_good_rules_in_force(path: Path, bad: bytes) -> None:
    registry = loaded(path)
    registry.set(GIT, None, Effect.ALLOW)
    good = path.read_bytes()
    path.write_bytes(bad)
    assert registry.reload() and registry.problem and str(path) in registry.problem
    assert approved(registry, GIT)
    assert not registry.reload(), "the same problem is told once"
    with pytest.raises(RegistryError):
        registry.set(TIME, None, Effect.ALLOW)
    assert path.read_bytes() == bad and not approved(registry, TIME)
    path.write_bytes(good)
    assert registry.reload() and registry.problem is None and approved(registry, GIT)


@pytest.mark.parametrize("bad", BAD[:2], ids=repr)
def test_a_file_that_was_never_good_leaves_no_rules_at_all(path: Path, bad: bytes) -> None:
    path.write_bytes(bad)
    registry = loaded(path)
    assert registry.rules is None and registry.problem


def test_an_edit_by_hand_is_in_force_after_the_next_look_even_with_the_same_size_and_time(path: Path) -> None:
    registry = loaded(path)
    registry.set(GIT, None, Effect.ALLOW)
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b'"allow"', b'"deny" '))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert registry.reload() and not approved(registry, GIT)


def test_a_file_that_is_removed_approves_nothing_any_more(path: Path) -> None:
    registry = loaded(path)
    registry.set(GIT, None, Effect.ALLOW)
    path.unlink()
    assert registry.reload() and registry.rules == Allowlist()


def test_what_others_wrote_into_the_file_stays(path: Path) -> None:
    registry = loaded(path)
    registry.set(GIT, None, Effect.ALLOW)
    document = json.loads(path.read_bytes())
    document["comment"] = "by hand"
    document["servers"][0]["server"]["title"] = "Git ü \ud800"
    path.write_text(json.dumps(document))
    registry.set(TIME, None, Effect.ALLOW)
    after = json.loads(path.read_bytes())
    assert after["comment"] == "by hand" and after["servers"][0]["server"]["title"] == "Git ü \ud800"
    assert approved(registry, GIT) and approved(registry, TIME)


def test_no_change_is_lost_when_several_are_made_at_once(path: Path) -> None:
    one, other = loaded(path), loaded(path)  # as a daemon's threads, and as another process
    names = [ServerIdentity("npm", f"server-{number}") for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: one.set(name, None, Effect.ALLOW), names))
    assert all(approved(one, name) for name in names)
    other.set(TIME, None, Effect.ALLOW)
    assert all(approved(other, name) for name in [*names, TIME])


def test_a_reader_sees_whole_documents_only(path: Path) -> None:
    registry, stop = loaded(path), threading.Event()
    problems: list[str] = []

    def read() -> None:
        reader = LocalRegistry(path)
        while not stop.is_set():
            reader.reload()
            if reader.problem:
                problems.append(reader.problem)

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(50):
        registry.set(ServerIdentity("npm", f"server-{number}"), None, Effect.ALLOW)
    stop.set()
    thread.join()
    assert problems == []


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text(json.dumps(bundle.empty()))
    path.symlink_to(real)
    registry = loaded(path)
    registry.set(GIT, None, Effect.ALLOW)
    assert path.is_symlink() and approved(loaded(real), GIT)


def test_a_file_that_cannot_be_written_is_told_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "registry.json"
    registry = loaded(path)
    with pytest.raises(RegistryError, match="cannot be written"):
        registry.set(GIT, None, Effect.ALLOW)
    assert registry.rules == Allowlist()


@pytest.mark.parametrize("kind", ["folder", "pipe", "too large"])
def test_what_is_no_file_of_a_sensible_size_is_told_and_never_hangs(
    path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        monkeypatch.setattr(local, "REGISTRY_MAX", 100)
        path.write_text(json.dumps(bundle.empty()) + " " * 100)
    registry = loaded(path)
    assert registry.rules is None and registry.problem
    with pytest.raises(RegistryError):
        registry.set(GIT, None, Effect.ALLOW)


@pytest.mark.parametrize("tools", [None, {}])
@pytest.mark.parametrize("tool", [None, "push"])
@pytest.mark.parametrize("effect", Effect)
def test_an_entry_written_by_hand_without_tools_can_be_changed(
    path: Path, tools: object, tool: str | None, effect: Effect
) -> None:
    stated = {"identities": [str(GIT)], "effect": "deny", "tools": tools}
    path.write_text(json.dumps({"servers": [{"server": {"name": "x"}, "_meta": {bundle.META: stated}}]}))
    registry = loaded(path)
    registry.set(GIT, tool, effect)
    assert approved(registry, GIT, tool) is (effect is Effect.ALLOW)
