"""The matrix: a cell is as good as its worst way, and no way is better than its proof."""

from dataclasses import replace

import pytest
from callgate.coverage.matrix import PROVED, Channel, Proof, Standing, State, Way, matrix, standing
from callgate.model.call import Mode

HOUR = 3600 * 10**9
NOW = 1_000 * HOUR
WAY = Way("an-agent", Channel.STDIO, "notes", "/home/u/config.json", "0", "seal")
PROOF = Proof("seal", Mode.ENFORCE, NOW - HOUR, 7)


def stands(way: Way = WAY, proof: Proof | None = PROOF, mode: Mode = Mode.ENFORCE) -> Standing:
    return standing(way, proof, NOW, 24 * HOUR, mode)


def test_a_refused_canary_is_enforced_at_the_time_of_its_row() -> None:
    found = stands()
    assert (found.state, found.time, found.row) == (State.ENFORCED, NOW - HOUR, 7)
    assert found.evidence == "canary refused, row 7"


def test_in_observe_mode_a_canary_proves_no_more_than_that_it_was_seen() -> None:
    assert stands(proof=replace(PROOF, mode=Mode.OBSERVE), mode=Mode.OBSERVE).state is State.OBSERVED


@pytest.mark.parametrize(
    "proof",
    [
        None,
        replace(PROOF, row=0),
        replace(PROOF, problem="the call was let through"),
        replace(PROOF, seal="another"),
        replace(PROOF, mode=Mode.OBSERVE),
        replace(PROOF, time=NOW - 25 * HOUR),
        replace(PROOF, time=NOW + 1),
    ],
    ids=["none", "no row", "failed", "changed", "other mode", "too old", "of the future"],
)
def test_what_is_no_proof_any_more_leaves_a_way_unproved_and_says_what_to_do(proof: Proof | None) -> None:
    found = stands(proof=proof)
    assert found.state is State.UNPROVED
    assert found.step == "callgate doctor --prove"
    assert found.evidence


def test_a_proof_of_enforce_mode_is_none_in_observe_mode() -> None:
    assert stands(mode=Mode.OBSERVE).state is State.UNPROVED


def test_what_is_not_configured_is_uncovered_whatever_was_proved_before() -> None:
    found = stands(replace(WAY, covered=False, why="its server starts without the gate", step="callgate up"))
    assert (found.state, found.step) == (State.UNCOVERED, "callgate up")


def test_what_cannot_be_tried_is_unproved_and_says_why() -> None:
    found = stands(replace(WAY, seal="", why="only the agent can load it"), replace(PROOF, seal=""))
    assert (found.state, found.evidence) == (State.UNPROVED, "only the agent can load it")


def test_a_cell_is_as_good_as_its_worst_way_and_names_it() -> None:
    good, other = stands(), stands(replace(WAY, name="web", at="1"), None)
    cell = next(one for one in matrix(["an-agent"], [good, other]) if one.channel is Channel.STDIO)
    assert (cell.state, cell.time) == (State.UNPROVED, 0)
    assert cell.evidence == "1 of 2: web: no canary has been tried yet"


def test_a_cell_is_as_old_as_its_oldest_proof() -> None:
    older = stands(replace(WAY, at="1"), replace(PROOF, time=NOW - 2 * HOUR))
    cell = next(one for one in matrix(["an-agent"], [stands(), older]) if one.channel is Channel.STDIO)
    assert (cell.state, cell.time) == (State.ENFORCED, NOW - 2 * HOUR)


def test_every_agent_has_every_channel_and_what_has_no_way_is_not_green() -> None:
    cells = matrix(["an-agent", "another"], [])
    assert len(cells) == 2 * len(Channel)
    assert {cell.state for cell in cells} == {State.NOTHING}
    assert State.NOTHING not in PROVED
