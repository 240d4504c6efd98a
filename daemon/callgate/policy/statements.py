"""Pure: policy text -> statements with their lines, held to limits that Cedar's parser needs.

Cedar parses and evaluates by recursion on the machine's stack: text that is nested deeply enough ends the whole process
(measured with 4.12: 50 parentheses or a chain of 1,000 operators on a stack of 512 KiB). So what nests deeper than
these limits is refused before Cedar sees it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TEXT_MAX = 1024 * 1024
"""Characters of one policy file: 200 policies have some 40,000."""
STATEMENTS_MAX = 2000
"""Policies of one file: each costs a microsecond or so of every call that it could apply to."""
DEPTH_MAX = 16
"""Brackets of any kind that are open at once within one policy."""
JOINTS_MAX = 300
"""Operators of one policy that make its expression deeper: && || + - * ! . [ if then else."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a policy text, and where."""

    line: int
    """From 1; 0 where no line is to blame."""
    problem: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}" if self.line else self.problem


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy as it is written, its comments included."""

    text: str
    line: int
    """Where its first word stands."""

    def line_of(self, word: str) -> int:
        """The line on which that word stands first; that of the policy, if it does not occur."""
        at = self.text.find(word)
        return self.line + self.text.count("\n", 0, at) if at >= 0 else self.line


_TOKEN = re.compile(
    r"""(?P<skip>//[^\r\n]*|[ \t\r\f\v]+)
    |(?P<line>\n)
    |(?P<text>"(?:[^"\\]|\\.)*(?P<end>"?))
    |(?P<word>[A-Za-z_]\w*)
    |(?P<joint>&&|\|\||[-+*!.])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_OPEN, _CLOSE = "([{", ")]}"


def split(text: str) -> tuple[list[Statement], list[Mistake]]:
    """The statements of a text, and which limits it breaks. Takes time and memory in proportion to the text."""
    if len(text) > TEXT_MAX:
        return [], [Mistake(0, f"the text has {len(text):,} characters, more than {TEXT_MAX:,}")]
    reader = _Reader(text)
    for token in _TOKEN.finditer(text):
        reader.take(token)
    reader.end()
    if len(reader.statements) > STATEMENTS_MAX:
        count = len(reader.statements)
        reader.mistakes.append(Mistake(0, f"there are {count:,} policies, more than {STATEMENTS_MAX:,}"))
    return reader.statements, reader.mistakes


class _Reader:
    """Goes through the tokens once; statements end with a semicolon."""

    def __init__(self, text: str) -> None:
        self.statements: list[Statement] = []
        self.mistakes: list[Mistake] = []
        self._text = text
        self._line = 1
        self._start: int | None = None
        self._first = 1
        self._depth = self._joints = 0
        self._refused = False

    def take(self, token: re.Match[str]) -> None:
        """The next token of the text."""
        kind, said = token.lastgroup, token.group()
        if kind == "line":
            self._line += 1
            return
        if kind == "skip":
            return
        if self._start is None:
            self._start, self._first = token.start(), self._line
        if kind == "text":
            self._hold(bool(token["end"]), "a text in quotes has no end")
            self._line += said.count("\n")
        elif said == ";":
            self._finish(token.end())
        elif kind == "joint" or said in ("if", "then", "else"):
            self._joint()
        elif said in _OPEN:
            self._depth += 1
            if said == "[":
                self._joint()
            self._hold(self._depth <= DEPTH_MAX, f"brackets are nested more than {DEPTH_MAX} deep: split the policy")
        elif said in _CLOSE:
            self._depth = max(0, self._depth - 1)

    def end(self) -> None:
        """The text is over."""
        if self._start is not None:
            self._finish(len(self._text))

    def _finish(self, end: int) -> None:
        assert self._start is not None
        self.statements.append(Statement(self._text[self._start : end], self._first))
        self._start, self._depth, self._joints, self._refused = None, 0, 0, False

    def _joint(self) -> None:
        self._joints += 1
        self._hold(self._joints <= JOINTS_MAX, f"one policy has more than {JOINTS_MAX} operators: split it")

    def _hold(self, good: bool, problem: str) -> None:
        if not good and not self._refused:
            self.mistakes.append(Mistake(self._line, problem))
            self._refused = True
