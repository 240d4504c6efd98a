"""Pure: the calls that models asked for lately, for the question whether a call was asked for."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from callgate.session.witness import plain

SESSIONS_MAX = 256
"""Runs of agents whose models' words are remembered: those that spoke last."""
USES_MAX = 512
"""Calls remembered of one run: the last ones."""


@dataclass(frozen=True, slots=True)
class Use:
    """A call that a model asked for."""

    id: str
    name: str
    digest: str
    """Of its arguments."""


@dataclass(slots=True)
class Recent:
    """Not for several threads at a time: its owner has a lock."""

    _runs: OrderedDict[str, deque[Use]] = field(default_factory=OrderedDict)

    def spoke(self, session: str, uses: Iterable[Use] = ()) -> None:
        """The model of that run spoke, and asked for these calls. The same ones may be given again."""
        run = self._runs.setdefault(session, deque(maxlen=USES_MAX))
        self._runs.move_to_end(session)
        run.extend(use for use in uses if use not in run)
        while len(self._runs) > SESSIONS_MAX:
            self._runs.popitem(last=False)

    def asked(self, session: str, names: Iterable[str], ids: Iterable[str], digest: str) -> str:
        """`yes` if the model of that run asked for exactly this: the same arguments, to a tool of one of these names or
        under one of these ids. `no` if it spoke and did not; `unknown` if it was not heard, or the arguments were not.
        """
        run = self._runs.get(session)
        if run is None or not digest:
            return "unknown"
        wanted, known = {plain(name) for name in names}, set(ids)
        found = (use.digest == digest and (use.id in known or plain(use.name) in wanted) for use in run)
        return "yes" if any(found) else "no"
