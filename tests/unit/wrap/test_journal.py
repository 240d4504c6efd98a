"""The journal holds what puts a file back, privately, and says when it cannot be read."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from callgate.model.errors import WrapError
from callgate.model.inventory import ConfigFile, Format, Scope
from callgate.wrap.journal import Journal
from callgate.wrap.record import Owned, Record, Undo, begun, digest, from_plain, owned_in, to_plain

FILE = ConfigFile("a", Scope.PROJECT, "/home/u/\udcff/mcp.json", Format.YAML, "continue", "/home/u/p")


def owned(launcher: str = "/l/a/x-1", **more) -> Owned:
    undo = (
        Undo(("command",), "/l/a/x-1", b'"npx"\xff'),
        Undo(("args", 0), ["--", "\ud800"], None),
        Undo((), {"a": 1}, b""),
    )
    return Owned(
        FILE, "x\ud800", ("mcpServers", 0), launcher, ("npx", "y"), undo, 1_700_000_000_000_000_000, "/p", **more
    )


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def test_a_record_is_read_as_it_was_written() -> None:
    record = begun(None, "/home/u/\udcff", b"old", b"new", (owned(), owned("/l/a/y", follows=FILE, made=2)))
    assert from_plain(json.loads(json.dumps(to_plain(record)))) == record
    settled = replace(record, entries=(owned(),), pending=None)
    assert from_plain(json.loads(json.dumps(to_plain(settled)))) == settled


def test_records_and_originals_are_private_and_go_together(journal: Journal, tmp_path: Path) -> None:
    record = begun(None, "/t", b"old", b"new", (owned(),))
    journal.begin(record, b"old")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 2
    assert journal.original("/t") == b"old"
    journal.forget("/t")
    assert not list(tmp_path.iterdir())


def test_a_change_settles_or_is_abandoned(journal: Journal) -> None:
    first = begun(None, "/t", b"old", b"new", (owned(),))
    journal.begin(first, b"old")
    assert journal.record("/t") == first
    journal.settle(first)
    settled = journal.record("/t")
    assert settled == Record("/t", digest(b"old"), digest(b"new"), True, (owned(),))
    second = begun(settled, "/t", b"new", b"newer", (owned(), owned("/l/a/y")))
    journal.begin(second, None)
    journal.abandon(second)
    assert journal.record("/t") == settled
    journal.abandon(first)
    assert journal.record("/t") is None


def test_a_file_that_others_changed_between_two_changes_of_ours_is_not_exact(journal: Journal) -> None:
    settled = Record("/t", digest(b"old"), digest(b"new"), True, (owned(),))
    assert begun(settled, "/t", b"new", b"newer", ()).exact
    assert not begun(settled, "/t", b"theirs", b"newer", ()).exact
    assert not begun(None, "/t", b"old", b"new", (replace(owned(), undo=()),)).exact


def test_settling_without_entries_forgets(journal: Journal, tmp_path: Path) -> None:
    record = begun(None, "/t", b"old", b"new", ())
    journal.begin(record, b"old")
    journal.settle(record)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"version": 2}', b'{"version": 1, "target": 3}', b"[" * 100_000, b"\xff"]
)
def test_a_record_that_cannot_be_read_is_named_and_kept(journal: Journal, tmp_path: Path, data: bytes) -> None:
    journal.begin(begun(None, "/t", b"old", b"new", (owned(),)), b"old")
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(data)
    records, skipped = journal.records()
    assert records == []
    assert [each.what for each in skipped] == [str(path)]
    with pytest.raises(WrapError, match="cannot be read"):
        journal.record("/t")
    journal.sweep()
    assert journal.original("/t") == b"old"


def test_a_lost_original_is_said(journal: Journal) -> None:
    with pytest.raises(WrapError, match="original"):
        journal.original("/t")


def test_sweeping_removes_what_no_record_names(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "0123.original").write_bytes(b"secret")
    (tmp_path / ".0123.json.abcd.callgate").write_bytes(b"half")
    journal.sweep()
    assert not list(tmp_path.iterdir())


def test_owned_entries_include_those_of_a_change_under_way() -> None:
    record = Record("/t", "", "", True, (owned(),), begun(None, "/t", b"", b"", (owned("/l/a/y"),)).pending)
    assert [entry.launcher for _, entry in owned_in([record])] == ["/l/a/x-1", "/l/a/y"]
