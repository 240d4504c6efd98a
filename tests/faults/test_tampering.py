"""Attacks on all files of the log. docs/tampering.md lists each with what finds it, or why nothing can."""

from __future__ import annotations

from pathlib import Path

import pytest
from attacks import ATTACKS, Attack, rewrite_and_sign
from callgate.audit import checkpoints
from callgate.audit.note import PLAIN, Checkpoint, Key, Note
from callgate.audit.store import Writer
from callgate.model.errors import AuditError
from callgate.settings import Durability
from callgate.witness.protocol import Refused, Shown
from callgate.witness.protocol import judge as shown_to
from crime import DEVICE, THIEF, Scene

PAGE = Path(__file__).parents[2] / "docs" / "tampering.md"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_found_by_what_the_table_says(tmp_path: Path, attack: Attack) -> None:
    scene = Scene(tmp_path)
    if not attack.open_log:
        scene.close()
    else:
        scene.log.with_name("audit.db-shm").unlink()
    attack.act(scene)
    found = findings(scene, attack)
    if attack.by == "verify":
        assert found
        return
    assert not found
    if attack.by == "start":
        assert any("not ours" in one for one in Writer.open(scene.log, Durability.COMMIT).findings)
        return
    assert isinstance(scene.sent, str)
    later = findings(scene, attack, scene.sent)
    assert bool(later) == (attack.by == "from")


def findings(scene: Scene, attack: Attack, since: str = "") -> list[str]:
    try:
        return scene.judged(attack.key, since)
    except AuditError as error:
        return [str(error)]


def witnessed(scene: Scene, old: int, seen: Checkpoint | None, note: str) -> Refused | None:
    parsed = Note.parse(note)
    shown = Shown(old, (), parsed, Checkpoint.parse(parsed.text))
    return shown_to(shown, [Key(scene.origin, PLAIN, DEVICE.public_key().public_bytes_raw())], seen)


WITNESSED = {
    "a rewritten log is shown to the witness": 409,
    "a log that was rolled back is shown to the witness": 409,
    "a log that another key signed is shown to the witness": 403,
    "the witness's own state is put back to an older one": None,
}


@pytest.mark.parametrize("name", WITNESSED)
def test_what_a_witness_is_shown_is_judged_as_the_table_says(tmp_path: Path, name: str) -> None:
    scene = Scene(tmp_path)
    scene.close()
    assert isinstance(scene.sent, str)
    seen = Checkpoint.parse(Note.parse(scene.sent).text)
    key, old = (THIEF if "another key" in name else DEVICE), seen.size
    if "rewritten" in name or "own state" in name:
        rewrite_and_sign(scene, DEVICE)
    newest = checkpoints.read(scene.log).sealed[-1]
    if "rolled back" in name:
        newest, old = checkpoints.read(scene.log).sealed[1], 21
    if "another key" in name:
        newest = scene.sealed(32, newest.last, newest.frontier, key)
    known = None if "own state" in name else seen
    refused = witnessed(scene, 0 if "own state" in name else old, known, str(newest.note))
    assert (refused.status if refused else None) == WITNESSED[name]


def test_the_table_of_the_docs_and_these_attacks_are_the_same() -> None:
    told = {}
    for line in PAGE.read_text().split("\n"):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].isdigit():
            told[cells[1]] = cells[2]
    words = {"verify": "`verify`", "start": "the daemon's start", "from": "`verify --from`", "nothing": "nothing"}
    expected = {attack.name: words[attack.by] for attack in ATTACKS}
    expected |= {name: "the witness" if status else "nothing" for name, status in WITNESSED.items()}
    assert told == expected
    assert len(told) >= 30
