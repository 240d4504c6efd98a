"""The daemon's own files: what is taken away is put back and reported, once it could be."""

from pathlib import Path

from callgate.model.event import Event
from callgate.service.ownfiles import OwnFiles


def test_a_file_that_was_removed_or_replaced_is_put_back_and_reported(tmp_path: Path) -> None:
    events: list[Event] = []
    ours = tmp_path / "ours"
    ours.write_text("1")

    def record(new: list[Event]) -> bool:
        events.extend(new)
        return True

    def put_back() -> None:
        ours.unlink(missing_ok=True)
        ours.write_text("again")

    files = OwnFiles(record)
    files.watch(ours, put_back, "ours was removed")
    files.mend()
    assert not events
    ours.unlink()
    files.mend()
    files.mend()
    assert ours.read_text() == "again"
    assert [(event.kind, event.reason) for event in events] == [("daemon.disturbed", "ours was removed")]
    (tmp_path / "other").write_text("theirs")
    (tmp_path / "other").replace(ours)
    files.mend()
    assert ours.read_text() == "again"
    assert len(events) == 2 and files.incidents == ["ours was removed"]


def test_what_could_not_be_put_back_is_tried_again(tmp_path: Path) -> None:
    tries: list[bool] = []
    files = OwnFiles(lambda _: True)
    ours = tmp_path / "ours"
    ours.write_text("1")

    def put_back() -> bool:
        tries.append(True)
        return len(tries) > 1

    files.watch(ours, put_back, "gone")
    ours.unlink()
    files.mend()
    assert files.incidents == []
    files.mend()
    assert files.incidents == ["gone"]
