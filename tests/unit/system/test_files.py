"""Reading and replacing files that other people can write."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from callgate.model.errors import FileChangedError, FileRefusedError
from callgate.system.files import locked, read_capped, replace_file, sync_folder

LIMIT = 1000
ROOT = os.geteuid() == 0


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".callgate")]


def test_a_file_within_the_limit_is_read_whole(tmp_path: Path) -> None:
    for size in (0, 1, LIMIT):
        (tmp_path / "x").write_bytes(b"x" * size)
        assert read_capped(tmp_path / "x", LIMIT) == b"x" * size


def test_a_file_over_the_limit_is_refused_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(FileRefusedError, match="1,001 bytes"):
        read_capped(tmp_path / "x", LIMIT)


def test_a_file_that_does_not_say_its_size_is_held_to_the_limit() -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs /proc")
    assert read_capped(Path("/proc/self/stat"), 100_000)
    with pytest.raises(FileRefusedError, match="grew over the limit"):
        read_capped(Path("/proc/self/maps"), 10)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("gone")
    for path in ("gone", "gone/deeper", "file/below", "dangling"):
        with pytest.raises(FileNotFoundError):
            read_capped(tmp_path / path, LIMIT)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("1")
    (tmp_path / "link").symlink_to("x")
    assert read_capped(tmp_path / "link", LIMIT) == b"1"


@pytest.mark.timeout(10)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for path, word in ((tmp_path, "folder"), (tmp_path / "pipe", "pipe"), (Path("/dev/null"), "device")):
        with pytest.raises(FileRefusedError, match=word):
            read_capped(path, LIMIT)
    with pytest.raises(FileRefusedError, match="cannot be opened"):
        read_capped(tmp_path / "loop", LIMIT)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 300])
def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileRefusedError) as refused:
        read_capped(tmp_path / name, LIMIT)
    str(refused.value).encode()


@pytest.mark.skipif(ROOT, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").touch(0o000)
    with pytest.raises(FileRefusedError, match="Permission denied"):
        read_capped(tmp_path / "x", LIMIT)


def test_a_new_file_is_private_unless_told_otherwise(tmp_path: Path) -> None:
    replace_file(tmp_path / "a", b"1")
    replace_file(tmp_path / "b", b"2", mode=0o755)
    assert (tmp_path / "a").read_bytes() == b"1"
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"] == [0o600, 0o755]


def test_the_rights_of_an_existing_file_stay(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1")
    (tmp_path / "x").chmod(0o640)
    replace_file(tmp_path / "x", b"2", mode=0o777)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_a_replaced_link_does_not_hand_down_its_rights(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"1")
    (tmp_path / "link").symlink_to("target")
    replace_file(tmp_path / "link", b"2")
    assert stat.S_IMODE((tmp_path / "link").lstat().st_mode) == 0o600
    assert (tmp_path / "target").read_bytes() == b"1"


def test_a_file_with_the_longest_name_can_be_replaced(tmp_path: Path) -> None:
    for name in ("x" * 255, "ü" * 127, "\U0001f600" * 63):
        replace_file(tmp_path / name, b"1")
        assert (tmp_path / name).read_bytes() == b"1"


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"theirs")
    for expected in (b"ours", b"their", b"theirs and more", b""):
        with pytest.raises(FileChangedError):
            replace_file(file, b"new", expected=expected)
    assert file.read_bytes() == b"theirs" and not left_over(tmp_path)
    replace_file(file, b"new", expected=b"theirs")
    assert file.read_bytes() == b"new"


def test_a_file_that_cannot_be_replaced_stands(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/x").touch()
    with pytest.raises(OSError, match="directory"):
        replace_file(tmp_path / "folder", b"1")
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "gone/x", b"1")
    assert not left_over(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_failed_write_leaves_the_old_bytes_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"old" and not left_over(tmp_path)


def test_a_reader_never_sees_a_mixture(tmp_path: Path) -> None:
    file = tmp_path / "x"
    texts = [bytes([letter]) * 200_000 for letter in b"ab"]
    file.write_bytes(texts[0])
    stop = threading.Event()
    seen: set[bytes] = set()

    def watch() -> None:
        while not stop.is_set():
            seen.add(read_capped(file, 1_000_000))

    reader = threading.Thread(target=watch)
    reader.start()
    for turn in range(30):
        replace_file(file, texts[turn % 2])
    stop.set()
    reader.join(10)
    assert seen <= set(texts)


def test_a_folder_can_be_synced_and_a_file_cannot(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    (tmp_path / "x").touch()
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "x")


TRY = """
import sys
from pathlib import Path
from callgate.system.files import locked
try:
    with locked(Path(sys.argv[1])):
        print("mine")
except BlockingIOError:
    print("held")
"""


def test_only_one_process_holds_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    def ask() -> bytes:
        return subprocess.run(
            [sys.executable, "-c", TRY, path], capture_output=True, timeout=30, check=True
        ).stdout.strip()

    with locked(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert ask() == b"held"
    assert ask() == b"mine"


def test_a_lock_is_not_taken_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"), locked(tmp_path / "lock"):
        pass
    assert not (tmp_path / "elsewhere").exists()
