"""Evidence of a session: what it proves elsewhere, how an edit of it is named, what an independent program says."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from callgate.model.errors import AuditError
from callgate.service.evidence import judge, make
from frame_client import FrameClient
from installation import Installation

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
VERIFIER = Path(__file__).parents[2] / "e2e" / "tools" / "verify_bundle.mjs"
Said = dict[str, Any]


@pytest.fixture(scope="module")
def place() -> Iterator[Installation]:
    """A daemon that has seen two sessions, before and after a key rotation."""
    with Installation() as place:
        place.start()
        for number in range(2):
            with FrameClient(place.folders.gate_socket) as shim:
                shim.greet(f"{number:016x}")
                for serial in range(1, 6):
                    shim.ask(serial=serial)
            place.client.rotate_key()
        place.client.make_checkpoint()
        yield place


@pytest.fixture
def bundle(place: Installation, tmp_path: Path) -> Path:
    session = place.rows(kind="call.asked")[0]["session"]
    made = make(place.folders, session, tmp_path / "bundle.zip")
    assert made["ok"] and made["rows"] >= 11
    return tmp_path / "bundle.zip"


def unpacked(path: Path) -> Path:
    folder = path.with_suffix("")
    with zipfile.ZipFile(path) as zipped:
        zipped.extractall(folder)
    return folder


def edited(path: Path, edit: Callable[[str, str], str]) -> Path:
    """The bundle with every text file as `edit(name, text)` makes it."""
    other = path.with_name("edited.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            new.writestr(name, edit(name, text))
    return other


def rows_edited(path: Path, edit: Callable[[list[Said]], list[Said]]) -> Path:
    def change(name: str, text: str) -> str:
        if name != "events.jsonl":
            return text
        return "".join(json.dumps(row) + "\n" for row in edit([json.loads(line) for line in text.splitlines()]))

    return edited(path, change)


def independent(folder: Path, *key: str) -> tuple[int, Said]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node")
    done = subprocess.run([node, str(VERIFIER), str(folder), *key], capture_output=True, text=True, timeout=60)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_bundle_proves_its_rows_without_a_log(place: Installation, bundle: Path) -> None:
    key = place.client.checkpoint()["key"]
    found = judge(bundle, key)
    assert found["ok"] and found["signed"]["key"] == key
    assert "stand in the log" in found["proved"][0]
    assert "could have been left out" in found["not_proved"][0]
    assert not any("the bundle names it itself" in sentence for sentence in found["not_proved"])
    assert any("the bundle names it itself" in sentence for sentence in judge(bundle)["not_proved"])


def test_an_independent_verifier_agrees(place: Installation, bundle: Path) -> None:
    ours = judge(bundle)
    code, theirs = independent(unpacked(bundle), place.client.checkpoint()["key"])
    assert code == 0 and theirs["ok"] and theirs["wrong"] == []
    assert (theirs["origin"], theirs["size"]) == (ours["signed"]["origin"], ours["signed"]["rows"])
    assert theirs["rows"] == theirs["proved"] == ours["rows"]


def test_a_key_from_before_the_rotations_is_trusted_too(place: Installation, bundle: Path) -> None:
    first = place.rows(kind="key.rotated")[0]["detail"]["old"]
    assert judge(bundle, first)["ok"]
    assert independent(unpacked(bundle), first)[0] == 0


def first_call(rows: list[Said]) -> int:
    return next(at for at, row in enumerate(rows) if '"kind":"call.asked"' in row["body"])


def text_edited(rows: list[Said]) -> list[Said]:
    at = first_call(rows)
    rows[at]["body"] = rows[at]["body"].replace('"effect":"', '"effect":"x')
    return rows


def hash_edited(rows: list[Said]) -> list[Said]:
    from callgate.audit.log import link

    row = text_edited(rows)[first_call(rows)]
    row["hash"] = link(bytes.fromhex(row["prev"]), row["body"].encode()).hex()
    return rows


def swapped(rows: list[Said]) -> list[Said]:
    rows[0]["proof"], rows[-1]["proof"] = rows[-1]["proof"], rows[0]["proof"]
    return rows


def renumbered(rows: list[Said]) -> list[Said]:
    rows[-1]["seq"] += 1
    return rows


@pytest.mark.parametrize("edit", [text_edited, hash_edited, swapped, renumbered])
def test_an_edited_row_is_found_by_both(bundle: Path, edit: Callable[[list[Said]], list[Said]]) -> None:
    other = rows_edited(bundle, edit)
    assert not judge(other)["ok"]
    assert independent(unpacked(other))[0] == 1


def test_an_edited_payload_is_found_by_both(bundle: Path) -> None:
    def edit(rows: list[Said]) -> list[Said]:
        kept = [row for row in rows if "kept" in row]
        assert kept
        kept[0]["kept"] = '{"other":1}'
        return rows

    other = rows_edited(bundle, edit)
    assert "another payload" in judge(other)["findings"][0]
    assert independent(unpacked(other))[0] == 1


def test_an_edited_checkpoint_is_found_by_both(bundle: Path) -> None:
    def edit(name: str, text: str) -> str:
        lines = text.split("\n")
        return "\n".join([lines[0], str(int(lines[1]) + 1), *lines[2:]]) if name == "checkpoint.txt" else text

    other = edited(bundle, edit)
    assert "forged" in judge(other)["findings"][0]
    assert independent(unpacked(other))[0] == 1


def test_another_key_does_not_vouch_for_it(bundle: Path) -> None:
    stranger = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert "none of the trusted keys" in " ".join(judge(bundle, stranger)["findings"])
    assert independent(unpacked(bundle), stranger)[0] == 1


def test_the_report_runs_nothing_and_shows_hostile_text_as_text(place: Installation, bundle: Path) -> None:
    from callgate.audit.bundle import Proven
    from callgate.service.evidence_page import page

    report = (unpacked(bundle) / "report.html").read_text()
    assert "default-src 'none'" in report and "<script" not in report and "call.asked" in report
    body = '{"kind":"call.asked","reason":"<script>alert(1)</script>","seq":1,"time":"99999999999999999999999","v":1}'
    found = judge(bundle)
    said = {"session": "<b>", "made": 1, "by": "x"}
    shown = page(said, [Proven(1, body, b"", b"", None, kept="<img src=x>")], found, [])
    assert "<script" not in shown and "<img" not in shown and "<b>" not in shown


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x03\x04" + b"x" * 100])
def test_what_is_no_bundle_is_an_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(data)
    with pytest.raises(AuditError):
        judge(path)


def test_a_session_that_never_was_is_an_error(place: Installation, tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="is not in the log"):
        make(place.folders, "nobody", tmp_path / "bundle.zip")
