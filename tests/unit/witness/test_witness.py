"""What the witness signs and what it refuses, over HTTP as a log would ask it, and what it remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from callgate.audit.merkle import Growing, consistency, leaf, root_of
from callgate.audit.note import COSIGNER, PLAIN, Checkpoint, Note, Signer
from callgate.model.errors import CallgateError
from callgate.witness.protocol import request
from callgate.witness.serve import SIZE, Service
from callgate.witness.state import State
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LOG = Signer("callgate/a/0123456789abcdef", Ed25519PrivateKey.from_private_bytes(b"l" * 32))
OTHER = Signer("callgate/b/0123456789abcdef", Ed25519PrivateKey.from_private_bytes(b"o" * 32))
Ask = Callable[..., Coroutine[Any, Any, tuple[int, str, str]]]


def rows(count: int, fork: int = 10**9) -> list[bytes]:
    return [b"row %d %d" % (n, n >= fork) for n in range(count)]


def node_of(data: list[bytes]) -> Callable[[int, int], bytes]:
    def node(level: int, number: int) -> bytes:
        tree = Growing()
        for row in data[number << level : (number + 1) << level]:
            tree.add(leaf(row))
        return tree.root()

    return node


def shown(data: list[bytes], old: int, signer: Signer = LOG, name: str = "") -> str:
    tree = Growing()
    for row in data:
        tree.add(leaf(row))
    text = Checkpoint(name or signer.name, len(data), root_of(tree.frontier)).text
    note = Note(text, (Signer(name or signer.name, signer.private).sign(text),))
    return request(old, consistency(old, len(data), node_of(data)), str(note))


def with_witness(folder: Path, story: Callable[[Ask], Coroutine[Any, Any, None]]) -> Signer:
    """Run a story against a witness that knows one log; several may use the same folder one after the other."""
    state = State(folder / "w")
    signer = state.begin("witness.example/w1")
    state.add(LOG.key)

    async def run() -> None:
        async with TestClient(TestServer(Service(state, signer).application())) as client:

            async def ask(body: str) -> tuple[int, str, str]:
                async with client.post("/add-checkpoint", data=body.encode()) as response:
                    return response.status, response.content_type, await response.text()

            await story(ask)

    asyncio.run(run())
    return signer


def test_it_signs_what_continues_and_remembers_it_over_a_restart(tmp_path: Path) -> None:
    async def first(ask: Ask) -> None:
        for old, size in ((0, 5), (5, 5), (5, 12)):
            status, _, line = await ask(shown(rows(size), old))
            assert status == 200, line
            note = Note.parse(shown(rows(size), old).partition("\n\n")[2])
            assert list(Note(note.text, (line,)).signed_by([key])) == [key]

    key = State(tmp_path / "w").begin("witness.example/w1").key
    assert key.kind == COSIGNER
    assert with_witness(tmp_path, first).key == key

    async def later(ask: Ask) -> None:
        assert await ask(shown(rows(20), 5)) == (409, SIZE, "12\n")
        assert (await ask(shown(rows(20), 12)))[0] == 200

    with_witness(tmp_path, later)
    assert State(tmp_path / "w").logs() == [(LOG.name, 20)]


def test_it_refuses_forks_and_rollbacks(tmp_path: Path) -> None:
    async def story(ask: Ask) -> None:
        assert (await ask(shown(rows(12), 0)))[0] == 200
        assert (await ask(shown(rows(20, fork=8), 12)))[0] == 422
        assert await ask(shown(rows(12, fork=8), 12)) == (409, SIZE, "12\n")
        assert await ask(shown(rows(9), 0)) == (409, SIZE, "12\n")
        assert (await ask(shown(rows(9), 12)))[0] == 400
        assert (await ask(shown(rows(12), 12)))[0] == 200

    with_witness(tmp_path, story)
    assert State(tmp_path / "w").logs() == [(LOG.name, 12)]


def test_it_signs_for_nobody_whom_it_does_not_know(tmp_path: Path) -> None:
    async def story(ask: Ask) -> None:
        assert (await ask(shown(rows(3), 0, OTHER)))[0] == 404
        assert (await ask(shown(rows(3), 0, OTHER, LOG.name)))[0] == 403
        forged = shown(rows(3), 0).replace(f"{LOG.name}\n3\n", f"{LOG.name}\n4\n")
        assert (await ask(forged))[0] == 403

    with_witness(tmp_path, story)
    assert State(tmp_path / "w").logs() == [(LOG.name, 0)]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "old 0",
        "old -1\n\nx\n",
        "old 01\n\nx\n",
        "new 0\n\nx\n",
        "old 0\n!!!\n\nx\n",
        "old 0\nAAAA\n\nx\n",
        "old 0\n\nx\n\n— a AAAAAAAA\n",
    ],
)
def test_nonsense_is_a_bad_request(tmp_path: Path, body: str) -> None:
    async def story(ask: Ask) -> None:
        assert (await ask(body))[0] == 400

    with_witness(tmp_path, story)


def test_more_hashes_than_a_proof_can_have_are_refused(tmp_path: Path) -> None:
    async def story(ask: Ask) -> None:
        line = "A" * 43 + "=\n"
        assert (await ask("old 0\n" + 64 * line + shown(rows(3), 0)[6:]))[0] == 400
        assert (await ask("x" * 100_000))[0] == 413

    with_witness(tmp_path, story)


def test_concurrent_checkpoints_never_roll_it_back(tmp_path: Path) -> None:
    async def story(ask: Ask) -> None:
        answers = await asyncio.gather(*(ask(shown(rows(size), 0)) for size in range(1, 20)))
        assert sorted(status for status, _, _ in answers) == [200] + [409] * 18

    with_witness(tmp_path, story)


def test_names_of_logs_cannot_leave_the_folder(tmp_path: Path) -> None:
    state = State(tmp_path / "w")
    state.begin("w")
    hostile = Signer("../../../etc/passwd", LOG.private)
    state.add(hostile.key)
    assert state.keys(hostile.name) == (hostile.key,)
    assert all(path.resolve().is_relative_to(tmp_path / "w") for path in (tmp_path / "w").rglob("*"))
    assert hostile.key.kind == PLAIN


def test_a_witness_keeps_its_name_and_takes_no_key_of_another_witness(tmp_path: Path) -> None:
    state = State(tmp_path / "w")
    with pytest.raises(CallgateError, match="no name"):
        state.begin("")
    signer = state.begin("one")
    assert state.begin("").key == signer.key
    with pytest.raises(CallgateError, match="is called one"):
        state.begin("two")
    with pytest.raises(CallgateError, match="that of a witness"):
        state.add(signer.key)
