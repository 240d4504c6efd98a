"""Pure: the matrix of agents and channels. A cell is as good as its worst way, and a way is only as good as its proof.

A proof is a canary that the gate refused, with the number of its row in the log. It holds for what stood in the files
when it was made (`seal`), in the mode in which it was made, and for a limited time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from callgate.model.call import Mode


class Channel(StrEnum):
    """A way by which an agent acts."""

    STDIO = "stdio"
    HTTP = "http"
    TOOLS = "tools"
    MODEL = "model"
    PROCESSES = "processes"
    FILES = "files"


class State(StrEnum):
    """What can be said of a channel."""

    ENFORCED = "enforced"
    """A canary was refused, and enforce mode holds."""
    OBSERVED = "observed"
    """A canary was seen; in observe mode nothing else is refused."""
    UNPROVED = "unproved"
    """It is configured, and no proof holds."""
    UNCOVERED = "uncovered"
    """It leads round the gate."""
    NOTHING = "nothing"
    """There is nothing to cover."""


WORST_FIRST = (State.UNCOVERED, State.UNPROVED, State.OBSERVED, State.ENFORCED)
PROVED = frozenset((State.ENFORCED, State.OBSERVED))


@dataclass(frozen=True, slots=True)
class Way:
    """One entry, file or address by which an agent acts."""

    agent: str
    channel: Channel
    name: str
    """What people call it: the entry's name, or the file."""
    file: str
    """The agent's file that says so; empty where there is none."""
    at: str = ""
    """What tells it from others of the same name in that file."""
    seal: str = ""
    """Digest of all that a proof of it depends on; empty: it cannot be proved, and `why` says why not."""
    covered: bool = True
    """It is configured to pass the gate."""
    why: str = ""
    """Why it is not covered, or cannot be proved."""
    step: str = ""
    """What comes next then."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names it."""
        return self.agent, self.channel, self.file, self.at or self.name


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of one canary."""

    seal: str
    mode: Mode
    time: int
    """Nanoseconds since the epoch."""
    row: int
    """Sequence number of its row in the log; 0: there is none, and so it proves nothing."""
    problem: str = ""
    """What happened instead of a refusal."""
    step: str = ""


Proofs = Mapping[tuple[str, str, str, str], Proof]


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds of one way now."""

    way: Way
    state: State
    evidence: str
    step: str
    time: int = 0
    """When it was proved."""
    row: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """One agent and one channel."""

    agent: str
    channel: Channel
    state: State
    time: int
    """Of the oldest proof that it rests on; 0 where it rests on none."""
    evidence: str
    step: str
    ways: tuple[Standing, ...] = ()


def standing(way: Way, proof: Proof | None, now: int, valid: int, mode: Mode) -> Standing:
    """What holds of a way at `now`, where proofs hold for `valid` nanoseconds and `mode` is the mode in force."""
    if not way.covered:
        return Standing(way, State.UNCOVERED, way.why, way.step)
    if not way.seal:
        return Standing(way, State.UNPROVED, way.why, way.step)
    if proof is None:
        return Standing(way, State.UNPROVED, "no canary has been tried yet", PROVE)
    if proof.problem:
        return Standing(way, State.UNPROVED, f"{FAILED}: {proof.problem}", proof.step or PROVE)
    doubt = _doubt(way, proof, now, valid, mode)
    if doubt:
        return Standing(way, State.UNPROVED, doubt, PROVE)
    if mode is Mode.ENFORCE:
        return Standing(way, State.ENFORCED, f"canary refused, row {proof.row}", "", proof.time, proof.row)
    return Standing(way, State.OBSERVED, f"canary seen by the gate, row {proof.row}", "", proof.time, proof.row)


PROVE = "callgate doctor --prove"
FAILED = "the canary failed"
"""How the evidence of a way begins whose canary was not refused."""


def _doubt(way: Way, proof: Proof, now: int, valid: int, mode: Mode) -> str:
    """Why a proof does not hold any more; empty if it does."""
    if proof.row <= 0:
        return "the canary left no row in the log"
    if proof.seal != way.seal:
        return "it was changed since it was proved"
    if proof.mode is not mode:
        return f"it was proved in {proof.mode} mode"
    if not 0 <= now - proof.time <= valid:
        return "its proof is too old" if now > proof.time else "its proof is of a later time than now"
    return ""


def matrix(agents: Iterable[str], standings: Sequence[Standing]) -> list[Cell]:
    """Every cell of these agents."""
    return [
        _cell(agent, channel, [one for one in standings if (one.way.agent, one.way.channel) == (agent, channel)])
        for agent in agents
        for channel in Channel
    ]


def _cell(agent: str, channel: Channel, ways: Sequence[Standing]) -> Cell:
    if not ways:
        return Cell(agent, channel, State.NOTHING, 0, NONE[channel], "")
    worst = min(ways, key=lambda one: WORST_FIRST.index(one.state))
    alike = [one for one in ways if one.state is worst.state]
    time = min(one.time for one in alike) if worst.state in PROVED else 0
    evidence = worst.evidence if len(ways) == 1 else f"{len(alike)} of {len(ways)}: {worst.way.name}: {worst.evidence}"
    return Cell(agent, channel, worst.state, time, evidence, worst.step, tuple(ways))


NONE = {
    Channel.STDIO: "it has no local server",
    Channel.HTTP: "it has no remote server",
    Channel.TOOLS: "nothing is known of its own tools",
    Channel.MODEL: "nothing is known of its model",
    Channel.PROCESSES: "nothing is known of its processes",
    Channel.FILES: "nothing is known of its files",
}
"""What is said of a channel in which there is nothing."""
