"""No input makes a cell green without the row of a refused canary."""

from callgate.coverage.matrix import PROVED, WORST_FIRST, Channel, Proof, State, Way, matrix, standing
from callgate.model.call import Mode
from hypothesis import given
from hypothesis import strategies as st

seals = st.sampled_from(["", "a", "b"])
words = st.sampled_from(["", "word"])
times = st.integers(0, 200)
ways = st.builds(
    Way, st.sampled_from(["x", "y"]), st.sampled_from(Channel), words, words, words, seals, st.booleans(), words, words
)
proofs = st.none() | st.builds(Proof, seals, st.sampled_from(Mode), times, st.integers(-1, 2), words, words)


@given(st.lists(st.tuples(ways, proofs), max_size=6), times, st.integers(0, 100), st.sampled_from(Mode))
def test_no_input_makes_a_cell_green_without_a_proof_row(
    known: list[tuple[Way, Proof | None]], now: int, valid: int, mode: Mode
) -> None:
    held = [standing(way, proof, now, valid, mode) for way, proof in known]
    for one, (way, proof) in zip(held, known, strict=True):
        if one.state in PROVED:
            assert proof is not None
            assert proof.row > 0
            assert not proof.problem
            assert way.covered
            assert way.seal == proof.seal != ""
            assert proof.mode is mode
            assert 0 <= now - proof.time <= valid
            assert (one.row, one.time) == (proof.row, proof.time)
    for cell in matrix(["x", "y"], held):
        assert (cell.state is State.NOTHING) == (not cell.ways)
        assert all(WORST_FIRST.index(cell.state) <= WORST_FIRST.index(one.state) for one in cell.ways)
        if cell.state is State.ENFORCED:
            assert mode is Mode.ENFORCE
