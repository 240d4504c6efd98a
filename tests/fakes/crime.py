"""A signed log, and the tools of somebody who can write to all its files and knows how it is made."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

from callgate.audit import checkpoints
from callgate.audit.headfile import HeadFile
from callgate.audit.log import GENESIS, decode, encode, index, link
from callgate.audit.merkle import Growing, leaf, root_of
from callgate.audit.note import PLAIN, Checkpoint, Key, Note, Signer
from callgate.audit.payload import Kept
from callgate.audit.signed import Sealed
from callgate.audit.store import Writer
from callgate.audit.verdict import Trust, judge
from callgate.model.event import Event
from callgate.settings import Durability
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DAY = 24 * 3600 * 10**9
DEVICE = Ed25519PrivateKey.from_private_bytes(b"d" * 32)
THIEF = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
KEPT = Kept("d" * 64, 9, '{"a":"b"}', salt=b"s" * 16)


def trust(key: Ed25519PrivateKey = DEVICE) -> Trust:
    return Trust((Key("", PLAIN, key.public_key().public_bytes_raw()),))


class Scene:
    """A log of 45 rows: checkpoints of rows 10, 21 and 32, each recorded by the row after it; the rest is not signed.
    The checkpoint of row 32 has left the machine (`sent`)."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self.log = folder / "audit.db"
        self.writer = Writer.open(self.log, Durability.COMMIT)
        self.origin = self.writer.origin
        self.write(10)
        self.seal()
        self.write(10)
        self.backup = self.seal(copy=True)
        self.write(10)
        self.sent = self.seal()
        self.write(12)

    def write(self, count: int, reason: str = "because") -> None:
        start = self.writer.durable[0][0]
        for n in range(start, start + count):
            self.writer.append(Event("call.asked", n * DAY, uid=f"u-{n}", effect="deny", reason=reason), KEPT)
        self.writer.commit()

    def seal(self, key: Ed25519PrivateKey = DEVICE, *, copy: bool = False) -> str | dict[Path, bytes]:
        """Sign what is there and record it, as the daemon does; the note, or a copy of all files."""
        (size, last), frontier = self.writer.durable
        made = self.sealed(size, last, tuple(frontier), key)
        checkpoints.append(self.log, checkpoints.stated(made))
        self.writer.append(Event("log.checkpoint", size * DAY, detail={"size": size, "note": str(made.note)}))
        self.writer.commit()
        if copy:
            self.writer.tidy()
            return {path: path.read_bytes() for path in self.log.parent.iterdir() if path.name != "audit.db-shm"}
        return str(made.note)

    def sealed(self, size: int, last: bytes, frontier: tuple[bytes, ...], key: Ed25519PrivateKey) -> Sealed:
        checkpoint = Checkpoint(self.origin, size, root_of(frontier))
        note = Note(checkpoint.text, (Signer(self.origin, key).sign(checkpoint.text),))
        return Sealed(note, checkpoint, frontier, last)

    def close(self) -> None:
        self.writer.close()

    def sql(self, *statements: str, values: tuple[object, ...] = ()) -> None:
        connection = sqlite3.connect(self.log, isolation_level=None)
        for statement in statements:
            connection.execute(statement, values if "?" in statement else ())
        connection.close()

    def bodies(self) -> list[tuple[int, str]]:
        connection = sqlite3.connect(self.log)
        found = connection.execute("SELECT seq, body FROM event ORDER BY seq").fetchall()
        connection.close()
        return [(int(seq), str(body)) for seq, body in found]

    def rewrite(self, edit: Callable[[list[tuple[int, str]]], list[tuple[int, str]]], *, notes: bool = True) -> None:
        """Put other rows in the place of all, with numbers, hashes, columns and both notes of the end made to fit."""
        rows, previous = edit(self.bodies()), GENESIS
        connection = sqlite3.connect(self.log, isolation_level=None)
        kept = dict(connection.execute("SELECT body, kept FROM event"))
        connection.execute("DELETE FROM event")
        for seq, body in rows:
            event = decode(body.encode())
            payload = event.detail.get("payload")
            digest = link(previous, body.encode())
            extra = (KEPT.salt, kept.get(body) or KEPT.text) if payload else (None, None)
            values = (seq, body, previous, digest, *index(event), *extra)
            connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            previous = digest
        if notes:
            connection.execute("UPDATE mark SET seq = ?, hash = ? WHERE name = 'head'", (rows[-1][0], previous))
            beside = HeadFile(self.log)
            beside.write(rows[-1][0], previous)
            beside.close()
        connection.close()

    def resign(self, key: Ed25519PrivateKey) -> None:
        """Make all checkpoints anew for the rows as they are now."""
        connection = sqlite3.connect(self.log)
        rows = connection.execute("SELECT seq, hash FROM event ORDER BY seq").fetchall()
        connection.close()
        checkpoints.beside(self.log).unlink(missing_ok=True)
        tree = Growing()
        for seq, digest in rows:
            tree.add(leaf(digest))
            if seq in (10, 21, 32):
                made = self.sealed(seq, digest, tuple(tree.frontier), key)
                checkpoints.append(self.log, checkpoints.stated(made))

    def lines(self, edit: Callable[[list[dict[str, object]]], list[dict[str, object]]]) -> None:
        """Edit the file of checkpoints."""
        path = checkpoints.beside(self.log)
        said = edit([json.loads(line) for line in path.read_text().splitlines()])
        path.write_text("".join(json.dumps(line) + "\n" for line in said))

    def judged(self, key: Ed25519PrivateKey = DEVICE, since: str = "") -> list[str]:
        """What `verify` finds."""
        found: list[str] = judge(self.log, trust(key), since)["findings"]
        return found


def without_checkpoints(rows: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The same story, as if nothing had ever been signed; rows of checkpoints become something harmless."""
    return [
        (seq, encode(Event("daemon.disturbed", seq), seq) if '"kind":"log.checkpoint"' in body else body)
        for seq, body in rows
    ]


def whitewashed(rows: list[tuple[int, str]], first: int = 5) -> list[tuple[int, str]]:
    """A denied call becomes an allowed one."""
    return [(seq, body.replace('"deny"', '"allow"') if seq == first else body) for seq, body in rows]


def renumbered(rows: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Numbers without a gap, in the texts too."""
    return [(at, body.replace(f'"seq":{seq},', f'"seq":{at},')) for at, (seq, body) in enumerate(rows, 1)]
