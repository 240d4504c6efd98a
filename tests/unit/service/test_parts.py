"""Parts of the daemon: each starts, ticks and stops; one that fails is reported, and the others go on."""

from collections.abc import Mapping

from callgate.model.errors import CallgateError
from callgate.service.part import Part
from callgate.service.parts import Parts


class Diary(Part):
    """A part that notes what is asked of it, and fails where it is told to."""

    def __init__(self, name: str, said: list[str], fails: Mapping[str, Exception] | None = None) -> None:
        self.name = name
        self.fails = dict(fails or {})
        self._said = said

    def _note(self, what: str) -> None:
        self._said.append(f"{self.name} {what}")
        if what in self.fails:
            raise self.fails[what]

    def start(self) -> None:
        self._note("start")

    def tick(self) -> None:
        self._note("tick")

    def stop(self) -> None:
        self._note("stop")

    def facts(self) -> Mapping[str, object]:
        return {"told": len(self._said)}


def test_parts_start_in_order_and_stop_in_reverse() -> None:
    said: list[str] = []
    parts = Parts([Diary("a", said), Diary("b", said)])
    parts.start()
    parts.tick()
    parts.stop()
    parts.stop()
    assert said == ["a start", "b start", "a tick", "b tick", "b stop", "a stop"]
    assert parts.problems() == []
    assert parts.facts() == {"a": {"told": 6}, "b": {"told": 6}}


def test_a_part_that_cannot_start_is_reported_and_left_out() -> None:
    said: list[str] = []
    broken = Diary("a", said, {"start": CallgateError("port 7", "is taken", "free it")})
    parts = Parts([broken, Diary("b", said)])
    parts.start()
    parts.tick()
    parts.stop()
    assert said == ["a start", "b start", "b tick", "b stop"]
    assert parts.problems() == [str(CallgateError("port 7", "is taken", "free it"))]


def test_a_part_that_crashes_once_is_tried_again_and_its_problem_ends_with_it() -> None:
    said: list[str] = []
    shaky = Diary("a", said, {"tick": ZeroDivisionError()})
    parts = Parts([shaky, Diary("b", said)])
    parts.start()
    parts.tick()
    assert parts.problems() == ["a has failed: see the daemon's log"]
    shaky.fails.clear()
    parts.tick()
    assert parts.problems() == []
    assert said.count("b tick") == 2
