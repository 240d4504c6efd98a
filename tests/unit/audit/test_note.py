"""Signed notes, checkpoints and cosignatures, against published examples and against forgeries."""

from __future__ import annotations

import pytest
from callgate.audit.note import COSIGNER, PLAIN, Checkpoint, Key, Note, Signer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
"""The example of Go's golang.org/x/mod/sumdb/note, which the specification describes."""
ORIGIN = "callgate/host/0123456789abcdef"


def signer(name: str = ORIGIN, kind: int = PLAIN, seed: int = 1) -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32), kind)


def signed(text: str, *signers: Signer, time: int = 0) -> Note:
    return Note(text, tuple(one.sign(text, time) for one in signers))


def test_the_published_example_holds() -> None:
    key = Key.parse(GO_KEY)
    assert str(key) == GO_KEY and key.name == "PeterNeumann"
    assert Note.parse(GO_NOTE).signed_by([key]) == {key: 0}
    assert str(Note.parse(GO_NOTE)) == GO_NOTE


def test_a_note_holds_for_its_signers_and_says_nothing_of_others() -> None:
    one, two, stranger = signer(), signer(seed=2), signer(seed=3)
    note = Note.parse(str(signed("text\n", one, two)))
    assert note.signed_by([one.key, stranger.key]) == {one.key: 0}
    assert note.signed_by([stranger.key]) == {}


def test_an_edited_text_or_signature_is_refused() -> None:
    one = signer()
    note = signed("text\n", one)
    with pytest.raises(ValueError, match="does not hold"):
        Note("texT\n", note.lines).signed_by([one.key])
    with pytest.raises(ValueError, match="does not hold"):
        Note("text\n", (signer().sign("other\n"),)).signed_by([one.key])


def test_a_cosignature_carries_its_time_and_the_time_is_signed() -> None:
    witness = signer("witness.example/w1", COSIGNER)
    note = signed("text\n", witness, time=1679315147)
    assert note.signed_by([witness.key]) == {witness.key: 1679315147}
    again = Key.parse(str(witness.key))
    assert again == witness.key and again.kind == COSIGNER
    plain = Key(witness.name, PLAIN, witness.key.public)
    assert note.signed_by([plain]) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\nno signature\n",
        "text\n\n— name !!!!\n",
        "text\n\n— name AAAA\n",
        "te\x00xt\n\n— name AAAAAAAA\n",
        "text\n\n— name AAAAAAAA",
        "text\n\n" + "— name AAAAAAAA\n" * 65,
        "x" * 70_000 + "\n\n— name AAAAAAAA\n",
    ],
)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Note.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "name", "name+00000000+AQ==", GO_KEY.replace("c74f", "c74e"), "a b" + GO_KEY[12:], GO_KEY[:-4] + "!!!!"],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Key.parse(text)


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    made = Checkpoint(ORIGIN, 12, bytes(range(32)))
    assert Checkpoint.parse(made.text) == made
    assert Checkpoint.parse(made.text + "an extension line\n") == made


@pytest.mark.parametrize("size", ["", "-1", "01", "1.0", "1e3", "٣", str(2**63), "9" * 5000])
def test_a_checkpoint_with_a_strange_size_is_refused(size: str) -> None:
    text = Checkpoint(ORIGIN, 12, bytes(range(32))).text.replace("\n12\n", f"\n{size}\n")
    with pytest.raises(ValueError):
        Checkpoint.parse(text)
