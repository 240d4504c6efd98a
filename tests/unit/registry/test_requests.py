"""Requests of machines: whole and signed, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from callgate.model.errors import CallgateError, RegistryError
from callgate.registry import requests
from callgate.registry.requests import Request

ASKED = Request("npm:time@1.0.0", "time", "I need the time \u23f0", "ada", "laptop-7", 1_800_000_000)


def test_a_request_is_read_as_it_was_written_and_names_its_machine(tmp_path: Path) -> None:
    first = requests.write(tmp_path / "requests", tmp_path / "keys", ASKED)
    second = requests.write(tmp_path / "requests", tmp_path / "keys", Request(**{**vars_of(ASKED), "name": ""}))
    assert first != second
    (one, key), (other, same) = requests.read(first), requests.read(second)
    assert one == ASKED and other.identity == ASKED.identity and key == same, "one machine, one key"
    (tmp_path / "requests" / "0.json").write_text("{}")
    found, skipped = requests.read_all(tmp_path / "requests")
    assert [path for path, _, _ in found] == sorted([first, second])
    assert len(skipped) == 1 and "is no request" in skipped[0], "one machine does not hold up the others"


def vars_of(request: Request) -> dict[str, object]:
    return {name: getattr(request, name) for name in Request.__slots__}


def test_a_request_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = requests.write(tmp_path, tmp_path / "keys", ASKED)
    path.write_text(path.read_text().replace("npm:time", "npm:evil"))
    with pytest.raises(RegistryError, match="changed after it was signed"):
        requests.read(path)


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"[" * 100_000, b'{"key": "00", "signature": "00", "request": "{}"}', b"\xff", b"x" * 70_000],
)
def test_what_is_no_request_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(CallgateError, match=r"x\.json"):
        requests.read(tmp_path / "x.json")


@pytest.mark.parametrize("payload", ["{}", "7", "not json", json.dumps({**vars_of(ASKED), "identity": "what:ever"})])
def test_a_signed_request_that_makes_no_sense_is_refused(tmp_path: Path, payload: str) -> None:
    from callgate.registry import keys

    signer = keys.make(tmp_path / "keys", "device")
    said = {"request": payload, "key": signer.public_key.keyval["public"]}
    (tmp_path / "x.json").write_text(json.dumps({**said, "signature": signer.sign(payload.encode()).signature}))
    with pytest.raises(RegistryError, match="is no request"):
        requests.read(tmp_path / "x.json")


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    path = requests.write(tmp_path / "requests", tmp_path / "keys", Request("npm:x", "../../../etc/x\n", "", "", "", 1))
    assert path.parent == tmp_path / "requests" and "/" not in path.name
