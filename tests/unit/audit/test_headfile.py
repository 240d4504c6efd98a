"""The lock and the second opinion beside the log."""

import os
import stat
from pathlib import Path

import pytest
from callgate.audit.headfile import HeadFile, read
from callgate.model.errors import AuditError

DIGEST = bytes(range(32))


def test_what_was_noted_last_is_read_by_writer_and_readers(tmp_path: Path) -> None:
    log = tmp_path / "audit.db"
    assert read(log) is None
    head = HeadFile(log)
    assert head.read() is None and read(log) is None
    for seq in (1, 2, 2**53):
        head.write(seq, DIGEST)
        assert head.read() == read(log) == (seq, DIGEST)
    head.close()
    assert read(log) == (2**53, DIGEST)
    assert stat.S_IMODE((tmp_path / "audit.db.head").stat().st_mode) == 0o600


def test_only_one_writer_holds_it(tmp_path: Path) -> None:
    head = HeadFile(tmp_path / "audit.db")
    with pytest.raises(AuditError, match="another daemon"):
        HeadFile(tmp_path / "audit.db")
    head.close()
    HeadFile(tmp_path / "audit.db").close()


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), os.mkfifo, lambda path: path.symlink_to("/etc/passwd")])
def test_strange_files_in_its_place_are_no_head_file(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "audit.db.head")
    assert read(tmp_path / "audit.db") is None


def test_a_head_file_in_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="cannot be opened"):
        HeadFile(tmp_path / "missing" / "audit.db")
