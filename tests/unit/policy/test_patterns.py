"""Patterns for words of a command line."""

import pytest
from callgate.policy import patterns


@pytest.mark.parametrize(
    ("pattern", "word", "fits"),
    [
        ("stdio", "stdio", True),
        ("stdio", "stdi", False),
        ("/srv/*", "/srv/code", True),
        ("/srv/*", "/srv/code/deep", False),
        ("/srv/**", "/srv/code/deep", True),
        ("/srv/**", "/srv/../etc", False),
        ("--port=*", "--port=", True),
        ("**", "anything / at all", True),
        ("a*b*c", "aXbYbZc", True),
        ("a*b*c", "aXbYbZ", False),
        (r"\*", "*", True),
        (r"\*", "x", False),
        (r"a\\*", "a\\x", True),
        ("*", "", True),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_a_pattern_matches_whole_words_only(pattern: str, word: str, fits: bool) -> None:
    assert patterns.matches(pattern, word) is fits


def test_a_wildcard_stands_for_no_word_that_is_too_long() -> None:
    assert not patterns.matches("**", "x" * (patterns.WORD_MAX + 1))
    assert patterns.matches("x" * 5000, "x" * 5000), "a word without a wildcard is compared as it is"


def test_a_line_matches_word_by_word_and_names_the_first_that_it_does_not() -> None:
    line = ("--root", "/srv/*")
    assert patterns.unmatched(line, ("--root", "/srv/a")) is None
    assert patterns.unmatched(line, ("--root", "/etc/a")) == 1
    assert patterns.unmatched(line, ("--root",)) == 1
    assert patterns.unmatched(line, ("--root", "/srv/a", "more")) == 2
    assert patterns.unmatched((*line, "..."), ("--root", "/srv/a", "more", "still")) is None
    assert patterns.unmatched((), ()) is None and patterns.unmatched((), ("x",)) == 0


def test_a_literal_pattern_matches_its_word_alone() -> None:
    for word in ("*", "a*b", "\\", "...", "a\\*", ""):
        assert patterns.matches(patterns.literal(word), word)
        assert patterns.unmatched((patterns.literal(word),), (word,)) is None
        assert patterns.unmatched((patterns.literal(word),), (word, "more")) == 1
    assert not patterns.matches(patterns.literal("a*b"), "aXb")


def test_what_is_no_pattern_is_named() -> None:
    assert patterns.problem("a\\") and patterns.problem(3) and patterns.problem("x" * 2000) and patterns.problem("\0")
    assert patterns.line_problem("text") and patterns.line_problem(["...", "x"]) and patterns.line_problem(["x"] * 300)
    assert patterns.line_problem(["x", "..."]) is None
