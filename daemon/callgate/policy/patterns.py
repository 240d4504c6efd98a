"""Pure: patterns for the words of a command line and for names: a small grammar without regular expressions.

In a pattern `*` stands for any characters but `/`, `**` for any characters, and a backslash before a character for that
character itself. A wildcard never stands for a `..` between slashes: `/srv/**` does not reach `/srv/../etc`. A line of
patterns matches word by word; `...` as its last word stands for anything that follows.
"""

from __future__ import annotations

from collections.abc import Sequence

PATTERN_MAX = 1024
"""Characters of one pattern."""
LINE_MAX = 256
"""Patterns of one line."""
WORD_MAX = 4096
"""Characters of a word that is compared with a wildcard; a longer one matches none."""
REST = "..."

_ONE, _ANY = "*", "**"


def problem(pattern: object) -> str | None:
    """What is wrong with a pattern; None if it is one."""
    if not isinstance(pattern, str):
        return f"{pattern!r} is not a text"
    if len(pattern) > PATTERN_MAX:
        return f"a pattern has more than {PATTERN_MAX} characters"
    if "\0" in pattern:
        return "a pattern holds a NUL character"
    trailing = len(pattern) - len(pattern.rstrip("\\"))
    return f"the pattern {pattern!r} ends with half an escape" if trailing % 2 else None


def line_problem(line: object) -> str | None:
    """What is wrong with a line of patterns; None if it is one."""
    if not isinstance(line, Sequence) or isinstance(line, str):
        return f"{line!r} is not a list of texts"
    if len(line) > LINE_MAX:
        return f"a line has more than {LINE_MAX} words"
    if REST in line[:-1]:
        return "`...` stands for what follows, so it can only be the last word"
    return next((found for found in map(problem, line) if found), None)


def matches(pattern: str, word: str) -> bool:
    """Does the pattern match this word, from end to end?"""
    tokens = _tokens(pattern)
    if not any(wild for _, wild in tokens):
        return word == "".join(letter for letter, _ in tokens)
    if len(word) > WORD_MAX or ".." in word.split("/"):
        return False
    states = _skip({0}, tokens)
    for letter in word:
        states = _skip(_step(states, tokens, letter), tokens)
        if not states:
            return False
    return len(tokens) in states


def unmatched(line: Sequence[str], words: Sequence[str]) -> int | None:
    """The number of the first word that the line does not match (that of words, if one is missing); None if it does."""
    whole = bool(line) and line[-1] == REST
    wanted = line[:-1] if whole else line
    for number, word in enumerate(words):
        if number >= len(wanted):
            return None if whole else number
        if not matches(wanted[number], word):
            return number
    return None if len(words) >= len(wanted) else len(words)


def literal(word: str) -> str:
    """The pattern that matches this word alone."""
    escaped = word.replace("\\", "\\\\").replace("*", "\\*")
    return "\\..." if escaped == REST else escaped


def _tokens(pattern: str) -> list[tuple[str, bool]]:
    """Letters, and wildcards marked as such."""
    found: list[tuple[str, bool]] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            found.append((pattern[at + 1], False))
            at += 2
        elif pattern[at] == "*":
            end = at
            while end < len(pattern) and pattern[end] == "*":
                end += 1
            found.append((_ONE if end - at == 1 else _ANY, True))
            at = end
        else:
            found.append((pattern[at], False))
            at += 1
    return found


def _skip(states: set[int], tokens: Sequence[tuple[str, bool]]) -> set[int]:
    """The states with those that are reached by a wildcard that stands for nothing."""
    reached = set(states)
    for state in states:
        while state < len(tokens) and tokens[state][1]:
            state += 1
            reached.add(state)
    return reached


def _step(states: set[int], tokens: Sequence[tuple[str, bool]], letter: str) -> set[int]:
    after = set()
    for state in states:
        if state == len(tokens):
            continue
        token, wild = tokens[state]
        if wild and (token == _ANY or letter != "/"):
            after.add(state)
        elif not wild and token == letter:
            after.add(state + 1)
    return after
