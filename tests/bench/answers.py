"""Prepared calls, and the check of every answer against what the server must have given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from server import answer


@dataclass(frozen=True, slots=True)
class Call:
    """One prepared tools/call: what is sent, and what must come back."""

    ident: int
    message: bytes
    text: str

    @property
    def expected(self) -> bytes:
        """The answer line as the server wrote it."""
        return answer(str(self.ident), self.text)


@dataclass(slots=True)
class Tally:
    """How many answers were what the server gave, and how many were not."""

    answers: int = 0
    wrong: int = 0
    """Missing, or with other content."""
    stray: int = 0
    """Messages that nobody asked for."""
    rewritten: int = 0
    """Right answers whose bytes are not the server's bytes."""

    def closes(self, parts: Sequence[bytes], call: Call) -> bool:
        """Is the answer to `call` among what was read? Counts what else there is."""
        data = b"".join(parts)
        if data == call.expected:
            self.answers += 1
            return True
        still_open = {call.ident: call}
        for line in data.split(b"\n"):
            if line:
                self._check(line, still_open)
        return not still_open

    def check_all(self, data: bytes, calls: Sequence[Call]) -> None:
        """Judge all lines that came for `calls`."""
        still_open = {call.ident: call for call in calls}
        for line in data.split(b"\n"):
            if line:
                self._check(line, still_open)
        self.wrong += len(still_open)

    def _check(self, line: bytes, still_open: dict[int, Call]) -> None:
        """Judge one line; takes the call that it answers out of `still_open`."""
        call = None
        try:
            message = json.loads(line)
            if "method" not in message:
                call = still_open.pop(message["id"])
        except (ValueError, KeyError, TypeError):
            pass  # not an answer to a call of ours: counted below
        if call is None:
            self.stray += 1
            return
        self.answers += 1
        if line + b"\n" == call.expected:
            return
        try:
            same = message["result"]["content"][0]["text"] == call.text and not message["result"].get("isError")
        except (KeyError, IndexError, TypeError):
            same = False
        if same:
            self.rewritten += 1
        else:
            self.wrong += 1
