"""What somebody who can write to all files of the log may do to them, each with what is to find it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from callgate.audit import checkpoints
from callgate.audit.headfile import HeadFile
from callgate.audit.log import encode
from callgate.audit.note import Note, Signer
from callgate.audit.signed import rotation
from callgate.audit.store import Writer
from callgate.model.event import Event
from callgate.settings import Durability
from crime import DAY, DEVICE, THIEF, Scene, renumbered, whitewashed, without_checkpoints
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True)
class Attack:
    """`by`: what finds it: `verify`, `start` (of the daemon), `from` (verify --from), `witness`, or `nothing`."""

    name: str
    act: Callable[[Scene], object]
    by: str
    open_log: bool = False
    key: Ed25519PrivateKey = DEVICE


def drop(scene: Scene, *seqs: int) -> None:
    scene.sql(f"DELETE FROM event WHERE seq IN ({','.join(map(str, seqs))})")


def note_end(scene: Scene, seq: int) -> None:
    """Make both notes of the end say that row `seq` is the last."""
    scene.sql(f"UPDATE mark SET seq = {seq}, hash = (SELECT hash FROM event WHERE seq = {seq}) WHERE name = 'head'")
    beside = HeadFile(scene.log)
    beside.write(0, b"\x00" * 32)
    beside.close()


def damage(scene: Scene, side: str, size: int | None = None, at: int | None = None) -> None:
    path = scene.log.with_name(scene.log.name + side)
    data = bytearray(path.read_bytes())
    if at is not None:
        data[at : at + 64] = b"\xff" * 64
    path.write_bytes(data[:size] if size is not None else data)


def restore(scene: Scene, names: Callable[[str], bool] = lambda name: True) -> None:
    assert isinstance(scene.backup, dict)
    for side in ("", "-wal", "-shm"):
        scene.log.with_name(scene.log.name + side).unlink(missing_ok=True)
    for path, data in scene.backup.items():
        if names(path.name):
            path.write_bytes(data)


def restore_and_go_on(scene: Scene) -> None:
    restore(scene)
    scene.writer = Writer.open(scene.log, Durability.COMMIT)
    scene.write(20, "another story")
    scene.seal()
    scene.close()


def cut_by_hand(scene: Scene, *, said: bool) -> None:
    """Remove rows 1 to 5 as retention would, with or without its row; their hashes go too."""
    if said:
        scene.writer = Writer.open(scene.log, Durability.COMMIT)
        (row,) = scene.writer._connection.execute("SELECT hash FROM event WHERE seq = 5").fetchone()
        scene.writer.append(Event("log.cut", 1, detail={"first": 1, "last": 5, "hash": row.hex()}))
        scene.close()
    scene.sql("UPDATE mark SET seq = 5, hash = (SELECT hash FROM event WHERE seq = 5) WHERE name = 'anchor'")
    drop(scene, 1, 2, 3, 4, 5)


def cut_with_the_daemons_own_code(scene: Scene) -> None:
    scene.writer = Writer.open(scene.log, Durability.COMMIT)
    assert scene.writer.cut(5 * DAY, 10**4 * DAY)
    scene.close()


def edit_kept_hashes(scene: Scene) -> None:
    cut_with_the_daemons_own_code(scene)
    scene.sql("UPDATE leaves SET hashes = zeroblob(32) || substr(hashes, 33)")


def forge_rotation(scene: Scene) -> None:
    old, new = Signer(scene.origin, DEVICE), Signer(scene.origin, THIEF)
    text = rotation(scene.origin, 32, old.key, new.key)
    checkpoints.append(scene.log, {"rotation": str(Note(text, (new.sign(text),)))})


def sign_as_thief(scene: Scene) -> None:
    scene.writer = Writer.open(scene.log, Durability.COMMIT)
    scene.seal(THIEF)
    scene.close()


def rewrite_and_sign(scene: Scene, key: Ed25519PrivateKey) -> None:
    scene.rewrite(lambda rows: without_checkpoints(whitewashed(rows)))
    scene.resign(key)


def add_row(scene: Scene) -> None:
    rows = scene.bodies()
    scene.rewrite(lambda rows: [*rows, (len(rows) + 1, encode(Event("call.asked", 1), len(rows) + 1))])
    assert len(scene.bodies()) == len(rows) + 1


def swap(rows: list[tuple[int, str]]) -> list[tuple[int, str]]:
    rows[4], rows[5] = (5, rows[5][1]), (6, rows[4][1])
    return rows


def root_edited(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    lines[1]["checkpoint"] = re.sub(r"\n[A-Za-z0-9+/]{10}", "\nAAAAAAAAAA", str(lines[1]["checkpoint"]), count=1)
    return lines


def size_edited(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    lines[1]["checkpoint"] = str(lines[1]["checkpoint"]).replace("\n21\n", "\n22\n")
    return lines


def frontier_edited(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    lines[1]["frontier"] = ["A" * 43 + "="] * 3
    return lines


def nonsense_added(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    return [*lines, {"checkpoint": 5}]


DENY, ALLOW = "'\"deny\"'", "'\"allow\"'"
EDIT = f"UPDATE event SET body = replace(body, {DENY}, {ALLOW})"
AGAIN = "INSERT INTO event SELECT 46, body, prev, hash, time, uid, effect, salt, kept FROM event WHERE seq = 5"
RENAME = "UPDATE mark SET hash = CAST('callgate/x/0123456789abcdef' AS BLOB) WHERE name = 'origin'"
TRIGGER = "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event WHERE seq = 5; END"
ATTACKS = [
    Attack("a row's text is edited", lambda s: s.sql(f"{EDIT} WHERE seq = 5"), "verify"),
    Attack("a row's hash is edited", lambda s: s.sql("UPDATE event SET hash = zeroblob(32) WHERE seq = 5"), "verify"),
    Attack("a row's link is edited", lambda s: s.sql("UPDATE event SET prev = zeroblob(32) WHERE seq = 5"), "verify"),
    Attack("a column has another type", lambda s: s.sql("UPDATE event SET hash = 'x' WHERE seq = 5"), "verify"),
    Attack("a signed row is edited and the chain recomputed to the end", lambda s: s.rewrite(whitewashed), "verify"),
    Attack(
        "a row that is not signed yet is edited and the chain recomputed",
        lambda s: s.rewrite(lambda rows: whitewashed(rows, 40)),
        "nothing",
    ),
    Attack("a row is removed", lambda s: drop(s, 5), "verify"),
    Attack(
        "a row is removed, the rest renumbered and the chain recomputed",
        lambda s: s.rewrite(lambda rows: renumbered(rows[:4] + rows[5:])),
        "verify",
    ),
    Attack(
        "a row is put in, the rest renumbered and the chain recomputed",
        lambda s: s.rewrite(lambda rows: renumbered(rows[:5] + rows[4:])),
        "verify",
    ),
    Attack("two rows are swapped", lambda s: s.rewrite(swap, notes=False), "verify"),
    Attack("a row is put in a second time at the end", lambda s: s.sql(AGAIN), "verify"),
    Attack("a row that never was is added at the end, with chain and notes", add_row, "nothing"),
    Attack("the last rows are cut off", lambda s: s.sql("DELETE FROM event WHERE seq > 40"), "verify"),
    Attack(
        "the last rows, not signed yet, are cut off and both notes rewritten",
        lambda s: (s.sql("DELETE FROM event WHERE seq > 40"), note_end(s, 40)),
        "nothing",
    ),
    Attack(
        "signed rows are cut off at the end and both notes rewritten",
        lambda s: (s.sql("DELETE FROM event WHERE seq > 30"), note_end(s, 30)),
        "verify",
    ),
    Attack("all rows are removed", lambda s: s.sql("DELETE FROM event"), "verify"),
    Attack("the first rows are removed", lambda s: drop(s, 1, 2, 3), "verify"),
    Attack("the first rows are removed and noted as retention's work", lambda s: cut_by_hand(s, said=False), "verify"),
    Attack("the first rows are removed, with a forged row of retention", lambda s: cut_by_hand(s, said=True), "verify"),
    Attack("retention is run early, by its own code", cut_with_the_daemons_own_code, "nothing"),
    Attack("a hash that retention kept is edited", edit_kept_hashes, "verify"),
    Attack("a time for searching is edited", lambda s: s.sql("UPDATE event SET time = 1 WHERE seq = 5"), "verify"),
    Attack("an id for searching is edited", lambda s: s.sql("UPDATE event SET uid = 'x' WHERE seq = 5"), "verify"),
    Attack(
        "an effect for searching is edited",
        lambda s: s.sql("UPDATE event SET effect = 'allow' WHERE seq = 5"),
        "verify",
    ),
    Attack("a payload is edited", lambda s: s.sql("UPDATE event SET kept = '{}' WHERE seq = 5"), "verify"),
    Attack(
        "a payload is removed", lambda s: s.sql("UPDATE event SET kept = NULL, salt = NULL WHERE seq = 5"), "verify"
    ),
    Attack("the note of the last row is removed", lambda s: s.sql("DELETE FROM mark WHERE name = 'head'"), "verify"),
    Attack(
        "the file beside the log says more rows",
        lambda s: s.log.with_name("audit.db.head").write_text(f"{99:020d} {'0' * 64}\n"),
        "verify",
    ),
    Attack("the file beside the log is removed", lambda s: s.log.with_name("audit.db.head").unlink(), "nothing"),
    Attack("a node of the tree is edited", lambda s: s.sql("INSERT INTO node VALUES (8, 0, zeroblob(32))"), "nothing"),
    Attack("the log's name is removed", lambda s: s.sql("DELETE FROM mark WHERE name = 'origin'"), "verify"),
    Attack("the log's name is edited", lambda s: s.sql(RENAME), "verify"),
    Attack("the table of rows is dropped", lambda s: s.sql("DROP TABLE event"), "verify"),
    Attack("a trigger is added", lambda s: s.sql(TRIGGER), "start"),
    Attack("the file is no database any more", lambda s: s.log.write_bytes(b"x" * 9000), "verify"),
    Attack(
        "a page of the file is overwritten",
        lambda s: damage(s, "", at=s.log.read_bytes().index(b'"uid":"u-12"')),
        "verify",
    ),
    Attack("the file is truncated", lambda s: damage(s, "", size=8192), "verify"),
    Attack(
        "the write-ahead log is removed", lambda s: s.log.with_name("audit.db-wal").unlink(), "verify", open_log=True
    ),
    Attack("the write-ahead log is truncated", lambda s: damage(s, "-wal", size=20_000), "verify", open_log=True),
    Attack(
        "the write-ahead log is overwritten in places",
        lambda s: damage(s, "-wal", at=s.log.with_name("audit.db-wal").read_bytes().rindex(b'"uid":"u-40"')),
        "verify",
        open_log=True,
    ),
    Attack("the checkpoints are removed", lambda s: checkpoints.beside(s.log).unlink(), "verify"),
    Attack("the newest checkpoint is cut off", lambda s: s.lines(lambda lines: lines[:-1]), "verify"),
    Attack("a checkpoint's root is edited", lambda s: s.lines(root_edited), "verify"),
    Attack("a checkpoint's size is edited", lambda s: s.lines(size_edited), "verify"),
    Attack("what is kept beside a checkpoint is edited", lambda s: s.lines(frontier_edited), "verify"),
    Attack("nonsense is added to the checkpoints", lambda s: s.lines(nonsense_added), "verify"),
    Attack("a checkpoint stands twice", lambda s: s.lines(lambda lines: [*lines, lines[0]]), "nothing"),
    Attack("a checkpoint of another key is added", sign_as_thief, "verify"),
    Attack("a key rotation is forged", forge_rotation, "verify"),
    Attack("the device's key is replaced", lambda s: None, "verify", key=THIEF),
    Attack(
        "the log is rewritten and signed anew with the device's own key", lambda s: rewrite_and_sign(s, DEVICE), "from"
    ),
    Attack(
        "the log is rewritten and signed with another key, which takes the device's place",
        lambda s: rewrite_and_sign(s, THIEF),
        "from",
        key=THIEF,
    ),
    Attack(
        "the log is rewritten as if it had never been signed",
        lambda s: (s.rewrite(lambda rows: without_checkpoints(whitewashed(rows))), checkpoints.beside(s.log).unlink()),
        "from",
    ),
    Attack(
        "an older copy of the log's file is put back",
        lambda s: restore(s, lambda name: name in ("audit.db", "audit.db-wal")),
        "verify",
    ),
    Attack("an older copy of all files is put back", restore, "from"),
    Attack("an older copy of all files is put back and written on", restore_and_go_on, "from"),
]
