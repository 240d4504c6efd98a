"""The loop: where it begins, what it waits for, what it does with another log, and what it never does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from callgate.audit.store import Writer
from callgate.audit.tail import Tail
from callgate.export.formats.record import Message
from callgate.export.place import Book, Place
from callgate.export.ship import BACKOFF_MAX, POLL, Shipper
from callgate.export.sinks.sink import Sent
from callgate.model.event import Event
from callgate.settings import Durability
from callgate.settings_export import SinkSettings
from exported import ORIGIN, TIME, log_of


class Desk:
    """A sink that notes what it gets and answers as it is told."""

    def __init__(self, confirm_rows: int = 1) -> None:
        self.confirm_rows = confirm_rows
        self.got: list[int] = []
        self.batches: list[int] = []
        self.answers: list[Sent] = []
        self.broken = ""

    def send(self, batch: Sequence[Message]) -> Sent:
        self.batches.append(len(batch))
        answer = self.answers.pop(0) if self.answers else Sent(len(batch))
        self.got += [one.seq for one in batch[: answer.taken]]
        return answer

    def confirm(self) -> str:
        return self.broken

    def close(self) -> None:
        pass


class Scene:
    """A shipper, its log, its sink, and what it told the log."""

    def __init__(self, folder: Path, rows: int = 0, **settings: object) -> None:
        self.folder = folder
        self.log = folder / "data" / "audit.db"
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.settings = SinkSettings(name="siem", url="/none", **{"linger": 0.0, **settings})  # type: ignore[arg-type]
        self.desk = Desk()
        self.told: list[Event] = []
        log_of(self.log, rows)

    def shipper(self) -> Shipper:
        book = Book(self.folder / "data" / "export", "siem")
        return Shipper(self.settings, Tail(self.log), book, lambda: self.desk, ORIGIN, self.told.append)


def run(shipper: Shipper) -> None:
    """Steps until there is nothing to do at once."""
    while not shipper.step():
        pass


def test_rows_go_in_order_in_batches_and_the_place_outlives_the_process(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 25, batch_rows=10)
    first = scene.shipper()
    run(first)
    assert scene.desk.got == list(range(1, 26)) and scene.desk.batches == [10, 10, 5]
    assert (first.place.seq, first.place.sent) == (25, 25)
    second = scene.shipper()
    run(second)
    assert scene.desk.got == list(range(1, 26)) and second.place == first.place


def test_bytes_bound_a_batch_too(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 20, batch_bytes=5000, event_max=5000)
    run(scene.shipper())
    assert scene.desk.got == list(range(1, 21)) and max(scene.desk.batches) <= 5


def test_what_is_not_confirmed_is_sent_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 30, batch_rows=10)
    scene.desk.confirm_rows = 20
    scene.desk.broken = "the connection broke"
    shipper = scene.shipper()
    assert shipper.step() == 0.0
    assert shipper.step() > 0 and shipper.state.problem == "the connection broke"
    assert shipper.place.seq == 0
    scene.desk.broken = ""
    run(shipper)
    shipper.finish()
    assert scene.desk.got == [*range(1, 21), *range(1, 31)] and shipper.place.seq == 30


def test_a_failure_is_tried_again_later_and_later_but_never_too_late(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1)
    scene.desk.answers = [Sent(0, problem="away") for _ in range(20)]
    shipper = scene.shipper()
    pauses = [shipper.step() for _ in range(20)]
    assert 0.5 <= pauses[0] <= 1.0 and 2.0 <= pauses[2] <= 4.0
    assert all(BACKOFF_MAX / 2 <= pause <= BACKOFF_MAX for pause in pauses[10:])
    scene.desk.answers = [Sent(0, problem="busy", wait=7_000.0)]
    assert shipper.step() == 900.0
    run(shipper)
    assert shipper.state.problem == "" and shipper.state.failures == 0


def test_an_unfit_batch_is_halved_until_the_unfit_event_is_found(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 8)

    class Picky(Desk):
        def send(self, batch: Sequence[Message]) -> Sent:
            if any(one.seq == 6 for one in batch):
                return Sent(0, problem="HTTP 400", unfit=True)
            return super().send(batch)

    scene.desk = Picky()
    shipper = scene.shipper()
    run(shipper)
    assert scene.desk.got == [1, 2, 3, 4, 5, 7, 8]
    (aside,) = shipper.set_aside(10)
    assert (aside["seq"], aside["reason"]) == (6, "HTTP 400")
    (told,) = scene.told
    assert told.kind == "export.refused" and told.detail == {
        "sink": "siem",
        "rows": 1,
        "seqs": [6],
        "kinds": ["call.asked"],
    }


def test_an_event_waits_for_others_but_a_checkpoint_does_not(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 3, linger=3600.0)
    shipper = scene.shipper()
    assert shipper.step() == POLL and scene.desk.got == []
    log_of(scene.log, 1, kind="log.checkpoint")
    shipper.step()
    assert scene.desk.got == [1, 2, 3, 4]


def test_a_new_log_is_sent_from_its_beginning(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 10)
    run(scene.shipper())
    for path in scene.log.parent.glob("audit.db*"):
        path.unlink()
    log_of(scene.log, 4, at=TIME + 1)
    shipper = scene.shipper()
    run(shipper)
    assert scene.desk.got[10:] == [1, 2, 3, 4] and [event.kind for event in scene.told] == ["export.rewound"]
    log_of(scene.log, 20)
    run(shipper)
    assert shipper.place.seq == 24 and len(scene.told) == 1


def test_a_new_log_that_has_grown_past_the_place_is_noticed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 10)
    run(scene.shipper())
    for path in scene.log.parent.glob("audit.db*"):
        path.unlink()
    log_of(scene.log, 30, at=TIME + 1)
    run(scene.shipper())
    assert scene.desk.got[10:] == list(range(1, 31))


@pytest.mark.parametrize(
    "said", ["", "{", "[]", '{"seq": "1"}', '{"seq": -1, "hash": "", "sent": 0, "aside": 0, "lost": 0}']
)
def test_a_place_that_makes_no_sense_costs_repeats_and_no_event(tmp_path: Path, said: str) -> None:
    scene = Scene(tmp_path, 5)
    run(scene.shipper())
    (tmp_path / "data" / "export" / "siem.json").write_text(said)
    run(scene.shipper())
    assert scene.desk.got == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]
    assert [event.kind for event in scene.told] == ["export.rewound"]


def test_rows_that_retention_took_are_counted_and_said(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 20, batch_rows=5)
    shipper = scene.shipper()
    assert shipper.step() == 0.0 and shipper.place.seq == 5
    writer = Writer.open(scene.log, Durability.COMMIT)
    assert writer.cut(TIME + 12, TIME + 10**12) == 12
    writer.close()
    run(shipper)
    assert scene.desk.got == [1, 2, 3, 4, 5, *range(13, 22)] and shipper.place.lost == 7
    (told,) = scene.told
    assert told.kind == "export.lost" and told.detail == {"sink": "siem", "first": 6, "last": 12, "rows": 7}


def test_a_new_sink_begins_where_the_log_begins_and_has_lost_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 10)
    writer = Writer.open(scene.log, Durability.COMMIT)
    writer.cut(TIME + 4, TIME + 10**12)
    writer.close()
    shipper = scene.shipper()
    run(shipper)
    assert scene.desk.got[0] == 5 and shipper.place.lost == 0 and not scene.told


def test_a_replay_sends_again_with_the_same_ids(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 10)
    shipper = scene.shipper()
    run(shipper)
    shipper.replay(7)
    run(shipper)
    assert scene.desk.got == [*range(1, 11), 8, 9, 10] and shipper.place.sent == 13
    shipper.replay(99)
    run(shipper)
    assert len(scene.desk.got) == 13


def test_a_rate_is_kept(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 10, batch_rows=5, rate=1000)
    shipper = scene.shipper()
    pause = shipper.step()
    assert pause > 3.0 and scene.desk.got == [1, 2, 3, 4, 5]


def test_a_place_that_cannot_be_noted_is_said_and_stops_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 10, batch_rows=5)
    shipper = scene.shipper()
    (tmp_path / "data" / "export").write_text("in the way")
    assert shipper.step() == 0.0
    run(shipper)
    assert scene.desk.got == list(range(1, 11))


def test_an_event_that_fits_in_no_form_is_set_aside(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 3, event_max=300, batch_bytes=10_000)
    shipper = scene.shipper()
    run(shipper)
    assert scene.desk.got == [] and [one["seq"] for one in shipper.set_aside(9)] == [1, 2, 3]
    assert "over event_max" in str(shipper.set_aside(1)[0]["reason"])


def test_the_files_of_a_sink_are_private_and_hold_what_they_say(tmp_path: Path) -> None:
    book = Book(tmp_path / "export", "siem")
    book.save(Place(7, "ab", 9, 1, 2))
    path = tmp_path / "export" / "siem.json"
    assert path.stat().st_mode & 0o777 == 0o600 and json.loads(path.read_text())["seq"] == 7
    assert book.load() == (Place(7, "ab", 9, 1, 2), "")
