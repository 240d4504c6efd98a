"""Private keys as files: private, never overwritten, and refused where somebody else could have read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from callgate.model.errors import CallgateError, RegistryError
from callgate.registry import keys
from callgate.service import registry_admin as admin


def test_a_key_is_private_and_found_again(tmp_path: Path) -> None:
    made = keys.make(tmp_path / "keys", "root")
    path = tmp_path / "keys" / "root.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(keys.find([tmp_path / "keys"])) == list(keys.find([path])) == [made.public_key.keyid]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    keys.make(tmp_path, "root")
    before = (tmp_path / "root.pem").read_bytes()
    with pytest.raises(RegistryError, match="exists already"):
        keys.make(tmp_path, "root")
    assert (tmp_path / "root.pem").read_bytes() == before


def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path) -> None:
    made = keys.make(tmp_path, "root", b"correct horse")
    assert b"ENCRYPTED" in (tmp_path / "root.pem").read_bytes()
    assert list(keys.find([tmp_path], b"correct horse")) == [made.public_key.keyid]
    for wrong, said in ((None, "is encrypted"), (b"battery", "passphrase is wrong")):
        with pytest.raises(RegistryError, match=said):
            keys.find([tmp_path], wrong)


def test_a_passphrase_for_a_key_without_one_is_said(tmp_path: Path) -> None:
    keys.make(tmp_path, "root")
    with pytest.raises(RegistryError, match="is not encrypted"):
        keys.find([tmp_path], b"x")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    keys.make(tmp_path, "root")
    (tmp_path / "root.pem").chmod(mode)
    with pytest.raises(RegistryError, match="chmod 600"):
        keys.find([tmp_path])


@pytest.mark.parametrize("data", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.pem").write_bytes(data)
    (tmp_path / "x.pem").chmod(0o600)
    with pytest.raises(RegistryError, match=r"x\.pem"):
        keys.find([tmp_path])


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    other = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "x.pem").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "x.pem").chmod(0o600)
    with pytest.raises(RegistryError, match="Ed25519"):
        keys.find([tmp_path])


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_folder_or_pipe_in_place_of_a_key_is_refused(tmp_path: Path, make: object) -> None:
    make(tmp_path / "x.pem")  # type: ignore[operator]
    with pytest.raises(CallgateError, match=r"x\.pem"):
        keys.find([tmp_path / "x.pem" if make is os.mkfifo else tmp_path])


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="does not exist"):
        keys.find([tmp_path / "nowhere"])


def test_a_passphrase_comes_from_a_descriptor_or_a_named_file_and_from_nowhere_else(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"from the pipe\n")
    os.close(write)
    assert admin.passphrase({}, read) == b"from the pipe"
    (tmp_path / "secret").write_bytes(b"from the file\r\n")
    assert admin.passphrase({admin.PASSPHRASE_FILE: str(tmp_path / "secret")}, None) == b"from the file"
    assert admin.passphrase({}, None) is None
    for env, fd in (({admin.PASSPHRASE_FILE: str(tmp_path / "none")}, None), ({}, 999)):
        with pytest.raises(RegistryError, match="gives no passphrase"):
            admin.passphrase(env, fd)
