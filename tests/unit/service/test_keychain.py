"""The device's key in a keychain: moved there and back, the same key; what is said where there is none to be had."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from callgate.audit import checkpoints
from callgate.audit.note import Note, Signer
from callgate.audit.signed import rotation
from callgate.model.errors import AuditError
from callgate.service import devicekey, keychain
from callgate.settings import KeyPlace
from callgate.system.paths import Folders, folders
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as Nothing
from keyring.backends.null import Keyring as Forgetful

KEYCHAIN = KeyPlace.KEYCHAIN


class Chain(KeyringBackend):
    """A keychain in memory, which may be locked or keep its caller waiting."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False
        self.open = threading.Event()
        self.open.set()

    def _look(self) -> None:
        self.open.wait(60)
        if self.locked:
            raise keyring.errors.KeyringLocked("no")

    def get_password(self, service: str, username: str) -> str | None:
        self._look()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._look()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._look()
        del self.kept[service, username]


@pytest.fixture
def chain() -> Iterator[Chain]:
    before, chain = keyring.get_keyring(), Chain()
    keyring.set_keyring(chain)
    yield chain
    chain.open.set()
    keyring.set_keyring(before)


@pytest.fixture
def where(tmp_path: Path) -> Folders:
    made = folders({"CALLGATE_HOME": str(tmp_path / "s"), "HOME": str(tmp_path)})
    made.make()
    return made


def public(held: devicekey.Held) -> bytes:
    return held.key.public_key().public_bytes_raw()


def test_a_key_that_is_made_in_the_keychain_never_touches_the_disk(where: Folders, chain: Chain) -> None:
    made = devicekey.private_key(where, KEYCHAIN)
    again = devicekey.private_key(where, KEYCHAIN)
    assert not made.problem and public(made) == public(again) == devicekey.public_key(where)
    assert len(chain.kept) == 1 and "PRIVATE KEY" in next(iter(chain.kept.values()))
    assert not [path for path in where.data.iterdir() if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]


def test_a_key_moves_into_the_keychain_and_back_and_stays_the_same(where: Folders, chain: Chain) -> None:
    made = devicekey.private_key(where)
    moved = devicekey.private_key(where, KEYCHAIN)
    assert len(chain.kept) == 1 and b"PRIVATE" not in where.device_key.read_bytes()
    back = devicekey.private_key(where)
    assert public(made) == public(moved) == public(back)
    assert chain.kept == {} and b"PRIVATE" in where.device_key.read_bytes()
    assert where.device_key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("bad", [Nothing, Forgetful])
@pytest.mark.parametrize("there", [True, False])
def test_where_there_is_no_keychain_the_file_is_used_and_it_is_said(
    where: Folders, chain: Chain, bad: type[KeyringBackend], there: bool
) -> None:
    before = devicekey.private_key(where) if there else None
    keyring.set_keyring(bad())
    held = devicekey.private_key(where, KEYCHAIN)
    assert "not in the keychain as audit.device_key wants it" in held.problem
    assert before is None or public(before) == public(held)
    assert b"PRIVATE" in where.device_key.read_bytes()
    keyring.set_keyring(chain)
    later = devicekey.private_key(where, KEYCHAIN)
    assert not later.problem and public(later) == public(held) and len(chain.kept) == 1


def test_a_locked_keychain_never_makes_another_key_take_the_place_of_the_one_it_has(
    where: Folders, chain: Chain
) -> None:
    made = devicekey.private_key(where, KEYCHAIN)
    chain.locked = True
    for place in KeyPlace:
        with pytest.raises(AuditError, match="KeyringLocked"):
            devicekey.private_key(where, place)
    chain.locked = False
    assert public(devicekey.private_key(where, KEYCHAIN)) == public(made)
    chain.kept.clear()
    with pytest.raises(AuditError, match="put it back"):
        devicekey.private_key(where, KEYCHAIN)


def test_a_keychain_that_never_answers_holds_nobody_up(
    where: Folders, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keychain, "ANSWER", 0.2)
    chain.open.clear()
    assert "did not answer in" in devicekey.private_key(where, KEYCHAIN).problem


@pytest.mark.parametrize("said", [True, False])
def test_a_rotation_in_the_keychain_is_whole_or_none(where: Folders, chain: Chain, said: bool) -> None:
    old = devicekey.private_key(where, KEYCHAIN)
    new = devicekey.successor(where, KEYCHAIN)
    assert len(chain.kept) == 2 and public(devicekey.private_key(where, KEYCHAIN)) == public(old)
    one, two = (Signer("callgate/a/0123456789abcdef", held.key) for held in (old, new))
    text = rotation(one.name, 1, one.key, two.key)
    if said:
        checkpoints.append(where.audit, {"rotation": str(Note(text, (one.sign(text), two.sign(text))))})
    assert devicekey.finish_rotation(where) is said
    assert public(devicekey.private_key(where, KEYCHAIN)) == public(new if said else old)
    if not said:
        devicekey.successor(where, KEYCHAIN)
        devicekey.hand_over(where)
    assert len(chain.kept) == 1


def test_what_is_kept_in_the_keychain_is_judged_like_a_file(where: Folders, chain: Chain) -> None:
    devicekey.private_key(where, KEYCHAIN)
    for name in chain.kept:
        chain.kept[name] = "nonsense"
    with pytest.raises(AuditError, match="is no key of ours"):
        devicekey.private_key(where, KEYCHAIN)
