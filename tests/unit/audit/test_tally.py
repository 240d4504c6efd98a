"""What rows come to: each question once, its answer where the question counts."""

from __future__ import annotations

from callgate.audit.tally import Awaited, Tally, combination
from callgate.model.event import Event


def tallied(*events: Event) -> Tally:
    tally = Tally(Awaited(lambda uid: None))
    for event in events:
        tally.add(event)
    return tally


def test_the_tokens_of_an_answer_count_for_the_model_that_was_asked() -> None:
    asked = Event("model.asked", 1, uid="m1", agent="a", user="anna", detail={"model": "big", "bytes": 900})
    detail = {"model": "big-2026", "input_tokens": 120, "output_tokens": 30, "ms": 2.0, "bytes": 70, "problem": "cut"}
    sums = tallied(asked, Event("model.answered", 2, uid="m1", agent="a", detail=detail)).cells[combination(asked)]
    assert (sums.rows, sums.answers, sums.errors, sums.asked, sums.answered) == (1, 1, 1, 900, 70)
    assert (sums.tokens_in, sums.tokens_out, sums.micros) == (120, 30, 2000)


def test_a_call_seen_by_hook_and_shim_counts_once() -> None:
    rows = [
        Event("hook.asked", 1, uid="k-h", session="s", agent="a", detail={"server": "x", "tool": "t"}),
        Event("call.asked", 2, uid="k-1", session="s", agent="a", server="npm:x@1", tool="t"),
        Event("call.answered", 3, uid="k-1", session="s", agent="a", detail={"bytes": 5}),
        Event("hook.answered", 4, uid="k-h", session="s", agent="a", detail={"bytes": 5}),
    ]
    cells = tallied(*rows).cells
    asked = [sums for which, sums in cells.items() if which.kind == "call.asked"]
    assert [(sums.rows, sums.answers) for sums in asked] == [(1, 1)]


def test_a_model_that_claims_beyond_all_reason_counts_nothing() -> None:
    asked = Event("model.asked", 1, uid="m1", detail={"model": ["no", "name"]})
    tally = tallied(asked, Event("model.answered", 2, uid="m1", detail={"input_tokens": 10**30, "output_tokens": -1}))
    sums = tally.cells[combination(asked)]
    assert combination(asked).model == "" and (sums.tokens_in, sums.tokens_out) == (0, 0)
